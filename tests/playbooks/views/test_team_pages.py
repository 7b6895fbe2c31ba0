"""Team, assigning, absences, hand-over: who gets in, what the numbers are, what a press does."""

import csv
import io
import re
from datetime import timedelta

import pytest

from accounts.models import Account
from csm.lib.dates import today
from playbooks.models import Absence, Assignment, Handover, Intervention, Note
from playbooks.selectors import team as selectors
from scoring.models import AccountHealth


@pytest.fixture
def loaded(book, owner, colleague, make_alert, make_plan):
    """`owner`: 3 accounts, 2 at risk, a plan with a late task, 2 alerts; `colleague`: 2 accounts."""
    AccountHealth.objects.filter(account__in=book[:2]).update(band=0)
    AccountHealth.objects.filter(account__in=book[3:]).update(band=2)
    make_alert(book[0])
    make_alert(book[1], overflow=True)
    make_plan(book[1], tasks=[{"title": "Late", "due_on": today() - timedelta(days=2)}, "Call"])
    done = make_plan(book[0], tasks=())
    Intervention.objects.filter(pk=done.pk).update(
        state="closed", outcome="recovered", closed_on=today(), closed_at=done.started_at
    )
    return book


@pytest.mark.parametrize("path", ["/team/", "/team.csv"])
def test_the_team_is_for_those_who_look_after_one(client, loaded, people, path):
    found = {}
    for who, user in people.items():
        client.force_login(user)
        found[who] = client.get(path).status_code
    assert found == {
        "owner": 404, "colleague": 404, "outsider": 404, "manager": 200, "executive": 200, "admin": 200
    }  # fmt: skip


def test_what_everybody_carries(loaded, manager, owner, colleague, outsider):
    found = selectors.members(manager, selectors.people_of(manager), on=today())
    assert [each.user for each in found] == [owner, colleague]
    first, second = found
    assert (first.accounts, first.arr, first.at_risk, first.arr_at_risk) == (
        3,
        36_000_000,
        2,
        24_000_000,
    )
    assert (first.plans, first.overdue, first.alerts, first.untaken, first.overflow) == (
        1,
        1,
        2,
        2,
        1,
    )
    assert (first.closed, first.recovered) == (1, 1)
    assert first.load == 3 + 2 * 3 + 4 + 2 + 1
    assert (second.load, second.word, first.word) == (2, "room for more", "too much")
    Absence.objects.create(user=colleague, cover=owner, first_on=today(), last_on=today())
    found = selectors.members(manager, selectors.people_of(manager), on=today())
    assert found[1].absence.cover == owner
    assert found[0].word == ""  # nobody to compare with


def test_every_number_opens_a_list_of_that_many(client, loaded, manager, owner):
    client.force_login(manager)
    page = client.get("/team/").content.decode()
    lists = {
        f"/portfolio/?scope=all&amp;owner={owner.pk}": 3,
        f"/at-risk/?scope=all&amp;owner={owner.pk}": 2,
    }
    for address, many in lists.items():
        assert f'href="{address}">{many}</a>' in page
        assert client.get(address.replace("&amp;", "&")).context["totals"].accounts == many
    assert f'href="/tasks/?scope=all&amp;who={owner.pk}&amp;group=overdue">1</a>' in page
    assert f'href="/alerts/?scope=all&amp;owner={owner.pk}&amp;state=any">2</a>' in page
    for address in re.findall(r'href="(/(?:alerts|plans|tasks)/\?scope=all[^"]*)"', page):
        assert client.get(address.replace("&amp;", "&")).status_code == 200


def test_the_csv_says_the_same(client, loaded, manager):
    client.force_login(manager)
    text = b"".join(client.get("/team.csv").streaming_content).decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["colleague"], row["arr"], row["at_risk"]) == ("owner", "360000.00", "2")
    assert (row["load"], row["recovered_90d"]) == ("too much", "1")


# Giving


def preview(client, **values):
    return client.post("/team/assign/", values)


def test_only_managers_and_admins_give(client, loaded, people):
    for who in ("owner", "colleague", "outsider", "executive"):
        client.force_login(people[who])
        assert client.get("/team/assign/").status_code == 404
        assert preview(client, what="accounts", id=loaded[0].pk).status_code == 404
        assert client.post("/lists/portfolio/assign/").status_code == 404
    client.force_login(people["manager"])
    assert client.get("/team/assign/").status_code == 200


def test_from_ticks_to_a_preview_to_the_deed_and_back(client, loaded, manager, owner, colleague):
    client.force_login(manager)
    ids = [loaded[0].pk, loaded[1].pk]
    first = preview(client, what="accounts", id=ids)
    assert first.context["suggestions"][0]["user"] == colleague
    assert "room" not in first.context["words"]
    assert first.context["words"] == "2 accounts, 1 plan, 2 tasks, 2 alerts"
    form = {
        "what": "accounts",
        "ids": first.context["ids"],
        "to": colleague.pk,
        "with_accounts": "on",
    }
    second = preview(client, **form, do="look", seen=first.context["mark"])
    assert {row[0][1]: (row[1][1], row[2][1]) for row in second.context["loads"]} == {
        "colleague": ('<span class="num">2</span>', '<b class="num">16</b>'),
        "owner": ('<span class="num">16</span>', '<b class="num">2</b>'),
    }
    assert not Assignment.objects.exists()
    done = preview(client, **form, do="give", seen=second.context["mark"], word="Call before noon")
    assert done["Location"] == "/team/"
    assert Account.objects.filter(owner=colleague).count() == 4
    # Pressed twice, or by two: nothing happens again.
    again = preview(client, **form, do="give", seen=second.context["mark"])
    assert "manager gave some of these accounts to colleague before you" in again.content.decode()
    assert Assignment.objects.count() == 1
    row = Assignment.objects.get()
    client.force_login(owner)
    assert client.post(f"/team/assignments/{row.pk}/undo/").status_code == 404
    client.force_login(manager)
    page = client.post(f"/team/assignments/{row.pk}/undo/", follow=True).content.decode()
    assert "went back" in page
    assert "taken back by" in page
    assert Account.objects.filter(owner=owner).count() == 3


def test_a_whole_list_and_all_of_a_colleague(client, loaded, manager, owner, outsider):
    client.force_login(manager)
    matching = client.post("/lists/at-risk/assign/?scope=all")
    assert set(matching.context["found"].account_ids) == {loaded[0].pk, loaded[1].pk}
    filtered = client.post("/lists/portfolio/assign/?scope=all&q=pots")
    assert set(filtered.context["found"].account_ids) == {loaded[1].pk}
    every = client.get(f"/team/assign/?from={owner.pk}")
    assert len(every.context["found"].account_ids) == 3
    assert not client.get(f"/team/assign/?from={outsider.pk}").context["found"].account_ids


@pytest.mark.parametrize("what", ["plans", "alerts"])
def test_plans_and_alerts_are_given_too(client, loaded, manager, what):
    client.force_login(manager)
    of = {"plans": loaded[1].interventions, "alerts": loaded[0].alerts}[what]
    response = preview(client, what=what, id=[row.pk for row in of.all()])
    assert response.context["found"].account_ids
    assert not response.context["found"].accounts


def test_odd_requests_are_refused(client, loaded, manager, outsider):
    client.force_login(manager)
    assert preview(client, what="users", id=1).status_code == 404
    assert preview(client, what="accounts", ids="1;2").status_code == 404
    assert client.get("/team/assign/?from=x").status_code == 200
    refused = preview(
        client, what="accounts", ids=str(loaded[0].pk), to=outsider.pk, do="give", seen="x"
    )
    assert refused.status_code == 200
    assert not Assignment.objects.exists()


# Absences


def test_absences_are_noted_and_ended(client, people, owner, colleague):
    client.force_login(owner)
    values = {"user": owner.pk, "cover": colleague.pk, "first_on": today(), "last_on": today()}
    assert client.post("/team/absences/", values).status_code == 302
    again = client.post("/team/absences/", values)
    assert "noted as away" in again.content.decode()
    other = client.post("/team/absences/", values | {"user": colleague.pk, "cover": owner.pk})
    assert other.status_code == 200
    row = Absence.objects.get()
    client.force_login(people["outsider"])
    assert "owner" not in client.get("/team/absences/").context["rows"]
    assert not client.get("/team/absences/").context["rows"]
    assert client.post("/team/absences/", {"end": row.pk}).status_code == 404
    client.force_login(people["executive"])
    assert client.get("/team/absences/").status_code == 200
    assert client.post("/team/absences/", values).status_code == 404
    client.force_login(people["manager"])
    client.post("/team/absences/", {"end": row.pk})
    assert not Absence.objects.exists()


# Hand-over


def test_the_pack_has_it_all_on_a_page(client, loaded, owner, colleague, manager, outsider):
    account = loaded[1]
    Note.objects.create(
        account=account,
        kind="promise",
        body="Fix <the> export",
        on=today(),
        at=account.created_at,
        by=owner,
    )
    Handover.objects.create(
        account=account,
        previous=owner,
        to=colleague,
        on=today(),
        at=account.created_at,
        word="Be kind",
    )
    client.force_login(colleague)
    address = f"/handover/{account.pk}/"
    page = client.get(address).content.decode()
    for said in (
        "Be kind",
        "Fix &lt;the&gt; export",
        "Emergency",
        "Late",
        "overdue since",
        "I have read",
    ):
        assert said in page, said
    client.post(address, {"do": "word", "word": "Mine"})
    assert Handover.objects.get().word == "Be kind"
    client.post(address, {"do": "read"})
    assert Handover.objects.get().read_at is not None
    assert "I have read" not in client.get(address).content.decode()
    client.force_login(owner)
    client.post(address, {"do": "word", "word": "Be very kind"})
    assert Handover.objects.get().word == "Be very kind"
    client.force_login(outsider)
    assert client.get(address).status_code == 404
    assert client.post(address, {"do": "read"}).status_code == 404


def test_the_list_of_what_was_handed_to_me(client, loaded, owner, colleague):
    Handover.objects.create(
        account=loaded[0], previous=owner, to=colleague, on=today(), at=loaded[0].created_at
    )
    client.force_login(colleague)
    assert "Healthy Hats" in client.get("/handovers/").content.decode()
    client.force_login(owner)
    assert "Healthy Hats" not in client.get("/handovers/").content.decode()


def test_an_account_nobody_handed_over_has_a_page_too(client, book, owner):
    client.force_login(owner)
    assert client.get(f"/handover/{book[2].pk}/").status_code == 200


def test_the_loads_of_a_large_book_are_those_of_its_night(book, admin, monkeypatch):
    def loads():
        people = selectors.people_of(admin)
        found = selectors.members(admin, people, on=today())
        return {
            each.user: (each.accounts, each.arr, each.arr_known, each.at_risk, each.arr_at_risk)
            for each in found
        }

    live = loads()
    assert any(accounts for accounts, *_ in live.values())
    monkeypatch.setattr(selectors, "LIVE", 0)
    assert loads() == live
