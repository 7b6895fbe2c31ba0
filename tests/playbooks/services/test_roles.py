"""Who does a role's steps."""

from datetime import date

import pytest

from csm.lib.errors import WorkbenchError
from playbooks.models import Absence, RoleHolder
from playbooks.services.roles import holders, name_holder

ON = date(2026, 11, 23)


def test_the_csm_is_the_owner_and_the_manager_the_teams(make_account, owner, manager, north):
    account = make_account(owner=owner, team=north)
    found = holders([account.pk], ["csm", "manager", "solutions"])
    assert found == {
        (account.pk, "csm"): owner.pk,
        (account.pk, "manager"): manager.pk,
        # Nobody is named: better the owner than nobody.
        (account.pk, "solutions"): owner.pk,
    }


def test_the_teams_holder_comes_before_the_one_for_everywhere(
    make_account, owner, colleague, executive, north, south
):
    RoleHolder.objects.create(role="support_lead", team=north, user=colleague)
    RoleHolder.objects.create(role="support_lead", team=None, user=executive)
    here, there = make_account(owner=owner, team=north), make_account(team=south)
    found = holders([here.pk, there.pk], ["support_lead"])
    assert found == {
        (here.pk, "support_lead"): colleague.pk,
        (there.pk, "support_lead"): executive.pk,
    }


def test_whoever_may_not_see_the_account_or_left_is_passed_over(
    make_account, owner, outsider, colleague, north
):
    account = make_account(owner=owner, team=north)
    RoleHolder.objects.create(role="solutions", team=None, user=outsider)
    RoleHolder.objects.create(role="marketing", team=north, user=colleague)
    colleague.is_active = False
    colleague.save()
    assert set(holders([account.pk], ["solutions", "marketing"]).values()) == {owner.pk}


def test_those_away_are_represented_by_their_cover(make_account, owner, colleague, manager, north):
    account = make_account(owner=owner, team=north)
    Absence.objects.create(user=owner, cover=colleague, first_on=ON, last_on=ON)
    assert holders([account.pk], ["csm"], on=ON)[account.pk, "csm"] == colleague.pk
    assert holders([account.pk], ["csm"], on=date(2026, 11, 24))[account.pk, "csm"] == owner.pk


def test_queries_do_not_grow_with_the_accounts(
    make_account, owner, manager, north, django_assert_num_queries
):
    ids = [make_account(owner=owner, team=north).pk for _ in range(20)]
    roles = ["csm", "manager", "solutions"]
    with django_assert_num_queries(5):
        holders(ids, roles, on=ON)


def test_an_admin_names_holders(admin, colleague, north):
    name_holder("renewal_desk", team=north, user=colleague, by=admin)
    assert RoleHolder.objects.get().user == colleague
    name_holder("renewal_desk", team=north, user=None, by=admin)
    assert not RoleHolder.objects.exists()


@pytest.mark.parametrize(
    ("role", "who", "says"),
    [
        ("csm", "colleague", "owner"),
        ("solutions", "outsider", "not in North"),
    ],
)
def test_holders_that_make_no_sense_are_refused(role, who, says, admin, people, north):
    with pytest.raises(WorkbenchError, match=says):
        name_holder(role, team=north, user=people[who], by=admin)


def test_only_an_admin_says_who_holds_what(manager, colleague, north):
    with pytest.raises(WorkbenchError, match="Only an admin"):
        name_holder("solutions", team=north, user=colleague, by=manager)
