"""The row of open work per account: what it names, what it weighs, what it costs to rebuild."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from playbooks import urgency
from playbooks.models import AccountWork, Alert, InterventionTask
from playbooks.services import attention
from scoring.models import AccountHealth
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

TODAY = NOW.date()


def work(account):
    return AccountWork.objects.get(account=account)


@pytest.mark.parametrize(
    ("severity", "untaken", "points"),
    [(None, True, 0), (1, False, 1), (1, True, 3), (2, True, 5), (3, False, 6), (4, True, 10)],
)
def test_points_of_alerts(severity, untaken, points):
    assert urgency.alert_points(severity, untaken=untaken) == points


@pytest.mark.parametrize(
    ("hours", "broken", "points"),
    [
        (None, False, 0),
        (100, False, 2),
        (72, False, 4),
        (24, False, 7),
        (0, False, 10),
        (9, True, 10),
    ],
)
def test_points_of_clocks(hours, broken, points):
    due = None if hours is None else NOW + timedelta(hours=hours)
    assert urgency.clock_points(due, broken=broken, at=NOW) == points


def test_no_work_no_row(book):
    assert attention.refresh(None, at=NOW) == 0
    assert not AccountWork.objects.exists()


def test_the_row_names_the_most_pressing_of_everything(
    book, make_trigger, make_alert, make_plan, make_clock
):
    account = book[1]
    make_alert(account, make_trigger("dormant", severity=2))
    loud = make_alert(account, make_trigger("emergency", severity=4))
    make_alert(account, make_trigger("asleep", severity=4), snoozed_until=TODAY + timedelta(days=3))
    make_alert(account, make_trigger("frozen", severity=4), state=Alert.State.HELD)
    make_plan(
        account,
        title="Rescue",
        tasks=[
            {"title": "Later", "due_on": TODAY + timedelta(days=3)},
            {"title": "Waits", "state": "waiting", "due_on": TODAY - timedelta(days=2)},
            {"title": "Late", "due_on": TODAY - timedelta(days=1)},
            {"title": "Done", "state": "done", "due_on": TODAY - timedelta(days=9)},
        ],
    )
    make_clock(account, "weekly_review", due_at=NOW + timedelta(hours=1))
    broken = make_clock(account, state="broken", due_at=NOW - timedelta(hours=3))
    assert attention.refresh([account.pk], at=NOW) == 1
    row = work(account)
    assert (row.alerts_open, row.alerts_untaken, row.severity) == (3, 2, 4)
    assert (row.top_alert, row.top_alert_name) == (loud, "Emergency")
    assert (row.plans_open, row.plan_title) == (1, "Rescue")
    assert (row.next_task_title, row.next_due_on) == ("Late", TODAY - timedelta(days=1))
    assert row.tasks_overdue == 2
    assert (row.clock, row.clock_label, row.clock_broken) == (broken, "First response", True)
    assert (row.alert_points, row.clock_points) == (10, 10)
    health = AccountHealth.objects.get(account=account).priority
    assert row.priority == pytest.approx(health + 20)


def test_taken_is_less_pressing_and_an_opportunity_presses_not_at_all(
    book, owner, make_trigger, make_alert
):
    make_alert(book[0], make_trigger("grow", family="opportunity", severity=4))
    make_alert(book[1], taken_by=owner, taken_at=NOW)
    attention.refresh(None, at=NOW)
    assert (work(book[0]).alerts_open, work(book[0]).alert_points) == (1, 0)
    assert (work(book[1]).alerts_untaken, work(book[1]).alert_points) == (0, 6)


def test_what_is_over_leaves_the_row_and_the_last_takes_it_along(book, make_alert, make_plan):
    alert, plan = make_alert(book[1]), make_plan(book[1])
    attention.refresh([book[1].pk], at=NOW)
    Alert.objects.filter(pk=alert.pk).update(state="cleared", ended_at=NOW, ended_on=NIGHT)
    attention.refresh([book[1].pk], at=NOW)
    assert (work(book[1]).alerts_open, work(book[1]).severity) == (0, None)
    InterventionTask.objects.update(state="done")
    plan.state, plan.closed_at, plan.outcome = "closed", NOW, "recovered"
    plan.save()
    assert attention.refresh([book[1].pk], at=NOW) == 0
    assert not AccountWork.objects.exists()


def test_the_priority_never_exceeds_a_hundred(book, make_alert, make_clock):
    AccountHealth.objects.filter(account=book[1]).update(priority=95)
    make_alert(book[1])
    make_clock(book[1], state="broken")
    attention.refresh(None, at=NOW)
    assert work(book[1]).priority == 100


def test_an_account_without_health_has_the_points_of_its_work(make_account, make_alert):
    account = make_account()
    make_alert(account)
    attention.refresh(None, at=NOW)
    assert work(account).priority == 8


def test_others_are_left_alone_and_the_whole_book_is_done_in_pieces(
    book, make_alert, make_plan, monkeypatch
):
    for account in book:
        make_alert(account)
    attention.refresh([book[0].pk], at=NOW)
    assert list(AccountWork.objects.values_list("pk", flat=True)) == [book[0].pk]
    monkeypatch.setattr(attention, "CHUNK", 2)
    assert attention.refresh(None, at=NOW) == 6
    assert AccountWork.objects.count() == 6


def test_statements_do_not_grow_with_the_accounts(make_account, make_alert, make_plan, make_clock):
    accounts = [make_account() for _ in range(60)]
    for account in accounts:
        make_alert(account)
        make_plan(account, tasks=("One", "Two"))
        make_clock(account)

    def statements(ids):
        with CaptureQueriesContext(connection) as queries:
            attention.refresh(ids, at=NOW)
        return len(queries)

    ids = [account.pk for account in accounts]
    assert statements(ids[:2]) == statements(ids) <= 11
