"""Giving work away: what moves, what stays, taking it back, two managers at once, who is told."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, OwnerPeriod
from playbooks.models import (
    Absence,
    Alert,
    AlertChange,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
    Notice,
)
from playbooks.services import absences, assignment_plans, assignment_undo, assignments
from playbooks.services.assignment_plans import AssignmentError
from tests.playbooks.conftest import NOW

TODAY = date(2026, 11, 21)


def give(what, ids, to, by, **values):
    defaults = {"with_accounts": True, "word": "They like mornings."} | values
    seen = assignment_plans.plan(
        what, ids, to=to, by=by, with_accounts=defaults["with_accounts"]
    ).mark
    return assignments.assign(what, ids, to=to, by=by, at=NOW, on=TODAY, seen=seen, **defaults)


@pytest.fixture
def busy(book, owner, manager, make_alert, make_plan, make_clock):
    """Poor Pots of `owner` with one of everything; the sponsor's task is the manager's own."""
    account = book[1]
    plan = make_plan(
        account,
        tasks=[
            "Call",
            {"title": "Sponsor", "assignee": manager},
            {"title": "Old", "state": "done"},
        ],
    )
    alert = make_alert(account, taken_by=owner, taken_at=NOW)
    clock = make_clock(account)
    return account, plan, alert, clock


def test_an_account_goes_with_its_open_work(busy, owner, colleague, manager):
    account, plan, alert, clock = busy
    row = give("accounts", [account.pk], colleague, manager, reason="Smaller book")
    for each, name in ((account, "owner"), (plan, "owner"), (alert, "owner"), (clock, "owner")):
        each.refresh_from_db()
        assert getattr(each, name) == colleague
    tasks = dict(InterventionTask.objects.values_list("title", "assignee__username"))
    assert tasks == {"Call": "colleague", "Sponsor": "manager", "Old": "owner"}
    assert (alert.taken_by, alert.taken_at, alert.version) == (None, None, 2)
    assert plan.version == 2
    assert AlertChange.objects.get().reason == "Smaller book"
    change = InterventionChange.objects.get()
    assert (change.kind, change.before["owner_id"]) == ("assigned", owner.pk)
    periods = OwnerPeriod.objects.filter(account=account).order_by("valid_from")
    assert periods.last().owner == colleague
    assert periods.last().valid_from == TODAY
    handover = Handover.objects.get()
    assert (handover.previous, handover.to, handover.word) == (
        owner,
        colleague,
        "They like mornings.",
    )
    assert row.moved["accounts"] == {str(account.pk): owner.pk}
    told = dict(Notice.objects.values_list("user__username", "title"))
    assert told == {
        "colleague": "manager hands you 1 account",
        "owner": "manager gave 1 account of yours to colleague",
    }


def test_only_the_work_moves_when_asked(busy, owner, colleague, manager):
    account, plan, *_ = busy
    give("accounts", [account.pk], colleague, manager, with_accounts=False)
    account.refresh_from_db()
    plan.refresh_from_db()
    assert (account.owner, plan.owner) == (owner, colleague)
    assert not Handover.objects.exists()


def test_plans_and_alerts_alone(busy, owner, colleague, manager):
    account, plan, alert, _ = busy
    give("plans", [plan.pk], colleague, manager)
    plan.refresh_from_db()
    assert plan.owner == colleague
    assert InterventionTask.objects.get(title="Call").assignee == colleague
    assert Alert.objects.get().owner == owner
    give("alerts", [alert.pk], colleague, manager)
    assert Alert.objects.get().owner == colleague
    account.refresh_from_db()
    assert account.owner == owner


def test_taking_it_back_restores_what_has_not_changed_since(busy, book, owner, colleague, manager):
    account, plan, alert, clock = busy
    row = give("accounts", [account.pk, book[0].pk], colleague, manager)
    Account.objects.filter(pk=book[0].pk).update(owner=manager)
    done = assignment_undo.undo(row, by=manager, at=NOW, on=TODAY)
    assert (done.back, done.left) == (4, 1)
    for each in (account, plan, alert, clock):
        each.refresh_from_db()
        assert each.owner == owner
    assert (alert.taken_by, alert.taken_at) == (owner, NOW)
    assert InterventionTask.objects.get(title="Call").assignee == owner
    book[0].refresh_from_db()
    assert book[0].owner == manager
    assert OwnerPeriod.objects.filter(account=account).order_by("valid_from").last().owner == owner
    assert [row.account for row in Handover.objects.all()] == [book[0]]
    with pytest.raises(AssignmentError, match="manager has taken this back already"):
        assignment_undo.undo(row, by=manager, at=NOW, on=TODAY)


def test_work_taken_up_since_stays(busy, colleague, manager):
    account = busy[0]
    row = give("accounts", [account.pk], colleague, manager)
    Alert.objects.update(taken_by=colleague, taken_at=NOW)
    InterventionTask.objects.filter(title="Call").update(state="done")
    done = assignment_undo.undo(row, by=manager, at=NOW, on=TODAY)
    assert (done.back, done.left) == (2, 2)
    assert Alert.objects.get().owner == colleague


def test_the_second_of_two_managers_is_told_and_nothing_happens_twice(
    busy, colleague, manager, admin, make_user, north
):
    account = busy[0]
    other = make_user("other", teams=(north,))
    seen = assignment_plans.plan("accounts", [account.pk], to=other, by=admin).mark
    give("accounts", [account.pk], colleague, manager)
    with pytest.raises(AssignmentError, match="manager gave some of these accounts to colleague"):
        assignments.assign(
            "accounts", [account.pk], to=other, by=admin, at=NOW, on=TODAY, seen=seen
        )
    account.refresh_from_db()
    assert account.owner == colleague
    assert Handover.objects.count() == 1


@pytest.mark.parametrize("who", ["owner", "executive", "outsider"])
def test_others_give_nothing(busy, people, colleague, who):
    with pytest.raises(AssignmentError):
        assignment_plans.plan("accounts", [busy[0].pk], to=colleague, by=people[who])


def test_nothing_goes_beyond_ones_teams(
    busy, outsider, executive, colleague, manager, make_account
):
    elsewhere = make_account("Elsewhere Eggs", owner=outsider)
    found = assignment_plans.plan("accounts", [busy[0].pk, elsewhere.pk], to=colleague, by=manager)
    assert (set(found.accounts), found.refused) == ({busy[0].pk}, 1)
    for to in (outsider, executive):
        with pytest.raises(AssignmentError, match="Choose a colleague"):
            give("accounts", [busy[0].pk], to, manager)


def test_an_account_joins_a_team_of_its_new_owner(book, outsider, admin, north, south):
    row = give("accounts", [book[0].pk], outsider, admin)
    book[0].refresh_from_db()
    assert book[0].team == south
    assignment_undo.undo(row, by=admin, at=NOW, on=TODAY)
    book[0].refresh_from_db()
    assert book[0].team == north


def test_nothing_to_give_is_said(book, owner, manager):
    with pytest.raises(AssignmentError, match="has all of it already"):
        give("accounts", [book[0].pk], owner, manager)


def test_statements_do_not_grow(
    make_account, make_alert, make_plan, owner, colleague, manager, north
):
    accounts = [make_account(owner=owner, team=north) for _ in range(24)]
    for account in accounts:
        make_alert(account)
        make_plan(account, tasks=("One", "Two"))

    def statements(some):
        with CaptureQueriesContext(connection) as queries:
            give("accounts", [account.pk for account in some], colleague, manager)
        return len(queries)

    assert manager.team_ids  # remembered per request
    assert statements(accounts[:3]) == statements(accounts[3:])
    assert Intervention.objects.filter(owner=colleague).count() == 24
    assert not Clock.objects.exists()


# Absences


def test_absences_and_who_may_note_them(owner, colleague, outsider, manager):
    week = TODAY + timedelta(days=7)
    row = absences.create(
        owner, cover=colleague, first_on=TODAY, last_on=week, note="", by=manager, at=NOW
    )
    assert Notice.objects.get(user=colleague).title == "You cover for owner from 21 Nov to 28 Nov"
    for values, why in (
        ({"user": owner}, "already"),
        ({"user": colleague, "cover": owner}, "choose somebody else"),
        ({"user": colleague, "cover": colleague}, "for themselves"),
        ({"user": colleague, "last_on": TODAY - timedelta(days=1)}, "before the first"),
        ({"user": colleague, "by": outsider}, "your own"),
    ):
        given = {
            "user": owner,
            "cover": None,
            "first_on": TODAY,
            "last_on": week,
            "by": manager,
        } | values
        user = given.pop("user")
        with pytest.raises(absences.AbsenceError, match=why):
            absences.create(user, note="", at=NOW, **given)
    with pytest.raises(absences.AbsenceError):
        absences.end(row, by=outsider, on=TODAY)
    absences.end(row, by=owner, on=TODAY + timedelta(days=2))
    assert Absence.objects.get().last_on == TODAY + timedelta(days=1)
    with pytest.raises(absences.AbsenceError, match="is over"):
        absences.end(Absence.objects.get(), by=owner, on=TODAY + timedelta(days=2))
