"""Plans: what is frozen when they start, and how they end, come back and move."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from playbooks.models import (
    Alert,
    Clock,
    Intervention,
    InterventionChange,
    InterventionTask,
    PlaybookKpi,
    PlaybookStep,
    PlaybookVersion,
)
from playbooks.services import intervention_tasks, interventions, sharing
from playbooks.services.plan_changes import PlanError
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

ON = NIGHT + timedelta(days=1)
STEPS = (
    {"title": "Call", "blocks": True},
    {"title": "Agree on a plan", "needs_approval": True, "offset_days": 3},
)


@pytest.fixture
def version(make_playbook):
    made = make_playbook(steps=STEPS, target_days=45, exit_days=7)
    PlaybookVersion.objects.filter(pk=made.pk).update(state="draft", published_at=None)
    PlaybookKpi.objects.create(
        version=made,
        position=1,
        metric="total_activities_30d",
        target_kind="change",
        target_value=0.5,
    )
    PlaybookKpi.objects.create(
        version=made, position=2, metric="score", target_kind="at_least", target_value=60
    )
    PlaybookVersion.objects.filter(pk=made.pk).update(state="active", published_at=NOW)
    made.refresh_from_db()
    return made


def begin(account, by, version=None, **values):
    return interventions.start(account, by=by, at=NOW, on=ON, version=version, **values)


def test_a_start_freezes_the_account_and_writes_the_work(book, owner, version) -> None:
    account = book[4]
    health = account.health
    plan = begin(account, owner, version)
    account.arr_amount, account.industry = 1, "Other"
    account.save()
    plan.refresh_from_db()
    assert (plan.score_start, plan.band_start, plan.tone_start) == (
        health.score,
        health.band_name,
        health.tone,
    )
    assert plan.version_start_id == health.version_id
    assert (plan.arr_start, plan.industry_start, plan.size_start) == (
        12_000_000,
        "Retail",
        "Mid-Market",
    )
    assert plan.target_on == ON + timedelta(days=45)
    assert plan.owner == account.owner
    assert [(t.title, t.state) for t in plan.tasks.all()] == [
        ("Call", "open"),
        ("Agree on a plan", "waiting"),
    ]
    kpi, score = plan.kpis.all()
    # 30 activities and half as many again.
    assert (kpi.baseline, kpi.target, kpi.baseline_on) == (30, 45, NIGHT)
    assert (score.baseline, score.target) == (health.score, 60)
    assert plan.changes.get().kind == "started"


def test_a_second_start_names_the_plan_that_runs(book, owner, manager, version) -> None:
    first = begin(book[0], owner, version)
    with pytest.raises(interventions.AlreadyRunning, match=r"since 21 Nov 2026.*owner") as told:
        begin(book[0], manager, version)
    assert told.value.plan == first
    assert Intervention.objects.count() == 1


def test_a_newer_version_of_a_running_playbook_is_no_other_playbook(book, owner, version) -> None:
    begin(book[0], owner, version)
    PlaybookVersion.objects.filter(pk=version.pk).update(state="retired")
    newer = PlaybookVersion.objects.create(
        playbook=version.playbook, number=2, state="active", published_at=NOW
    )
    with pytest.raises(interventions.AlreadyRunning):
        begin(book[0], owner, newer)


def test_a_start_answers_alerts_and_the_first_response(
    book, owner, version, make_alert, make_clock
) -> None:
    alert, other = make_alert(book[1]), make_alert(book[0])
    clock = make_clock(book[1])
    plan = begin(book[1], owner, version, alerts=[alert, other])
    alert.refresh_from_db()
    other.refresh_from_db()
    clock.refresh_from_db()
    assert (alert.intervention, alert.acted_at, alert.version) == (plan, NOW, 2)
    # Of another account.
    assert other.intervention is None
    assert (clock.state, clock.met_by) == (Clock.State.MET, owner)


def test_a_plan_by_hand_needs_a_title_and_has_no_tasks(book, owner) -> None:
    with pytest.raises(interventions.PlanError, match="title"):
        begin(book[0], owner, title=" ")
    plan = begin(book[0], owner, title="Win back", target_days=60)
    assert plan.target_on == ON + timedelta(days=60)
    assert not plan.tasks.exists()


def test_many_start_at_once_and_come_back_at_once(
    book, owner, manager, version, django_assert_num_queries, django_assert_max_num_queries
) -> None:
    running = begin(book[0], owner, version)
    batch = uuid4()
    plans, left = interventions.start_many(
        book, by=manager, at=NOW, on=ON, version=version, batch=batch
    )
    assert left == {book[0].pk: running}
    assert {plan.account_id for plan in plans} == {account.pk for account in book[1:]}
    assert InterventionTask.objects.filter(intervention__in=plans).count() == 10
    touched = plans[0]
    interventions.set_cause(touched, by=owner, at=NOW, cause="value", text="")
    assert interventions.undo(batch, by=manager, at=NOW) == (4, 1)
    assert Intervention.objects.filter(state="active").count() == 2
    assert interventions.undo(batch, by=manager, at=NOW) == (0, 1)


def test_starting_more_asks_no_more(book, manager, version, django_assert_max_num_queries) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def asked(accounts) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            interventions.start_many(
                accounts, by=manager, at=NOW, on=ON, version=version, batch=uuid4()
            )
        return len(seen)

    asked(book[:1])
    assert asked(book[1:2]) == asked(book[2:6])


def test_closing_keeps_the_end_and_skips_what_is_open(book, owner, version) -> None:
    plan = begin(book[1], owner, version)
    interventions.close(plan, by=owner, at=NOW, on=ON, outcome="improved", note="Calmer")
    plan.refresh_from_db()
    assert (plan.state, plan.outcome, plan.closed_by, plan.closed_on) == (
        "closed",
        "improved",
        owner,
        ON,
    )
    assert (plan.score_end, plan.arr_end) == (book[1].health.score, book[1].arr_amount)
    assert set(plan.tasks.values_list("state", flat=True)) == {"skipped"}
    with pytest.raises(interventions.PlanError, match="closed"):
        interventions.set_cause(plan, by=owner, at=NOW, cause="value", text="")


def test_reopening_brings_back_the_tasks_that_ended_with_it(book, owner, version) -> None:
    from playbooks.services import intervention_tasks as tasks

    plan = begin(book[1], owner, version)
    call = plan.tasks.first()
    tasks.skip(call, by=owner, at=NOW, reason="Called last week")
    interventions.close(plan, by=owner, at=NOW + timedelta(hours=1), on=ON, outcome="no_change")
    interventions.reopen(plan, by=owner, at=NOW + timedelta(hours=2), on=ON, reason="Too early")
    assert [t.state for t in plan.tasks.all()] == ["skipped", "open"]
    plan.refresh_from_db()
    assert (plan.state, plan.outcome, plan.score_end, plan.reopened_on) == ("active", "", None, ON)
    # What it ended as is still told.
    assert plan.changes.filter(kind="reopened").get().before["outcome"] == "no_change"


def test_the_second_of_two_is_told_who_was_first(book, owner, manager, version) -> None:
    plan = begin(book[0], owner, version)
    theirs = Intervention.objects.get(pk=plan.pk)
    interventions.edit(plan, by=owner, at=NOW, values={"issue": "Nobody logs in"})
    with pytest.raises(interventions.Overtaken, match="owner changed “Rescue” before you"):
        interventions.close(theirs, by=manager, at=NOW, on=ON, outcome="cancelled")
    assert Intervention.objects.get(pk=plan.pk).is_open


def test_assigning_moves_the_owners_open_tasks(book, owner, colleague, manager, version) -> None:
    plan = begin(book[0], owner, version)
    interventions.assign(plan, by=manager, at=NOW, owner=colleague)
    assert set(plan.tasks.values_list("assignee__username", flat=True)) == {"colleague"}
    assert plan.changes.first().before["owner_id"] == owner.pk


def test_the_root_cause_meets_its_clock(book, owner, version, make_clock) -> None:
    clock = make_clock(book[1], "root_cause")
    plan = begin(book[1], owner, version)
    interventions.set_cause(plan, by=owner, at=NOW, cause="support", text="Slow answers")
    clock.refresh_from_db()
    assert clock.state == Clock.State.MET
    assert plan.changes.first().after == {"cause": "support", "cause_text": "Slow answers"}


def test_moving_keeps_what_was_done_and_replaces_the_rest(book, owner, version) -> None:
    from playbooks.services import intervention_tasks as tasks

    plan = begin(book[4], owner, version)
    tasks.finish(plan.tasks.first(), by=owner, at=NOW)
    tasks.add(plan, by=owner, at=NOW, title="Send the minutes")
    PlaybookVersion.objects.filter(pk=version.pk).update(state="retired")
    newer = PlaybookVersion.objects.create(
        playbook=version.playbook, number=2, target_days=10, exit_days=3
    )
    for position, title in enumerate(("Call", "Write to the sponsor"), 1):
        PlaybookStep.objects.create(version=newer, position=position, title=title)
    PlaybookKpi.objects.create(
        version=newer,
        position=1,
        metric="total_activities_30d",
        target_kind="change",
        target_value=1,
    )
    PlaybookVersion.objects.filter(pk=newer.pk).update(state="active", published_at=NOW)
    newer.refresh_from_db()
    interventions.move_to(plan, newer, by=owner, at=NOW, on=ON)
    assert sorted(plan.tasks.values_list("title", flat=True)) == [
        "Call",
        "Send the minutes",
        "Write to the sponsor",
    ]
    kpi = plan.kpis.get()
    assert (kpi.baseline, kpi.target) == (30, 60)
    assert plan.target_on == ON + timedelta(days=10)
    assert plan.changes.first().before["tasks"] == ["Agree on a plan"]


def test_risks_and_kpis_of_ones_own(book, owner) -> None:
    plan = begin(book[4], owner, title="Win back")
    risk = interventions.add_risk(plan, by=owner, at=NOW, text="Sponsor leaves", likelihood=4)
    interventions.edit_risk(risk, by=owner, at=NOW, values={"state": "mitigated"})
    with pytest.raises(interventions.PlanError, match=r"1 .low. to 5"):
        interventions.add_risk(plan, by=owner, at=NOW, text="Too much", impact=6)
    kpi = interventions.add_kpi(
        plan,
        by=owner,
        at=NOW,
        metric="total_activities_30d",
        target_kind="at_least",
        target_value=40,
    )
    assert (kpi.baseline, kpi.current, kpi.target) == (30, 30, 40)
    assert plan.changes.filter(kind="risk").count() == 2


def test_a_link_lives_until_it_expires_or_is_taken_back(book, owner) -> None:
    plan = begin(book[0], owner, title="Win back")
    link, token = sharing.share(plan, by=owner, at=NOW, days=7)
    assert token not in link.digest
    assert sharing.opened(token, at=NOW + timedelta(days=6)) == link
    assert sharing.opened(token, at=NOW + timedelta(days=7)) is None
    assert sharing.opened("another", at=NOW) is None
    link.refresh_from_db()
    assert link.opened == 1
    assert sharing.revoke(link, by=owner, at=NOW)
    assert not sharing.revoke(link, by=owner, at=NOW)
    assert sharing.opened(token, at=NOW) is None
    with pytest.raises(sharing.PlanError, match="1 to 14 days"):
        sharing.share(plan, by=owner, at=NOW, days=15)


def test_changes_name_alerts_of_nobody_else(book, owner, make_alert) -> None:
    alert = make_alert(book[1], state=Alert.State.DISMISSED)
    begin(book[1], owner, title="Win back", alerts=[alert])
    alert.refresh_from_db()
    assert alert.intervention is None
    assert InterventionChange.objects.get().on == date(2026, 11, 21)


def test_a_plan_is_for_who_can_work_on_the_account(book, owner, outsider, executive) -> None:
    """Whatever door it came through: a plan of somebody who cannot see it is nobody's."""
    plan = begin(book[4], owner, title="By hand")
    task = intervention_tasks.add(plan, by=owner, at=NOW, title="Call")
    for person in (outsider, executive):
        with pytest.raises(PlanError):
            interventions.assign(plan, by=owner, at=NOW, owner=person)
        with pytest.raises(PlanError):
            begin(book[4], owner, title="Another", owner=person)
        with pytest.raises(PlanError):
            intervention_tasks.edit(task, by=owner, at=NOW, values={"assignee": person})
        with pytest.raises(PlanError):
            intervention_tasks.add(plan, by=owner, at=NOW, title="Call", assignee=person)
    assert Intervention.objects.count() == InterventionTask.objects.count() == 1
