"""Large books: the night's sums and counts made once say what a page of a small book counts."""

import pytest
from django.core.cache import cache

from accounts.models import Account
from csm.lib import remembered
from csm.lib.remembered import count_figure
from csm.nightly import run_nightly
from csm.portfolio import insights_selectors as select
from csm.portfolio import large_books
from csm.portfolio.insights_large import slices_of
from csm.portfolio.large_books import OfHome
from csm.tasks import warm
from scoring.selectors import newest_run
from tests.conftest import NIGHT

HOME, INSIGHTS = "/?scope=all", "/insights/?scope=all"


@pytest.fixture
def small(client, manager, book):
    """The pages' figures while the book is small."""
    client.force_login(manager)
    return client.get(HOME).context, client.get(INSIGHTS).context


@pytest.fixture
def large(monkeypatch, small):
    cache.clear()
    monkeypatch.setattr(large_books, "LIVE", 0)


@pytest.fixture
def queued(monkeypatch):
    """Messages that a worker somewhere else will read."""
    sent = []
    monkeypatch.setattr(
        count_figure, "apply_async", lambda args, **options: sent.append(args) or args
    )
    return sent


def shown(context) -> dict[str, str]:
    """Value and note by tile, without the time of a count."""
    return {
        tile["label"]: (tile["value"], tile["n"].partition(", counted")[0])
        for tile in context["tiles"]
    }


def test_the_figures_are_those_of_a_small_book(client, small, large):
    home, insights = (client.get(url).context for url in (HOME, INSIGHTS))
    assert shown(home) == shown(small[0])
    assert home["bands_rows"] == small[0]["bands_rows"]
    assert home["changes_links"] == small[0]["changes_links"]
    assert home["movers"] == small[0]["movers"]
    assert home["counted_at"] is not None
    for name in ("distribution", "risk_matrix", "tiers", "revenue_by_industry", "health_by_owner"):
        assert insights[name]["table"].cells == small[1][name]["table"].cells, name
    assert insights["figures"].counted_at is not None


@pytest.mark.parametrize("who", ["owner", "manager", "executive", "admin", "outsider"])
@pytest.mark.parametrize(
    "narrowed", ["", "&owner=nobody", "&owner={pk}&owner=nobody", "&size=Large"]
)
def test_owners_are_added_up_alike_from_totals_and_from_sums(client, book, people, who, narrowed):
    Account.objects.filter(pk=book[0].pk).update(owner=None)
    run_nightly(NIGHT)
    client.force_login(people[who])
    figures = client.get(INSIGHTS + narrowed.format(pk=people["owner"].pk)).context["figures"]
    found = select.by_owner(figures._slices_by_owner())
    assert found == select.by_owner(slices_of(figures._night, "owner_id"))
    assert sum(each.accounts for each in found.values()) == figures.total.accounts


@pytest.mark.parametrize("url", [HOME, INSIGHTS])
def test_it_is_counted_once_in_the_background_and_then_shown(client, large, queued, url):
    first, second = client.get(url), client.get(url)
    assert b"are being counted" in first.content
    assert b"are being counted" in second.content
    assert len(queued) == 1
    asks = {"headers": {"HX-Request": "true", "HX-Target": "counting"}}
    answer = client.get(url, **asks)
    assert (answer.status_code, "HX-Refresh" in answer) == (204, False)
    count_figure(*queued[0])
    assert client.get(url, **asks)["HX-Refresh"] == "true"
    assert b"are being counted" not in client.get(url).content
    assert len(queued) == 1


def test_a_count_is_shown_to_those_who_see_the_same_only(client, large, queued, people):
    run = newest_run()
    for who in ("admin", "executive", "manager", "owner", "outsider"):
        cache_key = OfHome(people[who], "all", run, [7]).key
        people[who].cache_key = cache_key
    assert people["admin"].cache_key == people["executive"].cache_key
    assert len({people[who].cache_key for who in ("admin", "manager", "owner", "outsider")}) == 4


def test_who_lost_a_team_while_the_message_waited_leaves_nothing_under_its_name(
    client, large, queued, people, north
):
    run = newest_run()
    before = OfHome(people["manager"], "all", run, [7]).key
    client.get(HOME)
    north.members.remove(people["manager"])
    count_figure(*queued[0])
    assert cache.get(before) is None


def test_what_is_no_figure_is_not_called(db):
    with pytest.raises(TypeError):
        count_figure("os.getcwd", [])


def test_an_old_count_is_shown_while_it_is_counted_again(client, large, queued, monkeypatch):
    client.get(HOME)
    count_figure(*queued[0])
    monkeypatch.setattr(OfHome, "fresh", remembered.timedelta(0))
    Account.objects.update(renewal_on=None)
    assert b"are being counted" not in client.get(HOME).content
    assert len(queued) == 2
    count_figure(*queued[1])
    assert shown(client.get(HOME).context)["Renewals in 90 days"][0] == "0"


def test_a_night_has_the_morning_counted(client, large, queued, manager, admin):
    warm(newest_run().pk)
    for message in queued:
        count_figure(*message)
    assert queued
    already = len(queued)
    for user, scope in ((manager, "team"), (admin, "all")):
        client.force_login(user)
        for url in ("/", "/insights/"):
            assert b"are being counted" not in client.get(url, {"scope": scope}).content
    assert len(queued) == already
