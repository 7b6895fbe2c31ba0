"""What programs read: whose, in which pages, by which filters."""

from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.api.resources import RESOURCES
from accounts.models import ImportChange, ImportRun, Ticket
from tests.accounts.api.conftest import DAY

KEYS = [resource.key for resource in RESOURCES]


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
def test_everyone_reads_what_they_see(who, people, book, make_facts, api):
    facts = make_facts(book[0])
    program = api(people[who])
    for feed, fact in facts.items():
        listed = program.get(f"/api/v1/{feed}/", {"limit": 1000}).json()["results"]
        assert fact.pk in {row["id"] for row in listed}, feed
        assert program.get(f"/api/v1/{feed}/{fact.pk}/").json()["id"] == fact.pk


def test_an_outsider_finds_nothing_of_others_anywhere(
    book, make_facts, outsider, api, make_account, south
):
    facts = make_facts(book[0])
    own = make_account(team=south, parent=book[0])
    program = api(outsider)
    for key in KEYS:
        rows = program.get(f"/api/v1/{key}/").json()["results"]
        assert [row["id"] for row in rows] == ([own.pk] if key == "accounts" else []), key
        for query in ({"account": book[0].pk}, {"account_id": book[0].external_id}):
            if key != "accounts":
                assert program.get(f"/api/v1/{key}/", query).json()["results"] == []
        pk = facts[key].pk if key in facts else 1
        assert program.get(f"/api/v1/{key}/{pk}/").status_code == 404
        # The same words whether it is another's or nobody's.
        nobody = program.get(f"/api/v1/{key}/{2**70}/")
        assert nobody.status_code == 404
        assert nobody.content == program.get(f"/api/v1/{key}/{pk}/").content
    # Nor does a group's id leak through one's own account.
    assert program.get(f"/api/v1/accounts/{own.pk}/").json()["parent_id"] is None


def test_pages_neither_skip_nor_repeat_while_rows_come_and_go(book, owner, api):
    def add(numbers):
        Ticket.objects.bulk_create(
            Ticket(account=book[n % 5], source="desk", external_id=f"T{n}", opened_on=DAY)
            for n in numbers
        )

    add(range(25))
    program, seen, added = api(owner), [], 25
    url = "/api/v1/tickets/?limit=10&opened_on_to=2026-11-20"
    while url:
        page = program.get(url).json()
        assert len(page["results"]) <= 10
        seen += [row["external_id"] for row in page["results"]]
        url = page["next"]
        if added < 40:
            add(range(added, added + 5))
            added += 5
            # One already sent goes away; the page after it must not shift.
            Ticket.objects.filter(external_id=seen[len(seen) // 2]).delete()
    assert len(seen) == len(set(seen))
    assert seen == [f"T{n}" for n in range(40)]


def test_a_page_ends_where_the_rows_do(book, owner, api, make_facts):
    make_facts(book[0])
    make_facts(book[1])
    page = api(owner).get("/api/v1/tickets/?limit=2").json()
    assert (len(page["results"]), page["next"]) == (2, None)


def test_filters_narrow_and_combine(book, owner, api, make_facts):
    first, second = make_facts(book[0]), make_facts(book[1])
    second["tickets"].severity = "low"
    second["tickets"].opened_on = DAY - timedelta(40)
    second["tickets"].save()
    program = api(owner)

    def found(**query):
        return {row["id"] for row in program.get("/api/v1/tickets/", query).json()["results"]}

    one, two = {first["tickets"].pk}, {second["tickets"].pk}
    assert found() == found(source="desk") == one | two
    assert found(account=book[0].pk) == found(account_id=book[0].external_id) == one
    assert found(severity="low") == found(opened_on_to="2026-11-01") == two
    assert found(opened_on_from="2026-11-20", opened_on_to="2026-11-20") == one
    assert found(severity="low", account=book[0].pk) == found(source="crm") == set()
    assert found(external_id=second["tickets"].external_id) == two
    usage = program.get("/api/v1/usage/", {"measure": "logins"}).json()["results"]
    assert {row["measure"] for row in usage} == {"logins"}


def test_what_changed_since_a_moment(book, owner, api, make_facts):
    facts, others = make_facts(book[0]), make_facts(book[1])
    before = timezone.now() - timedelta(hours=1)
    old = ImportRun.objects.create(
        feed="tickets", file_name="a", as_of=DAY, finished_at=before - timedelta(days=1)
    )
    new = ImportRun.objects.create(
        feed="tickets", file_name="b", as_of=DAY, finished_at=timezone.now()
    )
    Ticket.objects.update(import_run=old)
    third = make_facts(book[2])["tickets"]
    Ticket.objects.filter(pk=third.pk).update(import_run=new)
    ImportChange.objects.create(
        import_run=new, table="ticket", row_id=others["tickets"].pk, before={}, after={}
    )
    rows = api(owner).get("/api/v1/tickets/", {"changed_since": before.isoformat()}).json()
    assert {row["id"] for row in rows["results"]} == {third.pk, others["tickets"].pk}
    assert facts["tickets"].pk not in {row["id"] for row in rows["results"]}


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "cursor=zzz",
        "cursor=dGlja2V0czo5OTk5OTk5OTk5OTk5OTk5OTk5OQ==",
        "severity=terrible",
        "opened_on_from=2026-02-30",
        "opened_on_from=0001-01-01",
        "changed_since=yesterday",
        "changed_since=0001-01-01T00:00:00%2B14:00",
        "account=-1",
        "account=99999999999999999999",
        "source=a%00b",
        "colour=red",
        "source=a&source=b",
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(query, owner, api):
    response = api(owner).get(f"/api/v1/tickets/?{query}")
    assert response.status_code == 400
    body = response.json()
    assert body["detail"]
    assert body["errors"][0]["column"] == query.split("=")[0]


def test_a_cursor_of_another_list_is_refused(book, owner, api, make_facts):
    make_facts(book[0])
    make_facts(book[1])
    program = api(owner)
    after = program.get("/api/v1/contacts/?limit=1").json()["next"]
    assert program.get(after.replace("contacts", "tickets")).status_code == 400


def test_money_is_exact_and_unknown_is_null(book, admin, api):
    book[0].arr_amount = 9_007_199_254_740_993
    book[0].save()
    program = api(admin)
    assert program.get(f"/api/v1/accounts/{book[0].pk}/").json()["arr"] == "90071992547409.93"
    unknown = program.get(f"/api/v1/accounts/{book[5].pk}/").json()
    assert (unknown["arr"], unknown["owner"], unknown["industry"]) == (None, None, None)


def test_a_page_costs_the_same_for_three_rows_and_three_hundred(book, owner, api, make_facts):
    make_facts(book[0])
    program, counts = api(owner), []
    for _ in range(2):
        program.get("/api/v1/activities/")
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert program.get("/api/v1/activities/?limit=1000").status_code == 200
        counts.append(len(queries))
        for account in book[:5]:
            for _ in range(20):
                make_facts_light(account)
    assert counts[0] == counts[1] <= 5


def make_facts_light(account):
    from accounts.models import Activity

    Activity.objects.create(
        account=account,
        kind="email",
        on=date(2026, 11, 2),
        external_id=f"L{Activity.objects.count()}",
    )
