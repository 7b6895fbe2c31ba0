"""Found first or walked in order: the same rows; which of the two is a matter of how many there are."""

from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import Q

from accounts.models import Account
from csm.portfolio import gathering, home_selectors, list_ways, totals, unscored
from csm.portfolio.filters import UNJUDGED
from csm.portfolio.insights_revenue import contributors
from csm.portfolio.lists import Listing
from csm.portfolio.selectors import HIGH_RISK, with_keys
from csm.portfolio.selectors import book as book_of
from csm.portfolio.tables import PortfolioTable, order_of
from csm.portfolio.totals import Expected
from scoring.models import AccountHealth, ScoreRun
from tests.csm.portfolio.asking import NIGHT, ask, health, names

MILLION = 1_000_000


@pytest.fixture(autouse=True)
def _forget_choices():
    cache.clear()


def test_a_small_book_is_found_first_and_a_large_one_walked():
    assert gathering.pays(300, MILLION, rows=25)
    assert gathering.pays(5_000, MILLION, rows=25)
    assert not gathering.pays(50_000, MILLION, rows=25)
    assert not gathering.pays(12_000, MILLION, rows=25)
    assert gathering.pays(12_000, MILLION, rows=25, covered=True)


def test_those_without_a_band_are_found_by_their_index_where_they_are_few():
    assert gathering.pays_for_unknown(1_500, 0, MILLION, rows=25)
    assert gathering.pays_for_unknown(5_000, 5_000, MILLION, rows=25)
    assert not gathering.pays_for_unknown(40_000, 40_000, MILLION, rows=25)
    # A book's few are looked for among those of all.
    assert not gathering.pays_for_unknown(40_000, 4_000, 100_000, rows=25)
    assert gathering.pays_for_unknown(40_000, 0, 100_000, rows=25)


def test_changes_are_asked_for_one_by_one_where_a_book_is_small():
    assert gathering.pays_one_by_one(500, MILLION)
    assert gathering.pays_one_by_one(10_000, MILLION)
    assert not gathering.pays_one_by_one(20_000, MILLION)
    assert not gathering.pays_one_by_one(500, 10_000)


def test_a_walk_is_trusted_where_many_pass():
    assert gathering.pays_for(Expected(20, 9_000.0), MILLION)
    assert not gathering.pays_for(Expected(200_000, 9_000.0), MILLION)
    assert not gathering.pays_for(Expected(5_000, 400_000.0), MILLION)
    assert gathering.pays_for_search(30_000, MILLION, by_name=True)
    assert not gathering.pays_for_search(30_000, MILLION, by_name=False)
    assert gathering.pays_for_search(3_000, MILLION, by_name=False)
    assert not gathering.pays_for_search(60_000, MILLION, by_name=True)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL walks too far")
@pytest.mark.parametrize("sort", ["score", "-score", "renewal", "-arr", "rank", "owner", "-band"])
@pytest.mark.parametrize("page", [1, 2])
def test_both_ways_lead_to_the_same_rows(client, book, admin, monkeypatch, sort, page):
    shown = []
    for gathered in (True, False):
        monkeypatch.setattr(list_ways, "_is_gathered", lambda *_, how=gathered: how)
        first = ask(client, admin, sort=sort, per=10)
        url = first.context["pager"]["last_url"] if page == 2 else None
        shown.append(names(client.get("/portfolio/" + url) if url else first))
    assert shown[0] == shown[1] != []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL walks too far")
@pytest.mark.parametrize("sort", ["", "-arr", "account", "score", "-change_7d"])
@pytest.mark.parametrize("path", ["/at-risk/?tab=unknown", "/portfolio/?band=Unknown"])
def test_unknown_ones_put_together_of_two_lists_are_the_same(
    client, book, admin, make_account, monkeypatch, sort, path
):
    """Those with too little data and those never scored, with pages that begin in one and end in the other."""
    for n in range(30):
        make_account(f"Never scored {n}", owner=admin, arr_amount=None if n % 3 else n)
    AccountHealth.objects.filter(pk__in=[each.pk for each in book[:6]]).update(
        band=-1, band_name="Unknown", change_7d=None
    )
    AccountHealth.objects.filter(pk=book[1].pk).update(score=None)
    monkeypatch.setattr(Listing, "is_of_small_book", False)
    path, _, more = path.partition("?")
    asked = dict([more.split("=")], sort=sort)
    shown = []
    for gathered in (True, False):
        cache.clear()
        monkeypatch.setattr(list_ways, "_is_gathered", lambda *_, how=gathered: how)
        response = ask(client, admin, path=path, **asked)
        found = names(response)
        while url := response.context["pager"]["next_url"]:
            response = client.get(path + url)
            found += names(response)
        shown.append(found)
    assert shown[0] == shown[1]
    assert len(shown[0]) == len(set(shown[0])) > 35


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL walks too far")
@pytest.mark.parametrize("most", [3, 500])
@pytest.mark.parametrize("sort", ["", "renewal", "-arr", "change_7d", "-change_30d"])
def test_a_glance_at_the_first_in_order_finds_what_a_long_look_does(
    client, book, admin, make_account, monkeypatch, sort, most
):
    """Whether enough of them pass or not: the page begins with the first of all that pass."""
    for n in range(70):
        make_account(f"{n % 7} Some {n}", arr_amount=n % 5 or None, industry=["Retail", ""][n % 2])
    for n, account in enumerate(book):
        health(account, change_7d=n % 9 - 4.0, change_30d=None if n % 4 == 0 else n % 5 - 2.0)
        Account.objects.filter(pk=account.pk).update(industry=["Retail", ""][n % 2])
    monkeypatch.setattr(list_ways, "_is_gathered", lambda *_: True)
    shown = []
    for way in (lambda *_: None, glanced_at(most)):
        monkeypatch.setattr(list_ways, "_glance", way)
        found = []
        for place in ("", "last"):
            response = ask(client, admin, industry="Retail", sort=sort, page=place)
            direction = "prev_url" if place else "next_url"
            found += names(response)
            while url := response.context["pager"][direction]:
                response = client.get("/portfolio/" + url)
                found += names(response)
        shown.append(found)
    assert shown[0] == shown[1]
    assert len(shown[0]) >= 70


def glanced_at(most):
    def glance(listing, order):
        return with_keys(listing.filter.queryset, order.keys), most

    return glance


def test_those_that_moved_are_glanced_at_from_where_they_stand():
    """The lists home leads to: what fell by most has fallen into another band, what rose has risen."""

    def is_glanced_at(sort, **values):
        listing = SimpleNamespace(filter=SimpleNamespace(values=values))
        return list_ways._begins_with_moved(listing, order_of(PortfolioTable([], order_by=sort)))

    assert is_glanced_at("change_7d", moved="down")
    assert is_glanced_at("-change_30d", moved="up")
    assert not is_glanced_at("change_7d", moved="up")
    assert not is_glanced_at("change_7d", moved="unknown")
    assert not is_glanced_at("score", moved="down")
    assert not is_glanced_at("change_7d")


def test_a_glance_is_worth_it_where_it_may_fill_a_page():
    assert gathering.glanced(500_000, MILLION, rows=25) == 4_000
    assert gathering.glanced(8_000, MILLION, rows=25) == 4_000
    assert gathering.glanced(8_000, MILLION, rows=100) is None
    assert gathering.glanced(5_000, MILLION, rows=25) is None
    assert gathering.glanced(0, MILLION, rows=25) is None


def test_where_accounts_without_health_are(book, make_account, monkeypatch):
    """Kept one by one while they are few; younger ones and new nights are never missed."""
    run = ScoreRun.objects.get(as_of=NIGHT)
    missing = Account.objects.filter(health=None)
    early = list(missing.values_list("pk", flat=True))
    AccountHealth.objects.filter(pk=book[2].pk).delete()
    left = make_account("Left before the first night", churned_on=NIGHT)
    for churned in (False, True):
        found = unscored.unscored(run, churned=churned)
        assert book[2].pk in found.ids
        kept = Account.objects.filter(found.condition, health=None)
        assert {*early, book[2].pk, left.pk} == set(kept.values_list("pk", flat=True))
        late = make_account(f"Came by day {churned}")
        assert kept.contains(late)
        late.delete()
        assert unscored.unscored(run, churned=churned) == found
    cache.clear()
    monkeypatch.setattr(unscored, "_KEPT", 0)
    found = unscored.unscored(run, churned=True)
    assert found.condition == Q(pk__gte=min([*early, book[2].pk]))


def test_a_band_sorted_by_score_holds_all_of_the_band(client, book, owner):
    for band in ("Low", "Medium", "High", ["Low", "High"], "Unknown"):
        by_score = names(ask(client, owner, band=band, sort="score"))
        assert sorted(by_score) == sorted(names(ask(client, owner, band=band)))
        assert by_score


def test_the_range_of_a_band_is_that_of_the_nights_scorecards(book):
    run = ScoreRun.objects.get(as_of=NIGHT)
    low = gathering.in_score_range({"band": ["Low"]}, run)
    assert dict(low.children)["health__score__gte"] <= 0
    assert not gathering.in_score_range({"band": ["Low", "Unknown"]}, run)
    # Those who left kept the band another scorecard gave them.
    assert not gathering.in_score_range({"band": ["Low"], "churned": "all"}, run)
    assert not gathering.in_score_range({"band": ["No such"]}, run)
    assert not gathering.in_score_range({}, run)


def test_one_walk_counts_what_two_counts_do(book):
    Account.objects.filter(pk=book[0].pk).update(currency="XXX")
    accounts = Account.objects.filter(merged_into=None)
    apart = totals.counted_apart(accounts, [HIGH_RISK, UNJUDGED])
    assert apart == totals.counted([accounts.filter(HIGH_RISK), accounts.filter(UNJUDGED)])
    assert sum(each.accounts for each in apart) > 0


def test_what_takes_too_long_is_not_counted():
    assert Expected(20, 100.0).is_counted
    assert not Expected(50_000, 100.0).is_counted
    assert not Expected(4_000, 90_000.0).is_counted
    # Counting ends at the bound: of 15,000 a third is looked for.
    assert Expected(15_000, 7_000.0).is_counted


def test_few_or_many_home_names_the_same_accounts(book, admin):
    for place, account in enumerate(book):
        health(account, change_7d=(-1) ** place * (place + 1.0), predicted_6m_amount=place * 100)
    run = ScoreRun.objects.get(as_of=NIGHT)
    accounts = book_of(admin, "all", run)
    few, many = (
        home_selectors.shortlists(admin, "all", NIGHT, 7, few=each) for each in (True, False)
    )
    assert few == many
    assert few.declined
    assert few.renewals
    assert contributors(accounts, few=True) == contributors(accounts, few=False) != []
