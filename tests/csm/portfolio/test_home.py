"""Home: its numbers are the counts of the lists they open."""

import html
import re
from datetime import date, timedelta

import pytest
from django.core.cache import cache
from django.db.models import Avg
from django.utils import timezone

from accounts.access import seen_by
from accounts.models import Account, Reading
from csm.nightly import run_nightly
from csm.portfolio import gathering, home_charts
from csm.portfolio.home_selectors import Day, newest_changes, shortlists, trend
from csm.portfolio.insights_history import history
from csm.portfolio.selectors import book as book_of
from scoring.models import AccountHealth, BandChange, DailyRollup, ScoreRun
from scoring.selectors import newest_run
from scoring.services.by_day import rescore

NIGHT = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _forget_trends():
    cache.clear()


@pytest.fixture
def moving_book(book, score_book):
    """The book a night later: Hats fell, Pots rose, Mills lost its data."""
    score_book(
        {
            book[0]: {
                "total_activities_30d": 0,
                "days_since_last_activity": 80,
                "contacts_with_email": 3,
                "annual_revenue": 90_000_000,
                "total_won_amount": 9_000_000,
            },
            book[1]: {
                "total_activities_30d": 60,
                "days_since_last_activity": 0,
                "contacts_with_email": 10,
                "annual_revenue": 1_000,
                "total_won_amount": 0,
            },
        },
        NIGHT + timedelta(days=7),
    )
    return book


def home(client, user, **params):
    client.force_login(user)
    response = client.get("/", params)
    assert response.status_code == 200
    return response


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
@pytest.mark.parametrize("scope", ["mine", "team", "all"])
def test_works_for_every_role_and_scope(client, moving_book, people, who, scope):
    home(client, people[who], scope=scope)


def test_an_outsider_sees_none_of_it(client, moving_book, outsider):
    for scope in ("mine", "team", "all"):
        response = home(client, outsider, scope=scope)
        page = response.content.decode()
        assert not any(account.name in page for account in moving_book)
        assert "$" not in page


@pytest.mark.parametrize("days", ["7", "30"])
@pytest.mark.parametrize("who", ["owner", "manager", "admin"])
@pytest.mark.parametrize("one_by_one", [False, True])
def test_every_number_is_the_count_of_the_list_it_opens(
    client, moving_book, people, monkeypatch, who, days, one_by_one
):
    monkeypatch.setattr(gathering, "pays_one_by_one", lambda *_: one_by_one)
    context = home(client, people[who], scope="all", days=days).context
    numbers = {tile["label"]: (tile["value"], tile["url"]) for tile in context["tiles"]}
    counted = [
        numbers[label] for label in ("Accounts", "At risk", "Unknown", "Renewals in 90 days")
    ]
    counted += [(each["count"], each["url"]) for each in context["changes_links"]]
    counted += [(side["count"], side["url"]) for side in context["movers"]]
    for row in context["bands_rows"]:
        url = html.unescape(re.search(r'href="([^"]+)"', row[0][1]).group(1))
        counted.append((row[1][1], url))
    counted.append((context["renewals_count"], context["renewals_url"]))
    assert len(counted) >= 12
    for number, url in counted:
        opened = client.get(url)
        assert opened.status_code == 200
        assert not opened.context["errors"], url
        assert str(opened.context["totals"].accounts) == str(number), url


def test_value_of_the_book_says_how_much_is_known(client, moving_book, owner):
    tile = home(client, owner, scope="all").context["tiles"][0]
    assert tile["value"] == "$600K"
    assert tile["n"] == "known for 5 of 6 accounts"
    opened = client.get(tile["url"]).context
    assert opened["arr"] == tile["value"]


def test_what_changed_names_both_bands_downwards_first(client, moving_book, owner):
    response = home(client, owner, scope="all")
    rows = response.context["changes_rows"]
    changed = [re.sub(r"<[^>]+>", " ", row[0][1]) for row in rows]
    assert "Healthy Hats" in changed[0]
    assert any("Poor Pots" in text for text in changed[1:])
    assert "→" in rows[0][1][1]


def test_movers_leave_unknown_accounts_out(client, moving_book, owner):
    declined, improved = home(client, owner, scope="all").context["movers"]
    assert "Healthy Hats" in declined["rows"][0][0][1]
    assert "Poor Pots" in improved["rows"][0][0][1]
    assert not any("Thin Things" in row[0][1] for row in declined["rows"] + improved["rows"])


def test_next_renewals(client, moving_book, owner):
    rows = home(client, owner, scope="all").context["renewals_rows"]
    assert len(rows) == 1
    assert "Middling Mills" in rows[0][0][1]
    assert "renews in 23 days" in rows[0][3][1]


# Trend


def test_the_trend_follows_the_scope_like_the_book_does(moving_book, people):
    run = newest_run()

    def judged(who, scope):
        return (
            sum(trend(people[who], scope, run)[-1].bands.values())
            if trend(people[who], scope, run)
            else 0
        )

    assert judged("owner", "mine") == 3
    assert judged("colleague", "mine") == 2
    assert judged("owner", "team") == judged("manager", "team") == judged("owner", "all") == 6
    assert judged("executive", "all") == judged("admin", "all") == 6
    assert (
        judged("executive", "team") == judged("outsider", "all") == judged("outsider", "team") == 0
    )


def test_the_mean_is_of_judged_accounts_only(moving_book, admin):
    """Σ score of the accounts with a band / their number, against the health rows themselves."""
    run = newest_run()
    last = trend(admin, "all", run)[-1]
    judged = DailyRollup.objects.filter(as_of=run.as_of, band__gte=0)
    assert last.on == run.as_of
    assert last.judged == sum(row.scored for row in judged) < 6
    assert last.mean == pytest.approx(sum(row.score_sum for row in judged) / last.judged)


def test_a_new_version_breaks_the_line_and_is_marked(moving_book):
    run = newest_run()
    bands = {("Low", "poor"): 1}
    nights = [
        Day(NIGHT - timedelta(days=1), {1: "Card v1"}, 50.0, 1, bands),
        Day(NIGHT, {2: "Card v2"}, 70.0, 1, bands),
    ]
    data = home_charts.mean_score(nights, run)["data"]
    assert data["marks"] == [{"x": "2026-11-20", "label": "Card v2"}]
    assert [point["y"] for point in data["points"]] == [50.0, None, 70.0]
    shares = home_charts.band_shares(nights)
    assert "Card v2" in shares["label"]
    assert shares["data"]["series"][0]["values"] == [100.0, None, 100.0]


# Empty


def test_empty_states_say_what_to_do_next(client, owner, admin, manager):
    assert "Import a file of accounts" in home(client, admin).content.decode()
    assert "Ask an administrator" in home(client, manager).content.decode()
    assert "Show all" in home(client, owner).content.decode()


def test_before_the_first_night_the_accounts_are_counted(client, make_account, owner, admin):
    make_account("Early Eggs", owner=owner)
    page = home(client, owner).content.decode()
    assert "There are 1 account in" not in page
    assert "1 account" in page
    assert "No night has been scored yet" in page
    assert "Start one under Nights." in home(client, admin).content.decode()


@pytest.mark.parametrize("query", ["scope=x", "days=abc", "days=9999999999999", "scope=%00"])
def test_no_address_breaks_home(client, book, owner, query):
    client.force_login(owner)
    assert client.get(f"/?{query}").status_code == 200


def test_the_trend_shows_the_nights_insights_shows(book, score_book, manager):
    """A night scored by another scorecard, asked for by name, is no part of either series."""
    run_nightly(NIGHT - timedelta(days=1), "product-value", history_only=True)
    run_nightly(NIGHT - timedelta(days=2), history_only=True)
    run = newest_run()
    days = {day.on: day.accounts for day in trend(manager, "team", run)}
    nights = {night.as_of: night.accounts for night in history(manager, "team", run)}
    assert days == nights
    assert set(days) == {NIGHT - timedelta(days=2), NIGHT}


def trend_of_sums(user, scope, run):
    """The trend as it was before nights had totals: every row of the sums, read one by one."""
    found = {}
    rows = DailyRollup.objects.filter(
        seen_by(user, scope),
        as_of__gt=run.as_of - timedelta(days=180),
        as_of__lte=run.as_of,
        run__scorecard=run.scorecard_id,
    )
    for row in rows.select_related("version__scorecard"):
        day = found.setdefault(row.as_of, {"versions": {}, "bands": {}, "sum": 0.0, "judged": 0})
        day["versions"][row.version_id] = f"{row.version.scorecard.name} v{row.version.number}"
        band = (row.band_name, row.tone)
        day["bands"][band] = day["bands"].get(band, 0) + row.accounts
        if row.band >= 0:
            day["sum"] += row.score_sum
            day["judged"] += row.scored
    return {
        on: (
            day["versions"],
            day["bands"],
            day["judged"],
            pytest.approx(day["sum"] / day["judged"]),
        )
        for on, day in found.items()
    }


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin", "outsider"])
@pytest.mark.parametrize("scope", ["mine", "team", "all"])
def test_the_trend_is_what_the_sums_say(moving_book, people, owner, south, who, scope):
    Account.objects.filter(pk=moving_book[0].pk).update(owner=None, team=south)
    run_nightly(NIGHT + timedelta(days=7))
    run_nightly(NIGHT + timedelta(days=1), "product-value", history_only=True)
    run, user = newest_run(), people[who]
    days = trend(user, scope, run)
    expected = trend_of_sums(user, scope, run)
    assert {day.on: (day.versions, day.bands, day.judged, day.mean) for day in days} == expected
    assert [day.on for day in days] == sorted(expected)
    assert {night.as_of: sum(night.bands.values()) for night in history(user, scope, run)} == {
        on: sum(day[1].values()) for on, day in expected.items()
    }
    owners = [owner.pk, None]
    assert sum(night.accounts for night in history(user, scope, run, owners=owners)) == sum(
        row.accounts
        for row in DailyRollup.objects.filter(seen_by(user, scope), run__scorecard=None)
        if row.owner_id in owners
    )


def named_in_python(user, scope, as_of, days):
    """Ids of the shortlists from all accounts of the book, sorted one by one."""
    accounts = list(book_of(user, scope, newest_run()))
    moves = {
        each.pk: getattr(each, f"change_{days}d") for each in accounts if (each.band or 0) >= 0
    }
    end = as_of + timedelta(days=90)
    due = [each for each in accounts if each.renewal_on and as_of <= each.renewal_on <= end]
    by = {each.pk: (each.renewal_on, -(each.arr_amount or -1), each.pk) for each in due}
    return (
        sorted(
            (pk for pk, move in moves.items() if (move or 0) < 0), key=lambda pk: (moves[pk], pk)
        )[:5],
        sorted(
            (pk for pk, move in moves.items() if (move or 0) > 0), key=lambda pk: (-moves[pk], pk)
        )[:5],
        sorted(by, key=by.get)[:5],
    )


@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin", "outsider"])
@pytest.mark.parametrize("scope", ["mine", "team", "all"])
def test_the_shortlists_are_those_of_the_book_whenever_asked(
    moving_book, people, south, who, scope
):
    """The statement is written once and kept: what it answers is of now, and of who asks."""
    as_of, user = newest_run().as_of, people[who]

    def check(user):
        for days in (7, 30):
            lists = shortlists(user, scope, as_of, days)
            found = (lists.declined, lists.improved, lists.renewals)
            assert tuple([each.pk for each in few] for few in found) == named_in_python(
                user, scope, as_of, days
            )

    check(user)
    for place, account in enumerate(moving_book):
        health = AccountHealth.objects.filter(account=account)
        health.update(change_7d=(-1) ** place * (place + 2.0), change_30d=(-1.0) ** (place + 1))
    Account.objects.filter(pk=moving_book[1].pk).update(renewal_on=as_of + timedelta(days=3))
    Account.objects.filter(pk=moving_book[2].pk).update(churned_on=as_of)
    check(user)
    user.teams.set([south])
    check(type(user).objects.get(pk=user.pk))


def changes_in_python(accounts, run):
    """Ids of the newest changes of band, the downs first, from all of them read one by one."""
    ids = {account.pk for account in accounts}
    rows = [
        row
        for row in BandChange.objects.select_related("run")
        if row.account_id in ids
        and run.as_of - timedelta(days=14) < row.as_of <= run.as_of
        and row.run.scorecard_id is None
        and row.run.state == ScoreRun.State.DONE
        and min(row.old_band, row.new_band) >= 0
    ]
    rows.sort(key=lambda row: row.pk)
    rows.sort(key=lambda row: abs(row.new_score - row.old_score), reverse=True)
    rows.sort(key=lambda row: row.as_of, reverse=True)
    down = [row.account_id for row in rows if row.new_band < row.old_band]
    up = [row.account_id for row in rows if row.new_band > row.old_band]
    return [(True, pk) for pk in down[:5]] + [(False, pk) for pk in up[:5]]


def test_the_newest_changes_are_those_of_the_book(moving_book, make_account, people, owner, south):
    run = newest_run()
    # By a scorecard asked for by name: another series of nights.
    other = run_nightly(run.as_of, "product-value", history_only=True)
    for number in range(60):
        old, new = (number % 3, (number + 1 + number // 30) % 3) if number % 7 else (number % 3, -1)
        BandChange.objects.create(
            account=make_account(
                owner=owner if number % 4 else None, team=south if number % 5 else None
            ),
            version_id=run.plan[0],
            run=run if number % 11 else other,
            as_of=run.as_of - timedelta(days=number % 17),
            previous_as_of=run.as_of - timedelta(days=20),
            old_band=old,
            new_band=new,
            old_band_name="old",
            new_band_name="new",
            old_score=40.0,
            # Ties are common: whole points.
            new_score=40.0 + (number % 4 + 1) * (1 if new > old else -1),
        )
    for user in people.values():
        for scope in ("mine", "team", "all"):
            accounts = book_of(user, scope, run)
            found = [(each["down"], each["account_id"]) for each in newest_changes(accounts, run)]
            assert found == changes_in_python(accounts, run), (user, scope)
    assert len(newest_changes(book_of(people["admin"], "all", run), run)) == 10


def test_the_trend_follows_what_is_scored_again_by_day(client, moving_book, admin):
    run = newest_run()
    before = trend(admin, "all", run)[-1]
    Reading.objects.filter(account=moving_book[1]).delete()
    rescore([moving_book[1].pk], at=timezone.now())
    after = trend(admin, "all", newest_run())[-1]
    assert (after.mean, after.bands) != (before.mean, before.bands)
    known = AccountHealth.objects.filter(band__gte=0)
    assert after.judged == known.count()
    assert after.mean == pytest.approx(known.aggregate(mean=Avg("score"))["mean"])
