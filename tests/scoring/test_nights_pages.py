"""Nights: everyone reads what ran, an admin starts one."""

import threading

import pytest
from django.urls import reverse

from csm import night_views
from scoring.models import ScoreRun, ScoreShard
from scoring.views.nights import duration


def body(response) -> str:
    return response.content.decode()


@pytest.fixture
def run(book):
    return ScoreRun.objects.get()


@pytest.mark.parametrize("who", ["owner", "outsider", "manager", "executive", "admin"])
def test_everyone_reads_nights(who, people, run, client):
    client.force_login(people[who])
    for address in (reverse("nights"), reverse("night", args=[run.pk])):
        response = client.get(address)
        assert response.status_code == 200
        assert "20 Nov 2026" in body(response)
        assert client.post(address).status_code == 405
    assert client.get(reverse("night", args=[999_999])).status_code == 404


def test_an_open_night_asks_for_its_progress_and_then_for_the_page(run, owner, client):
    client.force_login(owner)
    ScoreRun.objects.filter(pk=run.pk).update(state="scoring")
    ScoreShard.objects.filter(run=run).update(state="counted")
    url = reverse("night", args=[run.pk])
    page = client.get(url)
    assert 'hx-trigger="every 2s"' in body(page)
    assert page.context["done"] * 2 == page.context["total"]
    fragment = client.get(url, headers={"HX-Request": "true"})
    assert "<html" not in body(fragment)
    assert "HX-Refresh" not in fragment
    ScoreRun.objects.filter(pk=run.pk).update(state="done")
    over = client.get(url, headers={"HX-Request": "true"})
    assert over["HX-Refresh"] == "true"
    assert "every 2s" not in body(over)


def test_a_failed_night_says_why(run, owner, client):
    client.force_login(owner)
    ScoreRun.objects.filter(pk=run.pk).update(state="failed", error="Shard 3 failed 5 times.")
    assert "Shard 3 failed 5 times." in body(client.get(reverse("night", args=[run.pk])))


@pytest.mark.parametrize("who", ["owner", "manager", "executive"])
def test_only_an_admin_starts_a_night(who, people, run, client):
    client.force_login(people[who])
    assert "Score tonight now" not in body(client.get(reverse("nights")))
    assert client.post(reverse("night_start")).status_code == 404
    assert ScoreRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_admin_starts_a_night_here(run, admin, client, settings):
    settings.REDIS_URL = ""
    client.force_login(admin)
    assert client.get(reverse("night_start")).status_code == 405
    response = client.post(reverse("night_start"))
    new = ScoreRun.objects.order_by("-pk").first()
    assert response["Location"] == reverse("night", args=[new.pk])
    assert new.started_by == admin
    for thread in threading.enumerate():
        if thread.name == f"night-{new.pk}":
            thread.join(30)
    new.refresh_from_db()
    assert new.state == "done"


def test_with_a_broker_workers_are_woken(run, admin, client, monkeypatch, settings):
    settings.REDIS_URL = "redis://nowhere"
    woken = []
    monkeypatch.setattr(night_views, "wake", woken.append)
    client.force_login(admin)
    client.post(reverse("night_start"))
    assert [each.as_of for each in woken] == [ScoreRun.objects.order_by("-pk").first().as_of]


def test_a_night_without_accounts_is_refused_with_the_remedy(admin, client, db):
    client.force_login(admin)
    assert "No night has run yet" in body(client.get(reverse("nights")))
    text = body(client.post(reverse("night_start"), follow=True))
    assert "import some first" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.14, "3.1 s"), (125, "2 min 5 s"), (3840, "1 h 4 min")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_few_queries_at_any_length(run, owner, client, score_book, django_assert_max_num_queries):
    from datetime import timedelta

    for day in range(1, 4):
        score_book(as_of=run.as_of + timedelta(days=day))
    client.force_login(owner)
    for address in (reverse("nights"), reverse("night", args=[run.pk])):
        client.get(address)
        with django_assert_max_num_queries(8):
            client.get(address)
