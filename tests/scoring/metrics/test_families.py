"""Each family on a few facts with known answers."""

from datetime import date, timedelta

import numpy as np
import pytest

from accounts.measures import measure_ids
from accounts.models import (
    Activity,
    Contact,
    ContactState,
    Feature,
    FeatureUse,
    Goal,
    GoalProgress,
    Invoice,
    MetricDefinition,
    Opportunity,
    OpportunityState,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
    Usage,
)
from scoring.metrics.read import frame
from tests.scoring.metrics.book import name

DAY = date(2026, 11, 20)


def ago(days):
    return DAY - timedelta(days=days)


def add(model, account, **values):
    return model.objects.create(account=account, source="test", external_id=name(), **values)


def use(account, measure, values):
    pk = measure_ids([measure])[measure]
    Usage.objects.bulk_create(
        Usage(account=account, measure_id=pk, on=ago(days), value=value)
        for days, value in values.items()
    )


def row(account, *keys, **options):
    found = frame(keys, as_of=DAY, first_id=account.pk, last_id=account.pk, **options).iloc[0]
    return {key: None if np.isnan(found[key]) else pytest.approx(found[key]) for key in keys}


def same(account, **expected):
    assert row(account, *expected) == expected


def test_activities(make_account):
    account = make_account()
    talk = {"kind": "call", "direction": "out"}
    add(Activity, account, on=ago(40), outcome="answered", **talk)
    for days in (20, 12, 5):
        add(Activity, account, on=ago(days), outcome="unanswered", sentiment=-0.5, **talk)
    add(Activity, account, on=ago(100), kind="qbr", outcome="no_show", with_executive=True)
    add(Activity, account, on=ago(170), kind="ebr", outcome="attended", with_executive=True)
    add(Activity, account, on=ago(60), kind="webinar", invited=8, attended=2)
    add(Activity, account, on=ago(50), kind="training", outcome="no_show")
    same(
        account,
        total_activities_30d=3,
        days_since_last_activity=5,
        outreach_response_rate=0.25,
        consecutive_unanswered_outreach=3,
        negative_interactions_30d=3,
        executive_engagement_rate=0.5,
        qbrs_missed_180d=1,
        days_since_qbr=170,
        training_attendance_rate=2 / 9,
        training_no_shows_90d=1,
        competitor_mentions_90d=0,
    )
    add(Activity, account, on=ago(2), kind="email", direction="in")
    same(account, consecutive_unanswered_outreach=0, days_since_last_activity=2)


def test_tickets(make_account):
    account, other = make_account(), make_account()
    for days, severity, category in (
        (1, "critical", "bug"),
        (3, "critical", "bug"),
        (6, "high", "bug"),
        (40, "low", ""),
        (50, "normal", ""),
        (85, "", ""),
    ):
        add(Ticket, account, opened_on=ago(days), severity=severity, category=category)
    Ticket.objects.filter(opened_on=ago(40)).update(
        escalated_on=ago(30), reopened_on=ago(10), closed_on=ago(5)
    )
    Ticket.objects.filter(opened_on=ago(85)).update(
        closed_on=DAY + timedelta(days=1), first_response_on=ago(80), first_response_minutes=90
    )
    same(
        account,
        tickets_month=3,
        tickets_7d=3,
        tickets_usual_week=3 / 12,
        tickets_against_usual_rate=12,
        critical_ticket_share=0.4,
        severity_index_30d=11 / 3,
        severity_index_change=11 / 3 - 1.5,
        repeat_category_tickets_30d=3,
        open_tickets=5,
        escalations_90d=1,
        escalations_change=1,
        open_escalations=0,
        reopened_tickets_90d=1,
        first_response_hours_90d=1.5,
    )
    # The feed lists every ticket there is, so an account without any has 0; a share of none is unknown.
    same(other, tickets_month=0, open_tickets=0, critical_ticket_share=None)


def test_usage(make_account):
    account, silent = make_account(), make_account()
    use(account, "logins", {1: 4.0, 5: 4.0, 9: 10.0, 20: 6.0})
    use(account, "executive_logins", {35: 1.0, 3: 0.0})
    use(account, "active_users", {2: 4.0, 40: 9.0})
    use(account, "integration_runs", {3: 10.0})
    use(account, "integration_failures", {3: 1.0})
    use(account, "availability", {3: 0.9, 4: 1.0, 31: 0.0})
    same(
        account,
        logins_7d=8,
        logins_previous_7d=10,
        login_change_week_rate=-0.2,
        logins_per_user_month=6,
        executive_logins_30d=0,
        days_since_executive_login=35,
        usage_change_14d_rate=2,
        integration_success_rate=0.9,
        availability_30d=0.95,
        api_calls_30d=None,
    )
    # Nobody ever told log-ins of this account: unknown, not 0.
    same(silent, logins_7d=None, login_change_week_rate=None)


def test_a_silent_feed_gives_no_zeros(make_account):
    account = make_account()
    use(account, "logins", {61: 5.0})
    add(Ticket, account, opened_on=ago(75))
    same(account, logins_7d=None, tickets_month=None, tickets_usual_week=1 / 12)


def test_features(make_account):
    account = make_account()
    old, new, gone = (Feature.objects.create(key=key, label=key) for key in "abc")
    for feature, days in ((old, 200), (old, 10), (new, 25), (gone, 90)):
        add(FeatureUse, account, feature=feature, on=ago(days))
    use(account, "features_included", {100: 8.0})
    same(
        account,
        features_used_30d=2,
        feature_utilisation_rate=0.25,
        features_adopted_60d=1,
        days_since_new_feature=25,
    )


def test_contacts(make_account):
    account = make_account()

    def person(*states):
        contact = add(Contact, account, known_on=ago(200))
        for state in states:
            ContactState.objects.create(account=account, contact=contact, **state)
        return contact

    person({"valid_from": ago(200), "has_email": True, "is_champion": True, "left_on": ago(9)})
    person(
        {"valid_from": ago(200), "valid_to": ago(30), "is_executive_sponsor": True},
        {"valid_from": ago(30), "has_email": True, "is_stakeholder": True},
    )
    talked = person({"valid_from": ago(200), "is_stakeholder": True, "is_executive_sponsor": True})
    person({"valid_from": ago(90), "is_champion": True, "last_active_on": ago(33)})
    add(Activity, account, on=ago(4), kind="call", contact=talked)
    same(
        account,
        total_contacts=3,
        contacts_with_email=1,
        champion_contacts=1,
        champions_lost_90d=1,
        champion_inactive_days=33,
        executive_sponsors=1,
        sponsor_changed_90d=1,
        contacts_left_90d=1,
        stakeholders_identified=2,
        stakeholders_engaged=1,
    )


def test_deals_and_contracts(make_account):
    account, other = make_account(arr_amount=700_00), make_account(arr_amount=900_00)

    def deal(kind, *states):
        found = add(Opportunity, account, opened_on=ago(300))
        for begun, ended, status, amount in states:
            OpportunityState.objects.create(
                account=account,
                opportunity=found,
                kind=kind,
                status=status,
                amount=amount,
                valid_from=ago(begun),
                valid_to=None if ended is None else ago(ended),
            )

    deal("new", (300, 100, "open", 50_00), (100, None, "won", 60_00))
    deal("expansion", (300, 40, "open", 10_00), (40, None, "open", 30_00))
    deal("new", (90, None, "lost", 99_00))
    contract = add(
        Subscription,
        account,
        started_on=ago(500),
        ends_on=DAY + timedelta(days=45),
        seats=10,
        arr_amount=999_00,
    )
    for days, kind, arr in ((450, "new", 100_00), (30, "upsell", 120_00)):
        add(
            SubscriptionEvent,
            account,
            subscription=contract,
            kind=kind,
            on=ago(days),
            arr_amount=arr,
        )
    add(Subscription, account, started_on=ago(400), ended_on=ago(10), arr_amount=80_00)
    same(
        account,
        total_won_amount=60,
        current_pipeline_amount=30,
        pipeline_unchanged_days=40,
        win_rate_365d=0.5,
        arr=120,
        arr_change_12m=-60,
        contract_value_change_rate=-1 / 3,
        expansion_opportunity_rate=0.25,
        contracted_seats=10,
        active_subscriptions=1,
        renewal_days_left=45,
        contract_expansions_365d=1,
    )
    # No deal, no contract known: the deals are 0, the value is what the account's record says.
    same(other, current_pipeline_amount=0, arr=900, contracted_seats=None)


def test_payments_outcomes_and_feedback(make_account):
    account = make_account()
    for issued, due, paid in ((100, 70, 70), (90, 60, 50), (50, 20, None), (40, 10, -5)):
        add(
            Invoice,
            account,
            issued_on=ago(issued),
            due_on=ago(due),
            paid_on=None if paid is None else ago(paid),
            amount=10_00,
        )
    for kind, due, achieved in (
        ("goal", 30, 40),
        ("goal", 20, None),
        ("milestone", 30, 20),
        ("milestone", 5, -1),
    ):
        add(
            Goal,
            account,
            kind=kind,
            agreed_on=ago(200),
            due_on=ago(due),
            achieved_on=None if achieved is None else ago(achieved),
        )
    for kind, target, actual in (("kpi", 20.0, 25.0), ("kpi", 5.0, 12.0), ("roi", 200.0, 250.0)):
        goal = add(Goal, account, kind=kind, agreed_on=ago(200), baseline=10.0, target=target)
        GoalProgress.objects.create(account=account, goal=goal, on=ago(100), actual=1.0)
        GoalProgress.objects.create(account=account, goal=goal, on=ago(9), actual=actual)
    for kind, answered, score in (
        ("nps", 10, 9),
        ("nps", 12, 10),
        ("nps", 20, 3),
        ("nps", 200, 10),
        ("csat", 5, 4),
        ("nps", None, None),
    ):
        sent = ago(30 if answered is None else answered + 3)
        on = None if answered is None else ago(answered)
        add(Survey, account, kind=kind, sent_on=sent, answered_on=on, score=score)
    same(
        account,
        invoices_overdue=2,
        overdue_amount=20,
        days_overdue=20,
        invoices_paid_on_time_rate=0.25,
        goal_achievement_rate=0.5,
        milestone_completion_rate=0,
        milestones_overdue=1,
        kpi_improvement_rate=0.5,
        kpi_target_rate=0.5,
        roi_achieved_rate=1.25,
        outcome_tracking_rate=4 / 5,
        nps_score=100 / 3,
        nps_change=100 / 3 - 100,
        csat_score=4,
        feedback_participation_rate=0.8,
        days_since_feedback=5,
    )


def test_metrics_of_admins(make_account, report):
    account = make_account()
    MetricDefinition.objects.bulk_create(
        MetricDefinition(key=key, label=key, measure="exports", **values)
        for key, values in {
            "exports_sum": {"aggregate": "sum"},
            "exports_mean": {"aggregate": "mean"},
            "exports_last": {"aggregate": "last"},
            "exports_trend": {"aggregate": "trend"},
            "mood": {"aggregate": "mean", "origin": "reported"},
            "mood_trend": {"aggregate": "trend", "origin": "reported"},
        }.items()
    )
    # 2, 4, 6 at 20, 10 and 0 days ago grow by 6 in 30 days.
    use(account, "exports", {0: 6.0, 10: 4.0, 20: 2.0, 31: 50.0})
    for days, value in ((1, 5), (11, 4), (40, 1)):
        report(account, ago(days), mood=value, mood_trend=value)
    same(
        account,
        exports_sum=12,
        exports_mean=4,
        exports_last=6,
        exports_trend=6,
        mood=4.5,
        mood_trend=3,
    )
