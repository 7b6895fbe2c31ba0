"""Accounts that an import gave to somebody else: the work follows once, and a hand-over is there."""

from datetime import timedelta

import pytest

from accounts.services.owners import note_owners
from playbooks.models import AccountWork, Handover, Notice
from playbooks.services import owner_changes
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW

pytestmark = pytest.mark.django_db


def given(account, to, on=NIGHT):
    """As an import leaves it."""
    note_owners({account.pk: (to.pk, on)}, previous={account.pk: account.owner_id})
    account.owner = to
    account.save()


@pytest.fixture
def account(make_account, owner):
    return make_account(owner=owner, customer_since=NIGHT - timedelta(days=400))


def follow(**values):
    return owner_changes.follow(on=NIGHT, at=NOW, **values)


def test_open_work_of_the_last_owner_follows(
    account, owner, colleague, manager, make_alert, make_plan, make_trigger
):
    taken = make_alert(account, taken_by=owner, taken_at=NOW)
    elsewhere = make_alert(account, make_trigger("quiet"), owner_id=manager.pk)
    over = make_alert(account, make_trigger("over"), state="dismissed")
    plan = make_plan(account, tasks=("Call", {"title": "Agree", "assignee": manager}))
    given(account, colleague)
    assert follow() == 1
    for row in (taken, elsewhere, over, plan):
        row.refresh_from_db()
    assert (taken.owner, taken.taken_by, plan.owner) == (colleague, None, colleague)
    assert (elsewhere.owner, over.owner) == (manager, owner)
    assert [task.assignee for task in plan.tasks.order_by("position")] == [colleague, manager]
    assert plan.changes.get().reason == "The account changed owner."
    handed = Handover.objects.get()
    assert (handed.previous, handed.to, handed.assignment) == (owner, colleague, None)
    assert set(Notice.objects.values_list("user", flat=True)) == {owner.pk, colleague.pk}
    assert AccountWork.objects.get().plans_open == 1

    # Given back on purpose: it stays there.
    plan.owner = owner
    plan.save()
    assert follow() == follow(account_ids=[account.pk]) == 0
    plan.refresh_from_db()
    assert plan.owner == owner
    assert Notice.objects.count() == 2


def test_who_cannot_work_gets_nothing(account, make_plan, owner, executive, colleague):
    plan = make_plan(account)
    given(account, executive)
    assert follow() == 0
    given(account, colleague, NIGHT - timedelta(days=40))
    assert follow(account_ids=[]) == 0
    plan.refresh_from_db()
    assert plan.owner == owner


def test_owners_of_old_and_of_new_accounts_are_no_change(account, make_account, colleague):
    fresh = make_account()
    given(fresh, colleague)
    given(account, colleague, NIGHT - timedelta(days=31))
    assert follow() == 0
