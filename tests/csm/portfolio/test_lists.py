"""Portfolio and at-risk queue: who sees what, every filter, order, paging, hostile addresses."""

import re
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from csm.portfolio.filters import AccountFilter
from scoring.models import AccountHealth, BandChange

NIGHT = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _forget_choices():
    cache.clear()


def names(response):
    """The accounts of the list in their order."""
    return [row.name for row in response.context["rows"]]


def ask(client, user, path="/portfolio/", **params):
    client.force_login(user)
    return client.get(f"{path}?{urlencode({'scope': 'all', **params}, doseq=True)}")


def health(account, **values):
    AccountHealth.objects.filter(account=account).update(**values)


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


# Filters


def test_text_finds_names_and_ids_in_any_case(client, book, owner):
    assert names(ask(client, owner, q="HATS")) == ["Healthy Hats"]
    assert names(ask(client, owner, q=book[1].external_id.lower())) == ["Poor Pots"]
    assert names(ask(client, owner, q="%")) == []


def test_text_folds_the_case_of_other_alphabets(client, book, make_account, owner):
    make_account("Örtliche Öfen", owner=owner)
    assert names(ask(client, owner, q="örtliche")) == ["Örtliche Öfen"]


def test_band_by_name_several_at_once(client, book, owner):
    everyone = names(ask(client, owner))
    low, unknown = (names(ask(client, owner, band=band)) for band in ("Low", "Unknown"))
    assert "Poor Pots" in low
    assert unknown == ["Thin Things"]
    assert names(ask(client, owner, band=["Low", "Unknown"])) == sorted(low + unknown)
    rest = names(ask(client, owner, band=["Medium", "High"]))
    assert sorted(low + unknown + rest) == everyone


def test_never_scored_counts_as_unknown(client, book, make_account, owner):
    make_account("Brand New", owner=owner)
    assert names(ask(client, owner, band="Unknown")) == ["Brand New", "Thin Things"]


def test_industry_size_and_stage_with_the_empty_ones(client, book, owner):
    assert names(ask(client, owner, industry="Retail")) == ["Ordinary Oats"]
    assert names(ask(client, owner, industry="-")) == ["Nobody's Nuts"]
    assert names(ask(client, owner, size=["Enterprise", "-"])) == ["Healthy Hats", "Thin Things"]
    book[0].lifecycle_stage = "Growth"
    book[0].save()
    assert names(ask(client, owner, lifecycle="Growth")) == ["Healthy Hats"]


def test_owner_and_nobody(client, book, owner, colleague):
    assert names(ask(client, owner, owner="nobody")) == ["Nobody's Nuts"]
    mine = names(ask(client, owner, owner=colleague.pk))
    assert mine == ["Middling Mills", "Ordinary Oats"]
    assert names(ask(client, owner, owner=[colleague.pk, "nobody"])) == sorted(
        [*mine, "Nobody's Nuts"]
    )


def test_renewal_counts_from_the_night_shown(client, book, owner):
    def renewing_on(day):
        book[0].renewal_on = day
        book[0].save()

    renewing_on(NIGHT + timedelta(days=30))
    assert names(ask(client, owner, renewal=30)) == ["Healthy Hats", "Middling Mills"]
    renewing_on(NIGHT + timedelta(days=31))
    assert names(ask(client, owner, renewal=30)) == ["Middling Mills"]
    renewing_on(NIGHT)
    assert "Healthy Hats" in names(ask(client, owner, renewal=30))
    renewing_on(NIGHT - timedelta(days=1))
    assert names(ask(client, owner, renewal="overdue")) == ["Healthy Hats"]


def test_tier(client, book, owner):
    health(book[0], tier="A")
    health(book[1], tier="C")
    assert "Healthy Hats" in names(ask(client, owner, tier="A"))
    assert "Poor Pots" not in names(ask(client, owner, tier="A"))


def test_score_range_holds_its_ends(client, book, owner):
    for account, score in zip(book, (80, 20, 50, 60, 70, None), strict=True):
        health(account, score=score)
    assert names(ask(client, owner, score_min=60, score_max=80)) == [
        "Healthy Hats",
        "Middling Mills",
        "Ordinary Oats",
    ]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"change": "down7"}, ["Healthy Hats", "Poor Pots"]),
        ({"change": "down7", "by": "5"}, ["Poor Pots"]),
        ({"change": "up7"}, ["Middling Mills"]),
        ({"change": "down30"}, ["Middling Mills"]),
        ({"change": "up30", "by": "2.5"}, ["Healthy Hats"]),
    ],
)
def test_change_in_7_or_30_days(client, book, owner, params, found):
    """Thin Things is Unknown: its fall of 9 points is a change of data, not of the customer."""
    AccountHealth.objects.update(change_7d=None, change_30d=None)
    health(book[0], change_7d=-1.0, change_30d=2.5)
    health(book[1], change_7d=-5.0, change_30d=0.0)
    health(book[2], change_7d=-9.0, change_30d=-9.0)
    health(book[3], change_7d=0.5, change_30d=-3.0)
    assert names(ask(client, owner, **params)) == found


@pytest.fixture
def moves(book):
    """Hats fell 13 days ago, Pots rose 14 days ago, Mills became unknown today; written by the last night."""
    of = AccountHealth.objects.get(account=book[0])

    def move(account, days, old, new):
        BandChange.objects.create(
            account=account,
            version=of.version,
            run=of.run,
            as_of=NIGHT - timedelta(days=days),
            previous_as_of=NIGHT - timedelta(days=days + 1),
            old_band=old,
            new_band=new,
            old_band_name=str(old),
            new_band_name=str(new),
            old_score=50,
            new_score=60,
        )

    move(book[0], 13, 2, 1)
    move(book[1], 14, 0, 1)
    move(book[3], 0, 1, -1)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"moved": "down"}, ["Healthy Hats"]),
        ({"moved": "up"}, []),
        ({"moved": "up", "days": 15}, ["Poor Pots"]),
        ({"moved": "unknown"}, ["Middling Mills"]),
        ({"moved": "any"}, ["Healthy Hats", "Middling Mills"]),
        ({"moved": "any", "days": 1}, ["Middling Mills"]),
    ],
)
def test_changed_band_in_the_last_days(client, book, moves, owner, params, found):
    assert names(ask(client, owner, **params)) == found


def test_churned_accounts_are_shown_on_request(client, book, owner):
    book[0].churned_on = NIGHT
    book[0].save()
    assert "Healthy Hats" not in names(ask(client, owner))
    assert names(ask(client, owner, churned="yes")) == ["Healthy Hats"]
    assert len(names(ask(client, owner, churned="all"))) == 6


def test_every_declared_filter_is_tested_here():
    work = Path(__file__).with_name("test_work_in_lists.py")
    texts = Path(__file__).read_text(encoding="utf-8") + work.read_text(encoding="utf-8")
    tested = set(re.findall(r"\b([a-z_]+)(?:=|\": )", texts))
    assert set(AccountFilter.base_filters) <= tested


def test_filters_are_named_as_chips_and_each_can_be_taken_off(client, book, owner):
    response = ask(client, owner, q="o", band=["Low", "Medium"], renewal=60, change="down7", by=5)
    chips = {chip["label"]: chip["remove_url"] for chip in response.context["chips"]}
    assert list(chips) == [
        "“o”",
        "Band: Low",
        "Band: Medium",
        "Renewal: in 60 days",
        "Declined in 7 days by 5.0 points or more",
    ]
    assert "band=Medium" in chips["Band: Low"]
    assert "band=Low" not in chips["Band: Low"]
    assert "by=" not in chips["Declined in 7 days by 5.0 points or more"]


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
