"""Portfolio and at-risk queue: who sees what, order, paging, hostile addresses."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scoring.models import AccountHealth
from tests.csm.portfolio.asking import NIGHT, ask, health, names


@pytest.fixture(autouse=True)
def _forget_choices():
    cache.clear()


# Who sees what


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
def test_everybody_on_the_team_and_above_sees_the_book(client, book, people, who):
    response = ask(client, people[who])
    assert response.status_code == 200
    assert len(names(response)) == 6
    assert "Healthy Hats" in response.content.decode()


@pytest.mark.parametrize("path", ["/portfolio/", "/at-risk/", "/at-risk/?tab=unknown"])
@pytest.mark.parametrize("scope", ["mine", "team", "all", "nonsense"])
def test_an_outsider_sees_nothing_of_it(client, book, outsider, path, scope):
    client.force_login(outsider)
    response = client.get(path, {"scope": scope, **({"tab": "unknown"} if "tab" in path else {})})
    page = response.content.decode()
    assert response.status_code == 200
    assert response.context["totals"].accounts == 0
    assert not any(account.name in page for account in book)
    # The filters' choices are facts about the accounts, too.
    assert "Retail" not in page


def test_scope_narrows_to_my_own(client, book, owner):
    assert names(ask(client, owner, scope="mine")) == ["Healthy Hats", "Poor Pots", "Thin Things"]


@pytest.mark.parametrize("path", ["/portfolio/", "/at-risk/", "/portfolio.csv", "/at-risk.csv"])
def test_a_list_is_only_read(client, book, owner, path):
    client.force_login(owner)
    assert client.post(path).status_code == 405


def test_nothing_to_see_before_the_first_night(client, make_account, owner):
    make_account("Early Eggs", owner=owner)
    assert names(ask(client, owner)) == ["Early Eggs"]
    assert names(ask(client, owner, "/at-risk/")) == []
    assert names(ask(client, owner, "/at-risk/", tab="unknown")) == ["Early Eggs"]


# Order and pages


def test_unknown_stands_last_in_both_directions(client, book, owner):
    up, down = (names(ask(client, owner, sort=key)) for key in ("arr", "-arr"))
    assert up[-1] == down[-1] == "Nobody's Nuts"
    assert names(ask(client, owner, sort="-owner"))[-1] == "Nobody's Nuts"
    assert names(ask(client, owner, sort="renewal"))[0] == "Middling Mills"
    assert names(ask(client, owner, sort="-renewal"))[0] == "Middling Mills"


def test_ties_keep_the_order_of_entry_and_its_reverse(client, book, owner):
    """Five accounts share one ARR."""
    for key, falling in (("arr", False), ("-arr", True)):
        shown = [
            record.pk for record in ask(client, owner, sort=key).context["listing"].records[:5]
        ]
        assert shown == sorted(shown, reverse=falling)


def test_every_sortable_column_sorts(client, book, owner):
    table = ask(client, owner).context["table"]
    for column in table.columns:
        if column.orderable:
            for key in (column.name, f"-{column.name}"):
                assert len(names(ask(client, owner, sort=key))) == 6, key


def test_pages_and_beyond_the_end(client, owner, make_account, north):
    for number in range(60):
        make_account(f"Account {number:02d}", owner=owner, team=north)
    first = ask(client, owner)
    assert (len(names(first)), names(first)[0]) == (25, "Account 00")
    last = ask(client, owner, page=3)
    assert names(last) == [f"Account {number}" for number in range(50, 60)]
    assert last.context["pager"]["next_url"] is None
    assert names(ask(client, owner, page=999_999)) == names(last)
    assert len(names(ask(client, owner, per=100))) == 60
    assert names(ask(client, owner, page=2)) == [f"Account {number}" for number in range(25, 50)]
    assert "per=50" in ask(client, owner, per=50).context["pager"]["next_url"]


@pytest.mark.parametrize(
    "query",
    [
        "page=-1", "page=x", "page=" + "9" * 400, "page=%D9%A1", "per=0", "per=1e9", "tab=x", "scope=other",
        "sort=password", "sort=-trend", "sort=,,-", "sort=owner__password", "owner=x", "owner=1;drop",
        "owner=" + "9" * 40, "score_min=nan", "score_max=1e999", "renewal=99999999999", "renewal=-4",
        "renewal=%C2%B2", "days=999999999", "days=0", "moved=sideways", "change=down7&by=x",
        "change=' OR 1=1--", "band=%00", "q=%00", "q=" + "a" * 5000, "q=%FF%FE", "industry=" + "x" * 3000,
        "churned=maybe", "band=&owner=&q=",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/portfolio/", "/at-risk/", "/portfolio.csv", "/at-risk.csv"])
def test_no_address_breaks_a_list(client, book, owner, path, query):
    client.force_login(owner)
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200
    if response.streaming:
        b"".join(response.streaming_content)


def test_a_filter_that_makes_no_sense_is_named_and_left_out(client, book, owner):
    response = ask(client, owner, score_min="abc", band="Low")
    assert response.context["errors"] == [("Score from", "Enter a number.")]
    assert names(response) == names(ask(client, owner, band="Low"))


# Figures


def test_head_counts_the_whole_list_and_says_how_much_of_it_is_known(client, book, owner):
    totals = ask(client, owner, per=25).context["totals"]
    assert (totals.accounts, totals.known, totals.arr) == (6, 5, 5 * 12_000_000)


def test_another_currency_is_never_added_up(client, book, owner):
    book[0].currency = "JPY"
    book[0].save()
    totals = ask(client, owner).context["totals"]
    assert (totals.accounts, totals.known, totals.arr) == (6, 4, 4 * 12_000_000)


def test_an_unknown_amount_is_a_dash_and_never_zero(client, book, owner):
    row = next(row for row in ask(client, owner).context["rows"] if row.name == "Nobody's Nuts")
    arr = ask(client, owner).context["table"].columns.names().index("arr")
    assert "—" in row.cells[arr][1]
    assert "0" not in row.cells[arr][1]


# The queue


def test_the_queue_ranks_by_priority_and_says_why(client, book, owner):
    AccountHealth.objects.exclude(band=-1).update(band=0, change_30d=-12.0, score=31.0)
    for account, points in zip(book, (10, 90, 99, 50, 40, 30), strict=True):
        health(account, priority=points)
    book[3].arr_amount = 42_000_000
    book[3].renewal_on = NIGHT + timedelta(days=21)
    book[3].save()
    response = ask(client, owner, "/at-risk/")
    assert names(response) == [
        "Poor Pots",
        "Middling Mills",
        "Ordinary Oats",
        "Nobody's Nuts",
        "Healthy Hats",
    ]
    reason = response.context["listing"].records[1].why_now(NIGHT)
    assert reason == "score 31, fell 12 in 30 days, renews in 21 days, ARR $420K"
    assert "1" in response.context["rows"][0].cells[0][1]
    sorted_otherwise = ask(client, owner, "/at-risk/", sort="account")
    assert names(sorted_otherwise)[0] == "Healthy Hats"
    assert ">5<" in sorted_otherwise.context["rows"][0].cells[0][1], (
        "the rank stays that of the queue"
    )


def test_unknown_is_a_tab_of_its_own_with_the_reason(client, book, owner):
    risk, unknown = ask(client, owner, "/at-risk/"), ask(client, owner, "/at-risk/", tab="unknown")
    assert "Thin Things" not in names(risk)
    assert names(unknown) == ["Thin Things"]
    assert "of the weight" in unknown.content.decode()
    assert {tab["label"]: tab["count"] for tab in risk.context["tabs"]} == {
        "At risk": str(len(names(risk))),
        "Unknown": "1",
    }


# htmx


def test_htmx_gets_the_results_alone_and_a_restored_page_in_full(client, book, owner):
    client.force_login(owner)
    fragment = client.get("/portfolio/", headers={"HX-Request": "true"})
    page = fragment.content.decode()
    assert 'id="results"' in page
    assert "<html" not in page
    assert "HX-Request" in fragment["Vary"]
    restored = client.get(
        "/portfolio/", headers={"HX-Request": "true", "HX-History-Restore-Request": "true"}
    )
    assert "<html" in restored.content.decode()


# Queries


@pytest.mark.parametrize("path", ["/portfolio/", "/at-risk/", "/at-risk/?tab=unknown", "/"])
@pytest.mark.parametrize("who", ["owner", "manager", "admin"])
def test_queries_do_not_grow_with_the_book(
    client, book, score_book, make_account, people, north, path, who
):
    client.force_login(people[who])

    def count():
        client.get(path)  # remembers choices, scorecards and trend
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    few = count()
    more = [
        make_account(f"Extra {n}", owner=people["owner"], team=north, industry=f"Industry {n}")
        for n in range(24)
    ]
    score_book({account: {} for account in more})
    # Home counts the day's work as well.
    assert count() == few <= (15 if path == "/" else 8)
