"""Paging by key: every account once, in the order of the list, there and back, whatever it is sorted by."""

import re
from datetime import date, timedelta
from itertools import chain, product

import pytest
from django.core.cache import cache

from csm.portfolio import list_ways, lists, totals
from csm.portfolio.keyset import Cursor, Pages, read
from csm.portfolio.tables import AtRiskTable, PortfolioTable, order_of, ordered
from playbooks.models import AccountWork
from scoring.models import AccountHealth, DailyRollup

NIGHT = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _forget_counts():
    cache.clear()


@pytest.fixture
def many(book, make_account, owner, colleague, north):
    """60 accounts full of ties and of holes, all but a few scored; some with open work."""
    like = AccountHealth.objects.first()
    people = (owner, colleague, None)
    accounts = list(book)
    for n in range(54):
        account = make_account(
            f"Tied ~ {n % 7}%", owner=people[n % 3], team=north,
            arr_amount=None if n % 5 == 0 else n % 4 * 1000,
            renewal_on=None if n % 4 == 0 else NIGHT + timedelta(days=n % 3),
            last_touch_on=None if n % 6 == 0 else NIGHT - timedelta(days=n % 2),
        )  # fmt: skip
        accounts.append(account)
        if n % 9 == 0:
            continue
        AccountHealth.objects.create(
            account=account, as_of=NIGHT, version=like.version, run=like.run,
            score=None if n % 8 == 0 else (n % 5) * 10 / 3, band=(n % 4) - 1,
            band_name="Low", tone="poor", coverage=n % 3 / 7, components=b"",
            change_7d=None if n % 7 == 0 else n % 3 - 1.1,
            change_30d=None, top_driver="", top_driver_lost=None, priority=n % 6 / 3,
            predicted_6m_amount=None if n % 2 else n % 3, tier="ABC"[n % 3],
        )  # fmt: skip
        if n % 3 == 0:
            AccountWork.objects.create(
                account=account, alerts_open=1, severity=1 + n % 4, priority=n % 6 / 3 + n % 2,
                next_due_on=NIGHT if n % 2 else None,
            )  # fmt: skip
    return accounts


def walk(client, first, direction):
    """The accounts of all pages from `first` on, and how the pager counted them."""
    found, places, url = [], [], first
    for _ in range(20):
        response = client.get(url)
        found.append([row.id for row in response.context["rows"]])
        pager = response.context["pager"]
        places.append((pager["first"], pager["last"]))
        if not pager[direction]:
            return found, places
        url = first.split("?")[0] + pager[direction]
    raise AssertionError("The pages never end.")


SORTS = sorted(
    {name for name, column in PortfolioTable.base_columns.items() if column.order_by}
    - {"trend", "reason"}
)


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
def test_every_order_is_paged_whole_there_and_back(client, many, admin, sort):
    client.force_login(admin)
    first = f"/portfolio/?scope=all&sort={sort}"
    expected = [row.id for row in client.get(f"{first}&per=100").context["rows"]]
    assert sorted(expected) == sorted(account.pk for account in many)
    there, places = walk(client, first, "next_url")
    assert [*chain.from_iterable(there)] == expected
    assert places == [(1, 25), (26, 50), (51, 60)]
    back, places = walk(client, f"{first}&page=last", "prev_url")
    assert [*chain.from_iterable(reversed(back))] == expected
    assert places == [(51, 60), (26, 50), (1, 25)]


# What current health holds, and what a walk over its index is.
OF_HEALTH = {
    "score": "score", "change_7d": "change_7d", "predicted": "predicted_6m_amount",
    "coverage": "coverage",
}  # fmt: skip


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("sort", [*OF_HEALTH, *(f"-{name}" for name in OF_HEALTH)])
def test_accounts_without_health_come_last_of_all(client, many, admin, monkeypatch, sort, large):
    """Known values in their order, then unknown ones, then no health; each by key, all turned round by `-`."""
    if large:
        monkeypatch.setattr(lists.Listing, "is_of_small_book", False)
        monkeypatch.setattr(list_ways, "_is_gathered", lambda *_: False)
    make = many[0].__class__.objects
    make.create(name="Came later", source="s", external_id="later", currency="USD")
    column, down = OF_HEALTH[sort.removeprefix("-")], sort.startswith("-")
    found = dict(AccountHealth.objects.values_list("account_id", column))
    keys = sorted(make.values_list("pk", flat=True), reverse=down)
    known = sorted(
        (pk for pk in keys if found.get(pk) is not None), key=lambda pk: found[pk], reverse=down
    )
    hollow = [pk for pk in keys if pk in found and found[pk] is None]
    none = [pk for pk in keys if pk not in found]
    assert len(none) > 6
    client.force_login(admin)
    first = f"/portfolio/?scope=all&sort={sort}"
    for page in (first, f"{first}&page=2"):
        there, _ = walk(client, page, "next_url")
        expected = known + hollow + none
        assert [*chain.from_iterable(there)] == (expected if page == first else expected[25:])
    back, _ = walk(client, f"{first}&page=last", "prev_url")
    assert [*chain.from_iterable(reversed(back))] == known + hollow + none


def test_a_bookmark_among_the_unknown_still_leads_somewhere_near(client, many, admin):
    """Before, accounts without health stood among those without a score, and had no cursor of their own."""
    without = many[0].__class__.objects.filter(health=None).order_by("pk")
    client.force_login(admin)
    for name in ("after", "before"):
        response = client.get(
            "/portfolio/", {"scope": "all", "sort": "score", name: f"55~{without[2].pk}"}
        )
        assert response.context["rows"]
    own = Cursor(without[2].pk, None, 55, unscored=True)
    assert own.text() == f"55~unscored~{without[2].pk}"
    response = client.get("/portfolio/", {"scope": "all", "sort": "score", "after": own.text()})
    assert [row.id for row in response.context["rows"]] == [each.pk for each in without[3:]]
    # An order without such accounts knows no such place.
    assert read(own.text(), order_of(ordered(PortfolioTable, "arr"))) is None
    assert read(own.text(), order_of(ordered(PortfolioTable, "account"))) is None


@pytest.mark.parametrize("more", ["", "&industry=&lifecycle=-"])
@pytest.mark.parametrize("sort", ["rank", "-rank", "-score", "arr"])
def test_the_queue_is_paged_whole(client, many, admin, monkeypatch, sort, more):
    """With work and without are two lists to the database, and one to people."""
    monkeypatch.setattr(list_ways, "_is_gathered", lambda *_: False)
    client.force_login(admin)
    AccountHealth.objects.exclude(band=-1).update(band=0)
    many[0].__class__.objects.update(lifecycle_stage="")
    first = f"/at-risk/?scope=all&sort={sort}{more}"
    listing = client.get(f"{first}&per=100").context["listing"]
    expected = [record.pk for record in listing.records]
    assert len(expected) > 30
    if "rank" in sort:
        points = [record.urgency for record in listing.records]
        assert points == sorted(points, reverse=sort == "rank")
    there, _ = walk(client, first, "next_url")
    assert [*chain.from_iterable(there)] == expected
    back, _ = walk(client, f"{first}&page=last", "prev_url")
    assert [*chain.from_iterable(reversed(back))] == expected
    assert [pk for (pk,) in listing.accounts.values_list("pk")] == expected
    if "rank" in sort:
        # In plain words: by points, then by key, all turned round.
        points = {record.pk: record.urgency for record in listing.records}
        plain = sorted(points, key=lambda pk: (points[pk], pk), reverse=sort == "rank")
        assert plain == expected


def test_rows_that_come_and_go_neither_repeat_nor_hide_others(client, many, admin):
    client.force_login(admin)
    first = client.get("/portfolio/?scope=all&sort=arr")
    shown = [row.id for row in first.context["rows"]]
    rest = [row.id for row in client.get("/portfolio/?scope=all&sort=arr&per=100").context["rows"]]
    many[0].__class__.objects.filter(pk=shown[3]).update(arr_amount=99)
    second = client.get("/portfolio/" + first.context["pager"]["next_url"])
    assert [row.id for row in second.context["rows"]] == rest[25:50]


CURSORS = [
    "", "~", "1~2~3~4~5", "0~x~1", "0~1~nan", "0~1~1e999", "0~" + "9" * 40 + "~1", "x" * 5000,
    "0~1~2026-01-01", "0~1~%00", "-1~-1~-1", "0~1~\0",
]  # fmt: skip


@pytest.mark.parametrize("name", ["after", "before", "page"])
def test_no_cursor_breaks_a_list(client, book, owner, name):
    client.force_login(owner)
    for sort, text in product(["score", "account", "renewal", "arr"], CURSORS):
        response = client.get("/portfolio/", {"scope": "all", "sort": sort, name: text})
        assert response.status_code == 200, (sort, text)


def test_a_cursor_reads_what_it_wrote():
    for sort, values in {
        "account": ("100% ~ Öl & \"Söhne'",),
        "score": (1 / 3,),
        "arr": (12,),
        "renewal": (NIGHT,),
        "owner": ("Ann~a", ""),
    }.items():
        order = order_of(ordered(PortfolioTable, sort))
        made = Pages(AccountHealth.objects.all(), order, AccountHealth.objects.all(), 1).cursor(
            (7, *values), 25
        )
        assert read(made.text(), order) == made
        assert not made.unscored
    assert read("5~1", order_of(ordered(PortfolioTable, "account"))) is None
    assert read("5~1", order_of(ordered(AtRiskTable, "arr"))).values is None


# Large lists, with the bound pulled down.


@pytest.fixture
def small_bound(monkeypatch):
    for module in (totals, lists, __import__("csm.portfolio.list_pages", fromlist=["x"])):
        monkeypatch.setattr(module, "COUNTED", 10)
    monkeypatch.setattr(totals.counted, "__defaults__", (10,))


def head(response):
    found = re.search(r'id="list-sum">(.*?)</p>', response.content.decode(), re.DOTALL)
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def test_a_large_list_never_shows_an_estimate_as_exact(client, many, admin, small_bound):
    client.force_login(admin)
    response = client.get("/portfolio/?scope=all&q=tied")
    # SQLite counts to the bound, PostgreSQL's planner has an opinion: neither is exact.
    assert re.match(r"(more than|about) \d", head(response))
    assert "ARR $" not in head(response)
    asked = client.get("/portfolio/" + response.context["count_url"])
    assert head(asked).startswith("54 accounts · ARR")
    last = client.get("/portfolio/" + response.context["pager"]["last_url"])
    assert last.context["pager"]["first"] is None
    assert len(last.context["rows"]) == 25
    assert last.context["pager"]["next_url"] is None
    deep = client.get("/portfolio/?scope=all&q=tied&page=2")
    assert deep.context["pager"]["first"] == 11


def test_the_sums_of_the_night_tell_unfiltered_lists(client, many, admin, owner, small_bound):
    run = AccountHealth.objects.first().run
    sums = {"as_of": NIGHT, "run": run, "version_id": run.plan[0], "band_name": "Low",
            "scored": 0, "score_sum": 0, "arr_amount": 0, "arr_known": 0}  # fmt: skip
    DailyRollup.objects.all().delete()
    for band, who, n in ((0, owner, 300), (-1, owner, 40), (1, None, 5)):
        DailyRollup.objects.create(band=band, owner=who, accounts=n, **sums)
    client.force_login(admin)
    assert head(client.get("/portfolio/?scope=all")).startswith("345 accounts as of the night of")
    assert head(client.get("/at-risk/?scope=all")).startswith("300 accounts as of the night of")
    unknown = client.get("/at-risk/?scope=all&tab=unknown")
    assert [tab["count"] for tab in unknown.context["tabs"]] == ["300", "40"]
    assert head(client.get(f"/portfolio/?scope=all&owner={owner.pk}")).startswith("340 accounts")
    client.force_login(owner)
    assert head(client.get("/portfolio/?scope=mine")).startswith("340 accounts")


def test_orders_no_index_knows_are_not_offered_in_a_large_list(client, many, admin, small_bound):
    client.force_login(admin)
    response = client.get("/portfolio/?scope=all&sort=-coverage&q=tied")
    page = response.content.decode()
    assert "not sorted by “Coverage”" in page
    assert "sort=coverage" not in page
    assert "sort=score" in page
    names = [row.name for row in response.context["rows"]]
    assert names == sorted(names)


def test_an_outsider_learns_nothing_from_a_cursor(client, many, outsider):
    client.force_login(outsider)
    for text in ("0~1~a", "25~3~Tied"):
        response = client.get("/portfolio/", {"scope": "all", "after": text})
        assert response.context["rows"] == []
        assert head(response).startswith("0 accounts")
