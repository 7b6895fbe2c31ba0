"""A colleague is read with their teams, once."""

import pytest

from csm.sign_in.backend import WithTeams


@pytest.mark.parametrize("names", [(), ("South",), ("South", "North")])
def test_one_statement_reads_a_colleague_and_their_teams(
    names, make_user, make_team, django_assert_num_queries
):
    teams = [make_team(name) for name in names]
    make_team("Elsewhere")
    user = make_user("nell", teams=tuple(teams))
    with django_assert_num_queries(1):
        found = WithTeams().get_user(user.pk)
        assert found == user
        assert sorted(found.team_ids) == sorted(team.pk for team in teams)


def test_who_left_is_nobody(make_user, north):
    user = make_user("gone", teams=(north,))
    user.is_active = False
    user.save()
    assert WithTeams().get_user(user.pk) is None
    assert WithTeams().get_user(user.pk + 1) is None
