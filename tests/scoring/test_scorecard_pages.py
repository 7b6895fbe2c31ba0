"""Scorecards: everyone reads them, an admin tunes them."""

import pytest
from django.urls import reverse

from scoring.engine.spec import from_dict
from scoring.models import AccountHealth, Cap, Component, Measure, Scorecard, ScorecardVersion
from scoring.scorecard_selectors import changes_between
from scoring.services import versions

KEY = "crm-engagement"
ACTIONS = ("scorecard_draft", "scorecard_publish", "scorecard_discard", "scorecard_activate")


def body(response) -> str:
    return response.content.decode()


@pytest.fixture
def draft(book, admin):
    return versions.start_draft(Scorecard.objects.get(key=KEY), by=admin)


def url(name: str, key: str = KEY) -> str:
    return reverse(name, args=[key])


@pytest.mark.parametrize("who", ["owner", "outsider", "manager", "executive", "admin"])
def test_everyone_reads_scorecards(who, people, book, client):
    client.force_login(people[who])
    for address in (reverse("scorecards"), url("scorecard"), url("scorecard_yaml")):
        assert client.get(address).status_code == 200
        assert client.post(address).status_code == 405


def test_the_list_counts_only_what_one_may_see(book, owner, outsider, client):
    client.force_login(owner)
    seen = {
        row.scorecard.key: row.scored
        for row in client.get(reverse("scorecards")).context["scorecards"]
    }
    assert seen[KEY].accounts == len(book)
    assert sum(count for *_, count in seen[KEY].split) == len(book)
    client.force_login(outsider)
    seen = {
        row.scorecard.key: row.scored
        for row in client.get(reverse("scorecards")).context["scorecards"]
    }
    assert seen[KEY].accounts == 0
    assert seen[KEY].mean is None


def test_the_mean_is_that_of_the_accounts_with_a_band(book, owner, client):
    client.force_login(owner)
    rows = client.get(reverse("scorecards")).context["scorecards"]
    mean = next(row.scored.mean for row in rows if row.scorecard.key == KEY)
    judged = AccountHealth.objects.exclude(band=-1).values_list("score", flat=True)
    assert mean == pytest.approx(sum(judged) / len(judged))
    assert AccountHealth.objects.filter(band=-1, score__isnull=False).exists()


def test_the_page_says_it_in_words_with_the_population(book, owner, client):
    client.force_login(owner)
    text = body(client.get(url("scorecard")))
    assert "between the lowest and the highest account" in text
    assert "its weight goes to the other measures" in text
    assert "Every account no other scorecard claims" in text
    assert "health/100" in text
    assert "weights add up to" in text


def test_a_constant_column_is_warned_about(book, owner, client, score_book, report):
    from datetime import timedelta

    from tests.conftest import NIGHT

    for account in book:
        report(account, NIGHT + timedelta(days=1), number_of_employees=7)
    score_book(as_of=NIGHT + timedelta(days=1))
    client.force_login(owner)
    assert "tells nobody apart" in body(client.get(url("scorecard")))


def test_unknown_scorecards_and_versions_do_not_exist(book, owner, client):
    client.force_login(owner)
    assert client.get(url("scorecard", "none")).status_code == 404
    assert client.get(url("scorecard"), {"version": "99"}).status_code == 404
    assert client.get(url("scorecard"), {"version": "x"}).status_code == 404


def test_a_draft_is_the_admins_own(draft, owner, admin, client):
    client.force_login(owner)
    assert client.get(url("scorecard"), {"version": draft.number}).status_code == 404
    client.force_login(admin)
    page = client.get(url("scorecard"), {"version": draft.number})
    assert page.status_code == 200
    assert "Publish version 2" in body(page)


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("who", ["owner", "manager", "executive"])
def test_only_an_admin_tunes(name, who, people, draft, client):
    client.force_login(people[who])
    assert client.post(url(name), {"note": "x"}).status_code == 404
    assert client.post(reverse("presets_load")).status_code == 404
    client.force_login(people["admin"])
    assert client.get(url(name)).status_code == 405
    assert ScorecardVersion.objects.filter(pk=draft.pk, state="draft").exists()


def test_publishing_a_draft_of_90_is_refused_with_the_sentence(draft, admin, client):
    Component.objects.filter(version=draft, key="activity").update(weight=30)
    before = list(ScorecardVersion.objects.order_by("pk").values())
    client.force_login(admin)
    response = client.post(url("scorecard_publish"), {"note": "Less activity"})
    assert response.status_code == 422
    assert "add up to 90, not 100: add 10 to one or more of Activity (30)" in body(response)
    assert list(ScorecardVersion.objects.order_by("pk").values()) == before


def test_publishing_needs_a_note(draft, admin, client):
    client.force_login(admin)
    response = client.post(url("scorecard_publish"), {"note": "   "})
    assert response.status_code == 422
    assert "Say in a note" in body(response)


def test_publishing_makes_it_active_and_shows_the_note(draft, admin, client):
    client.force_login(admin)
    response = client.post(url("scorecard_publish"), {"note": "Nothing but a test"}, follow=True)
    assert "Nothing but a test" in body(response)
    draft.refresh_from_db()
    assert (draft.state, draft.published_by) == ("active", admin)
    assert client.post(url("scorecard_publish"), {"note": "again"}).status_code == 404


def test_editing_starts_one_draft_and_opens_it(book, admin, client):
    client.force_login(admin)
    first = client.post(url("scorecard_draft"))
    assert first["Location"] == client.post(url("scorecard_draft"))["Location"]
    assert client.get(first["Location"]).status_code == 200
    client.post(url("scorecard_discard"))
    assert not ScorecardVersion.objects.filter(state="draft").exists()


def test_one_scorecard_is_the_default(book, admin, client):
    client.force_login(admin)
    client.post(url("scorecard_activate", "five-pillar"), {"default": "1"})
    assert [card.key for card in Scorecard.objects.filter(is_default=True)] == ["five-pillar"]
    Scorecard.objects.create(key="empty", name="Empty")
    response = client.post(url("scorecard_activate", "empty"), follow=True)
    assert "publish its draft first" in body(response)


def test_without_scorecards_an_admin_loads_the_presets(admin, owner, client, db):
    client.force_login(owner)
    assert "No scorecard yet" in body(client.get(reverse("scorecards")))
    client.force_login(admin)
    text = body(client.post(reverse("presets_load"), follow=True))
    assert "CRM engagement" in text
    assert Scorecard.objects.count() == 3
    assert client.get(url("scorecard")).status_code == 200
    assert "all here already" in body(client.post(reverse("presets_load"), follow=True))


def test_yaml_can_be_read_back(book, owner, client):
    import yaml

    client.force_login(owner)
    response = client.get(url("scorecard_yaml"))
    version = ScorecardVersion.objects.select_related("scorecard").get(
        scorecard__key=KEY, state="active"
    )
    assert from_dict(yaml.safe_load(response.content)) == versions.spec_of(version)
    assert "crm-engagement.yaml" in response["Content-Disposition"]


def test_a_difference_of_versions_in_words(draft, admin):
    old = versions.spec_of(
        ScorecardVersion.objects.select_related("scorecard").get(scorecard__key=KEY, state="active")
    )
    assert changes_between(old, versions.spec_of(draft)) == []
    Component.objects.filter(version=draft, key="activity").update(weight=30)
    Measure.objects.filter(version=draft, key="annual_revenue").update(
        params={"transform": "log1p"}, weight=0.6
    )
    Cap.objects.create(
        version=draft,
        key="quiet",
        label="Quiet",
        metric="total_activities_30d",
        op="<",
        value=1,
        limit=40,
    )
    words = " ".join(changes_between(old, versions.spec_of(draft)))
    assert "Activity: weight 40% → 30%." in words
    assert "Annual revenue: weight in Business value 50% → 60%." in words
    assert "on a log scale" in words
    assert "New cap: Activities in 30 days is below 1: the score is at most 40." in words


def test_few_queries_at_any_size(
    book, admin, make_account, score_book, client, django_assert_max_num_queries
):
    client.force_login(admin)
    for address in (reverse("scorecards"), url("scorecard")):
        client.get(address)
        with django_assert_max_num_queries(8):
            client.get(address)
