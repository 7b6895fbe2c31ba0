"""Who sees what: rules of the queryset, and a crawl of everything a person can reach."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts import access
from tests.pages import admin_pages, pages


def test_a_csm_sees_the_teams_and_changes_their_own(book, owner, colleague):
    assert set(access.visible_to(owner)) == set(book)
    assert set(access.changeable_by(owner)) == set(book[:3])
    assert set(access.changeable_by(colleague)) == set(book[3:5])


def test_a_manager_changes_what_the_team_has(book, manager, make_account):
    make_account("Elsewhere Eggs")
    assert set(access.visible_to(manager)) == set(access.changeable_by(manager)) == set(book)


def test_an_executive_sees_all_and_changes_nothing(book, executive, make_account):
    stray = make_account("Stray Straw")
    assert set(access.visible_to(executive)) == {*book, stray}
    assert not access.changeable_by(executive)


def test_an_admin_sees_and_changes_all(book, admin):
    assert set(access.visible_to(admin)) == set(access.changeable_by(admin)) == set(book)


def test_nobody_else_sees_anything(book, outsider, make_user):
    odd = make_user("odd", teams=tuple(outsider.teams.all()))
    odd.role = "visitor"
    gone = make_user("gone", "admin")
    gone.is_active = False
    for user in (outsider, odd, gone, AnonymousUser()):
        assert not access.visible_to(user)
        assert not access.changeable_by(user)


def test_an_owner_outside_the_team_sees_their_account(book, outsider):
    book[0].owner = outsider
    book[0].save()
    assert list(access.visible_to(outsider)) == [book[0]]


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
def test_asked_of_one_account_it_is_the_same(who, book, people, make_account):
    make_account("Elsewhere Eggs", owner=people["colleague"])
    user = people[who]
    changeable = set(access.changeable_by(user))
    for account in access.visible_to(user):
        assert access.may_change(user, account) == (account in changeable)


LINK = re.compile(r"""(?:href|hx-get)="(/[^"#]*)""")


def crawl(client, start: list[str], limit: int = 250) -> dict[str, tuple[int, str]]:
    """Status and body of everything reachable by links; static files and log-out left alone."""
    waiting, seen = list(start), {}
    while waiting and len(seen) < limit:
        url = waiting.pop(0)
        plain = url.replace("&amp;", "&")
        if plain in seen or plain.startswith(("/static/", "/logout/", "/admin/")):
            continue
        response = client.get(plain)
        body = response.getvalue() if response.streaming else response.content
        seen[plain] = (response.status_code, body.decode("utf-8", "replace"))
        if response.status_code == 200 and "html" in response.get("Content-Type", ""):
            # One address of each shape is enough: sort orders and pages differ by figures only.
            waiting += LINK.findall(seen[plain][1])
    return seen


@pytest.mark.parametrize("who", ["owner", "colleague", "outsider", "manager", "executive", "admin"])
def test_a_crawl_finds_no_error_and_nothing_of_others(
    who, people, book, client, south, make_account
):
    from scoring.selectors import newest_run

    make_account("Southern Secret", team=south, owner=people["outsider"])
    client.force_login(people[who])
    starts = [*pages(book[0], newest_run()).values(), *admin_pages().values()]
    seen = crawl(client, starts)
    assert len(seen) > 20
    assert not {url: status for url, (status, _) in seen.items() if status >= 500}
    everything = "\n".join(body for _, body in seen.values())
    if who in {"owner", "colleague", "manager"}:
        assert "Southern Secret" not in everything
        assert "Healthy Hats" in everything
    elif who == "outsider":
        assert "Southern Secret" in everything
        for account in book:
            assert account.name not in everything.replace("&#x27;", "'")


@pytest.mark.parametrize("name", ["account", "account health"])
def test_anothers_account_does_not_exist(name, book, outsider, client):
    from scoring.selectors import newest_run

    client.force_login(outsider)
    assert client.get(pages(book[0], newest_run())[name]).status_code == 404


def test_pages_of_admins_do_not_exist_for_others(db, people, client):
    for who, user in people.items():
        client.force_login(user)
        for name, url in admin_pages().items():
            assert client.get(url).status_code == (200 if who == "admin" else 404), (who, name)


# Pages whose form posts to themselves.
FORMS = {
    "password",
    "tokens",
    "notice settings",
    "webhooks",
    "calendar feed",
    "absences",
    "hand-over",
    "act on all alerts",
}


def test_pages_refuse_what_they_do_not_do(book, owner, client):
    from scoring.selectors import newest_run

    client.force_login(owner)
    every = pages(book[0], newest_run()) | admin_pages()
    answers = {
        name: client.post(url).status_code for name, url in every.items() if name not in FORMS
    }
    # Forms of admins and managers do not exist for others, whatever the verb.
    assert {name: status for name, status in answers.items() if status not in (404, 405)} == {}
