"""The page of one account: overview, health, any stored night, CSV."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from csm.lib.spreadsheet import guarded
from scoring.models import AccountHealth, Component, Scorecard
from scoring.services import versions
from tests.conftest import METRICS, NIGHT

NAMES = ("account", "account_health", "account_history_csv")


def body(response) -> str:
    return response.content.decode()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", ["owner", "colleague", "manager", "executive", "admin"])
def test_the_team_and_the_top_read_it(name, who, people, book, client):
    client.force_login(people[who])
    response = client.get(reverse(name, args=[book[0].pk]))
    assert response.status_code == 200
    assert client.post(reverse(name, args=[book[0].pk])).status_code == 405


@pytest.mark.parametrize("name", NAMES)
def test_it_does_not_exist_for_an_outsider(name, book, outsider, client):
    client.force_login(outsider)
    assert client.get(reverse(name, args=[book[0].pk])).status_code == 404
    assert client.get(reverse(name, args=[999_999])).status_code == 404


def test_the_overview_says_where_it_stands_and_what_costs_points(book, owner, client):
    client.force_login(owner)
    page = client.get(reverse("account", args=[book[1].pk]))
    text = body(page)
    assert "Poor Pots" in text
    assert "Days since last activity" in text
    assert "heuristic weight" in text
    assert "Recomputed from what was stored: identical." in text
    assert page.context["costs"][0]["lost"] != "0.0"
    assert "This is the first night" in text


def test_priority_parts_make_up_the_priority(book, owner, client):
    client.force_login(owner)
    for account in book:
        page = client.get(reverse("account", args=[account.pk]))
        assert page.context["priority_sum"] == pytest.approx(page.context["health"].priority)


def test_the_measures_add_up_to_the_score_shown(book, owner, client):
    client.force_login(owner)
    for account in book:
        page = client.get(reverse("account_health", args=[account.pk]))
        total, groups = page.context["total"], page.context["groups"]
        earned = [float(group.earned) for group in groups if group.earned != "—"]
        assert f"{sum(earned):.1f}" == total["score"]
        assert f"{sum(float(group.weight) for group in groups):.1f}" == "100.0"
        assert total["score"] in str(page.context["gauge"])


def test_too_little_data_is_shown_and_not_judged(book, owner, client):
    client.force_login(owner)
    text = body(client.get(reverse("account_health", args=[book[2].pk])))
    assert "not judged" in text
    assert "No data: its weight went to the others." in text
    assert "Unknown" in text


def test_an_account_no_night_has_scored(book, make_account, north, owner, client):
    client.force_login(owner)
    new = make_account("New Nets", team=north)
    for name in NAMES[:2]:
        text = body(client.get(reverse(name, args=[new.pk])))
        assert "Not scored yet" in text
    assert client.get(reverse("account_history_csv", args=[new.pk])).status_code == 200


def test_a_churned_account_stands_still_at_its_last_night(book, score_book, owner, client):
    client.force_login(owner)
    book[0].churned_on = NIGHT + timedelta(days=1)
    book[0].save()
    score_book(as_of=NIGHT + timedelta(days=3))
    text = body(client.get(reverse("account", args=[book[0].pk])))
    assert "This customer churned" in text
    assert "stands still at its last night" in text


def test_an_account_with_history_only_shows_its_last_stored_night(book, owner, client):
    client.force_login(owner)
    AccountHealth.objects.filter(account=book[3]).delete()
    for name in NAMES[:2]:
        page = client.get(reverse(name, args=[book[3].pk]))
        assert page.context["explained"].snapshot.as_of == NIGHT
        assert page.context["health"].band_name == "Medium"


def test_any_earlier_night_is_explained_from_what_it_stored(book, score_book, owner, client):
    client.force_login(owner)
    score_book({book[3]: {"total_activities_30d": 60}}, NIGHT + timedelta(days=1))
    url = reverse("account_health", args=[book[3].pk])
    newest, earlier = client.get(url), client.get(url, {"as_of": NIGHT.isoformat()})
    assert earlier.context["explained"].snapshot.as_of == NIGHT
    assert earlier.context["next"] == NIGHT + timedelta(days=1)
    assert newest.context["previous"] == NIGHT
    assert newest.context["next"] is None
    assert earlier.context["total"]["score"] != newest.context["total"]["score"]
    assert "Earlier night" in body(earlier)


def test_a_day_without_a_night_shows_the_one_before_and_says_so(book, score_book, owner, client):
    client.force_login(owner)
    score_book(as_of=NIGHT + timedelta(days=5))
    url = reverse("account_health", args=[book[3].pk])
    page = client.get(url, {"as_of": (NIGHT + timedelta(days=2)).isoformat()})
    assert page.context["explained"].snapshot.as_of == NIGHT
    assert "There is no night of" in body(page)
    before_all = client.get(url, {"as_of": "2020-01-01"})
    assert before_all.context["explained"].snapshot.as_of == NIGHT
    assert "is too long ago" in body(client.get(url, {"as_of": "0001-01-01"}))
    assert "is no date" in body(client.get(url, {"as_of": "<b>soon</b>"}))
    assert "<b>soon" not in body(client.get(url, {"as_of": "<b>soon</b>"}))


def test_a_change_of_version_is_a_line_in_the_chart_and_no_change_of_the_customer(
    book, score_book, owner, admin, client
):
    client.force_login(owner)
    draft = versions.start_draft(Scorecard.objects.get(key="crm-engagement"), by=admin)
    Component.objects.filter(version=draft, key="activity").update(weight=20)
    Component.objects.filter(version=draft, key="account_scale").update(weight=30)
    versions.publish(draft, by=admin, note="Scale counts more")
    score_book({book[3]: {}}, NIGHT + timedelta(days=30))
    health = client.get(reverse("account_health", args=[book[3].pk]))
    marks = health.context["chart"]["data"]["marks"]
    assert [mark["label"] for mark in marks] == ["v2"]
    assert "Scale counts more" in body(health)
    overview = client.get(reverse("account", args=[book[3].pk]))
    assert "breaks where the scorecard changed" in body(overview)
    rows = overview.context["difference"]["rows"]
    points = {row["label"]: str(row["points"]) for row in rows}
    assert "delta-" not in points["Weights or normaliser changed"]
    assert "±0.0" in points["Inputs changed"] or "0.0" in points["Inputs changed"]


def test_missing_nights_are_a_gap(book, score_book, owner, client):
    client.force_login(owner)
    for day in (1, 2, 6, 7):
        score_book(as_of=NIGHT + timedelta(days=day))
    page = client.get(reverse("account_health", args=[book[3].pk]))
    points = page.context["chart"]["data"]["points"]
    assert [point["y"] is None for point in points] == [False, False, False, True, False, False]


def test_old_data_is_marked_stale(book, score_book, owner, client):
    client.force_login(owner)
    score_book(as_of=NIGHT + timedelta(days=31))
    text = body(client.get(reverse("account_health", args=[book[3].pk])))
    assert 'title="Older than 30 days"' in text
    assert "31 d" in text


def test_generated_data_says_so(book, owner, client):
    client.force_login(owner)
    assert "Generated" not in body(client.get(reverse("account", args=[book[0].pk])))
    book[0].source = "demo"
    book[0].save()
    assert "Generated" in body(client.get(reverse("account", args=[book[0].pk])))


def test_the_csv_is_the_history_and_is_recorded(book, score_book, owner, client):
    client.force_login(owner)
    score_book(as_of=NIGHT + timedelta(days=1))
    response = client.get(reverse("account_history_csv", args=[book[2].pk]))
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["as_of"] for row in rows] == ["2026-11-20", "2026-11-21"]
    assert rows[0]["band"] == "Unknown"
    assert rows[0]["Contact quality"] == ""
    assert rows[0]["Activity"] != ""
    log = AuditEvent.objects.get(kind="export")
    assert (log.by, log.detail["rows"]) == (owner, 2)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_nothing_in_a_csv_runs_as_a_formula(text):
    assert guarded(text) == f"'{text}"
    assert guarded("Plain & simple") == "Plain & simple"


def test_few_queries_whatever_the_history(
    book, score_book, report, manager, client, django_assert_max_num_queries
):
    client.force_login(manager)
    for day in range(1, 6):
        report(book[0], NIGHT + timedelta(days=day), **dict.fromkeys(list(METRICS)[1:]))
        score_book(as_of=NIGHT + timedelta(days=day))
    # Health also asks whether newer facts decided what no reading of the night names.
    for name, most in zip(NAMES[:2], (8, 8), strict=True):
        url = reverse(name, args=[book[0].pk])
        client.get(url)
        with django_assert_max_num_queries(most):
            client.get(url)
