"""The insights page: figures that reconcile, for whom, how filtered, in how many queries."""

import csv
import datetime as dt
import io
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, AuditEvent, Reading
from csm.portfolio import insights_selectors as select
from csm.portfolio.insights_books import cut_points
from csm.portfolio.insights_catalogue import TABLES
from csm.portfolio.insights_groups import Grouped, grouped
from csm.portfolio.insights_history import history, version_changes
from csm.portfolio.insights_revenue import scatter, tiers, tiers_of
from csm.portfolio.selectors import book as accounts_of
from scoring.selectors import newest_run
from tests.conftest import NIGHT

PAGE = "/insights/?scope=all"


def table(client, slug: str, query: str = "scope=all") -> list[dict[str, str]]:
    response = client.get(f"/insights/{slug}.csv?{query}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def figures(client, url: str = PAGE):
    response = client.get(url)
    assert response.status_code == 200
    return response.context["figures"]


def test_counts_reconcile_with_the_lists_they_open(client, book, owner) -> None:
    client.force_login(owner)
    response = client.get(PAGE)
    heat = response.context["heat"]
    opened = 0
    for row in heat["rows"]:
        for cell in row["cells"]:
            if cell["level"] is not None and not cell["value"].startswith("0"):
                opened += client.get(cell["url"]).context["pager"]["total"]
    legend = {each["name"]: each for each in response.context["legend"]}
    assert sum(each["count"] for each in legend.values()) == len(book)
    for each in legend.values():
        assert client.get(each["url"]).context["pager"]["total"] == each["count"]
    total = response.context["figures"].total
    assert (total.high_risk, total.unknown) == (legend["Low"]["count"], legend["Unknown"]["count"])
    assert opened >= total.high_risk


def test_unknown_counts_in_no_rate_and_no_mean(client, book, owner) -> None:
    client.force_login(owner)
    rows = {row["band"]: int(row["accounts"]) for row in table(client, "bands")}
    assert rows["Unknown"] == 1
    by_size = {row["size"]: row for row in table(client, "health-by-size")}
    assert by_size["Unknown"]["mean_health"] == ""
    assert by_size["Unknown"]["high_risk_rate"] == ""
    spread = figures(client).spread
    assert spread.scored == len(book) - 1
    assert sum(each.accounts for each in spread.bins) == spread.scored


def test_spread_is_that_of_the_scores(client, book, owner) -> None:
    client.force_login(owner)
    found = figures(client)
    scores = [
        account.health.score
        for account in Account.objects.select_related("health")
        if account.health.band >= 0
    ]
    mean = sum(scores) / len(scores)
    assert found.spread.mean == pytest.approx(mean)
    assert found.total.mean == pytest.approx(mean)
    assert (found.spread.least, found.spread.most) == (min(scores), max(scores))
    deviation = (sum((score - mean) ** 2 for score in scores) / len(scores)) ** 0.5
    assert found.spread.deviation == pytest.approx(deviation)
    assert -1 <= found.spread.correlation <= 1


def test_unknown_industry_and_size_have_a_row_and_a_column(client, book, owner) -> None:
    client.force_login(owner)
    heat = client.get(PAGE).context["heat"]
    assert heat["columns"] == [*select.SIZES, "Unknown"]
    assert heat["rows"][-1]["label"] == "Unknown"
    cell = next(cell for cell in heat["rows"][-1]["cells"] if cell["level"] is not None)
    asked = parse_qs(urlsplit(cell["url"]).query)
    assert asked["industry"] == ["-"]
    assert client.get(cell["url"]).context["pager"]["total"] == 1


def test_small_groups_are_marked(client, book, owner) -> None:
    client.force_login(owner)
    assert "few" in client.get(PAGE).content.decode()


def test_segments_are_sorted_by_share_then_n(book) -> None:
    matrix = select.risk_matrix(select.slices(accounts_of(book[0].owner, "all"), *select.SEGMENT))
    found = select.top_segments(matrix)
    assert found == sorted(
        found, key=lambda each: (-each.tally.rate, -each.tally.judged, each.industry, each.size)
    )
    assert {(each.industry, each.size) for each in found if each.tally.rate == 1} == {
        ("Technology", "Small Business"),
        ("", "Mid-Market"),
    }


def test_filters_narrow_every_figure_and_stay_in_links(client, book, owner) -> None:
    client.force_login(owner)
    response = client.get(PAGE + "&industry=Retail")
    found = response.context["figures"]
    assert found.total.accounts == 1
    assert [night.accounts for night in found.history] == [1]
    assert len(found.contributors) == 1
    assert "industry=Retail" in found.list_of(band="Low")
    assert "industry=Retail" in response.context["report_url"]
    assert figures(client, f"{PAGE}&owner={owner.pk}").total.accounts == 3
    assert figures(client, f"{PAGE}&owner=nobody").total.accounts == 1
    assert figures(client, "/insights/?scope=mine").total.accounts == 3


def test_nothing_matches(client, book, owner) -> None:
    client.force_login(owner)
    text = client.get(PAGE + "&industry=Nowhere").content.decode()
    assert "No accounts here" in text


def test_before_the_first_night(client, owner, make_account) -> None:
    make_account(owner=owner)
    client.force_login(owner)
    assert "No night has been scored yet" in client.get(PAGE).content.decode()
    assert client.get("/insights/bands.csv").status_code == 404
    assert client.get("/insights/report.zip").status_code == 302


@pytest.mark.parametrize("slug", TABLES)
def test_every_table_is_a_file_and_recorded(client, book, owner, slug: str) -> None:
    client.force_login(owner)
    rows = table(client, slug)
    assert rows
    logged = AuditEvent.objects.get(kind="export")
    assert (logged.by, logged.what) == (owner, f"exported insights: {slug}")
    assert logged.detail == {"rows": len(rows), "query": "scope=all"}


def test_no_such_table(client, book, owner) -> None:
    client.force_login(owner)
    assert client.get("/insights/nothing.csv").status_code == 404
    assert client.post(reverse("insights")).status_code == 405


def test_names_are_no_formulas(client, book, owner) -> None:
    Account.objects.filter(pk=book[0].pk).update(name='=cmd|"x"', industry="+1")
    client.force_login(owner)
    assert table(client, "contributors")[0]["account_name"].startswith("'=")
    changes = [row["difference"] for row in table(client, "characteristics")]
    assert any(each.startswith("-") for each in changes)  # a negative figure stays one


def test_the_outsider_sees_none_of_it(client, book, outsider, owner) -> None:
    client.force_login(outsider)
    text = client.get(PAGE).content.decode()
    assert "Healthy Hats" not in text
    assert "No accounts here" in text
    for slug in TABLES:
        assert table(client, slug) == [], slug


def test_remembered_figures_are_not_shown_to_somebody_else(
    client, book, owner, colleague, outsider
) -> None:
    client.force_login(owner)
    mine = figures(client, "/insights/?scope=mine").characteristics
    client.force_login(colleague)
    theirs = figures(client, "/insights/?scope=mine").characteristics
    assert mine != theirs
    client.force_login(outsider)
    assert figures(client, "/insights/?scope=mine").total.accounts == 0


def test_history_follows_scope_and_says_where_versions_change(
    book, score_book, owner, outsider, executive
) -> None:
    score_book(as_of=NIGHT + dt.timedelta(days=1))
    run = newest_run()
    assert [night.accounts for night in history(owner, "all", run)] == [6, 6]
    assert [night.accounts for night in history(owner, "mine", run)] == [3, 3]
    assert [night.accounts for night in history(executive, "all", run)] == [6, 6]
    assert history(executive, "team", run) == []
    assert history(outsider, "all", run) == []
    assert version_changes(history(owner, "all", run)) == []


def test_the_sample_is_the_same_every_time(book, owner) -> None:
    accounts = accounts_of(owner, "all")
    first = scatter(accounts, pairs=5, limit=2)
    assert len(first) <= 2
    assert first == scatter(accounts, pairs=5, limit=2)


def test_queries_do_not_grow_with_the_book(
    client, book, owner, north, make_account, score_book
) -> None:
    client.force_login(owner)

    def asked() -> int:
        client.get(PAGE)  # scorecards and choices are remembered
        with CaptureQueriesContext(connection) as caught:
            client.get(PAGE)
        return len(caught)

    few = asked()
    score_book({make_account(owner=owner, team=north): {} for _ in range(24)})
    assert asked() == few
    assert few <= 15


def as_set(slices):
    return {(each.by, each.in_band): each for each in slices}


@pytest.mark.parametrize("scope", ["mine", "all"])
def test_what_is_grouped_together_is_what_each_grouping_says(book, make_account, owner, scope):
    make_account("Foreign Forks", owner=None, team=book[0].team, currency="JPY")
    accounts = accounts_of(owner, scope, newest_run())
    found = grouped(accounts)
    for slices, by in (
        (found.segments, select.SEGMENT),
        (found.people, select.PEOPLE),
        (found.tiers, ("tier",)),
    ):
        alone = select.slices(accounts, *by)
        assert len(slices) == len(alone)
        assert as_set(slices) == as_set(alone)
    ids = sorted(accounts.values_list("pk", flat=True))
    assert found.span == ids[-1] - ids[0]
    assert tiers_of(found.tiers) == tiers(accounts)


def test_a_book_of_nobody_has_no_groups(book, outsider):
    assert grouped(accounts_of(outsider, "all", newest_run())) == Grouped([], [], [], 0)


def test_the_cuts_of_a_night_are_its_own_after_it_was_scored_anew(book, score_book):
    run = newest_run(defer=True)
    before = cut_points(run, run.plan[0], "quantile")
    assert before == cut_points(newest_run(), run.plan[0], "quantile")
    assert len(before.points) == 2
    for reading in Reading.objects.all():
        reading.metrics["total_won_amount"] = reading.pk * 7_000_000
        reading.save()
    score_book()
    run = newest_run(defer=True)
    after = cut_points(run, run.plan[0], "quantile")
    assert after == cut_points(newest_run(), run.plan[0], "quantile") != before


def test_eight_statements_when_the_medians_and_choices_are_remembered(client, book, owner):
    client.force_login(owner)
    client.get(PAGE)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(PAGE).status_code == 200
    assert len(queries) <= 8
