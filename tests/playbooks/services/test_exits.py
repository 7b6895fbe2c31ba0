"""Exit tests night by night: begin to hold, hold long enough, break, fall back; unknown is neither."""

from datetime import date, timedelta

import pytest

from playbooks.models import Intervention
from playbooks.services import exits, interventions
from playbooks.services.plan_changes import Kind
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

QUIET = {
    "match": "all",
    "conditions": [{"metric": "days_since_last_activity", "op": "<", "value": 10}],
}


def night_of(day: int) -> date:
    return NIGHT + timedelta(days=day)


@pytest.fixture
def night(score_book):
    """Score the night `day` days after `NIGHT` with these readings, and judge the exit tests."""

    def run(day: int, readings: dict) -> None:
        score_book(readings, night_of(day))
        exits.night(as_of=night_of(day), at=NOW + timedelta(days=day))

    return run


@pytest.fixture
def account(make_account, owner, north, manager):
    return make_account("Poor Pots", owner=owner, team=north)


@pytest.fixture
def plan(account, make_plan):
    return make_plan(account, exit_rule=QUIET, exit_days=3)


def days(value: float | None) -> dict:
    return {"days_since_last_activity": value}


def test_it_closes_once_it_has_held_its_days_in_a_row(plan, account, night) -> None:
    for day, value in enumerate((20, 5, 9.9, 3)):
        plan.refresh_from_db()
        assert plan.is_open
        night(day, {account: days(value)})
    plan.refresh_from_db()
    assert (plan.outcome, plan.closed_by, plan.closed_on) == ("recovered", None, night_of(3))
    assert plan.exit_since == night_of(1)
    assert plan.score_end is not None
    assert [row.kind for row in plan.changes.filter(task=None)] == ["closed", "holding"]


def test_at_the_threshold_it_does_not_hold(plan, account, night) -> None:
    night(0, {account: days(10)})
    plan.refresh_from_db()
    assert (plan.state, plan.exit_holds, plan.exit_checked_on) == ("active", False, NIGHT)


def test_a_break_starts_the_count_anew(plan, account, night) -> None:
    night(0, {account: days(5)})
    plan.refresh_from_db()
    assert (plan.state, plan.exit_since) == ("holding", NIGHT)
    night(1, {account: days(30)})
    plan.refresh_from_db()
    assert (plan.state, plan.exit_since) == ("active", None)
    night(2, {account: days(5)})
    plan.refresh_from_db()
    assert plan.exit_since == night_of(2)
    assert exits.held_days(plan) == 1


def test_unknown_neither_holds_nor_fails(make_account, owner, make_plan, night) -> None:
    account = make_account(owner=owner)
    rule = {
        "match": "all",
        "conditions": [{"metric": "nps", "op": ">=", "value": 30}],
    }
    plan = make_plan(account, exit_rule=rule, exit_days=2, exit_since=NIGHT - timedelta(days=9))
    Intervention.objects.update(state="holding")
    night(0, {account: {}})
    plan.refresh_from_db()
    assert (plan.state, plan.exit_holds) == ("holding", None)
    assert plan.exit_since == NIGHT - timedelta(days=9)


def test_a_night_again_changes_nothing(plan, account, night) -> None:
    for day in range(3):
        night(day, {account: days(5)})
    plan.refresh_from_db()
    assert plan.outcome == "recovered"
    before = (plan.version, plan.changes.count())
    exits.night(as_of=night_of(2), at=NOW)
    # Nor does one that is over.
    exits.night(as_of=night_of(0), at=NOW)
    plan.refresh_from_db()
    assert (plan.version, plan.changes.count()) == before


def test_a_fall_within_thirty_days_opens_it_again(plan, account, night) -> None:
    for day in range(3):
        night(day, {account: days(5)})
    night(32, {account: days(40)})
    plan.refresh_from_db()
    assert (plan.state, plan.outcome, plan.reopened_on) == ("active", "", night_of(32))
    assert [task.state for task in plan.tasks.all()] == ["open"]
    assert plan.changes.first().kind == Kind.REOPENED


def test_a_later_fall_is_another_story(plan, account, night) -> None:
    for day in range(3):
        night(day, {account: days(5)})
    night(33, {account: days(40)})
    plan.refresh_from_db()
    assert plan.state == "closed"


def test_what_a_person_called_recovered_stays(plan, account, owner, night) -> None:
    interventions.close(plan, by=owner, at=NOW, on=NIGHT, outcome="recovered")
    night(1, {account: days(40)})
    plan.refresh_from_db()
    assert plan.state == "closed"


def test_churn_ends_a_plan(plan, account, night) -> None:
    account.churned_on = NIGHT
    account.save()
    night(0, {})
    plan.refresh_from_db()
    assert (plan.outcome, plan.closed_by) == ("churned", None)


def test_kpis_follow_the_metrics_and_keep_their_day(book, owner, make_plan, night) -> None:
    plan = make_plan(book[4])
    for metric in ("total_activities_30d", "score", "nps"):
        interventions.add_kpi(
            plan, by=owner, at=NOW, metric=metric, target_kind="at_least", target_value=40
        )
    night(1, {book[4]: {"total_activities_30d": 41}})
    activities, score, nps = plan.kpis.order_by("pk")
    book[4].health.refresh_from_db()
    assert (activities.baseline, activities.current, activities.current_on) == (30, 41, night_of(1))
    assert score.current == pytest.approx(book[4].health.score)
    assert (nps.baseline, nps.current, nps.current_on) == (None, None, None)


def test_a_playbook_without_a_test_ends_with_its_tasks(
    book, owner, make_playbook, score_book
) -> None:
    from playbooks.services import intervention_tasks

    version = make_playbook(steps=("Call",))
    plan = interventions.start(book[0], by=owner, at=NOW, on=NIGHT, version=version)
    hand = interventions.start(book[0], by=owner, at=NOW, on=NIGHT, title="By hand")
    exits.night(as_of=NIGHT, at=NOW)
    plan.refresh_from_db()
    assert plan.is_open
    intervention_tasks.finish(plan.tasks.get(), by=owner, at=NOW)
    exits.night(as_of=NIGHT, at=NOW)
    plan.refresh_from_db()
    hand.refresh_from_db()
    assert (plan.outcome, plan.outcome_note) == ("no_change", "All its tasks are done.")
    assert hand.is_open


def test_a_frozen_source_is_unknown(plan, account, night, monkeypatch) -> None:
    night(0, {account: days(5)})
    monkeypatch.setattr(exits, "frozen_metrics", lambda as_of: {"days_since_last_activity": ()})
    night(1, {account: days(50)})
    plan.refresh_from_db()
    assert (plan.state, plan.exit_holds, plan.exit_since) == ("holding", None, NIGHT)


def test_more_plans_ask_no_more(book, make_plan) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def asked(day: int) -> int:
        with CaptureQueriesContext(connection) as seen:
            exits.night(as_of=NIGHT, at=NOW + timedelta(days=day))
        return len(seen)

    for account in book[:3]:
        make_plan(account, exit_rule=QUIET)
    first = asked(0)
    for account in book:
        make_plan(account, exit_rule=QUIET)
    assert asked(0) <= first
