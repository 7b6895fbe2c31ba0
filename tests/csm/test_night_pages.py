"""Nights: everyone reads what ran, an admin starts one."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from csm import night_views
from csm.lib.display import duration
from csm.nightly import start_night
from scoring import night_selectors
from scoring.models import ScoreRun, ScoreShard
from scoring.services import nights
from tests.conftest import NIGHT


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
    assert page.context["progress"].done * 2 == page.context["progress"].total
    fragment = client.get(url + "?was=open", headers={"HX-Request": "true"})
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


def test_an_admin_starts_a_night_and_workers_are_told(run, admin, client, monkeypatch):
    woken = []
    monkeypatch.setattr(night_views, "wake", woken.append)
    client.force_login(admin)
    assert client.get(reverse("night_start")).status_code == 405
    response = client.post(reverse("night_start"))
    new = ScoreRun.objects.order_by("-pk").first()
    assert response["Location"] == reverse("night", args=[new.pk])
    assert new.started_by == admin
    assert woken == [new]
    event = AuditEvent.objects.get(what=f"started the night of {new.as_of}")
    assert (event.by, event.kind) == (admin, "operation")


@pytest.mark.parametrize("who", ["owner", "manager", "executive"])
def test_only_an_admin_stops_a_night_or_goes_on_with_it(who, people, client, book):
    run = start_night(NIGHT)
    client.force_login(people[who])
    page = body(client.get(reverse("night", args=[run.pk])))
    assert "Cancel night" not in page
    for address in (
        reverse("night_cancel", args=[run.pk]),
        reverse("night_retry", args=[run.pk]),
        reverse("night_shard_retry", args=[run.pk, 0]),
        reverse("night_backfill"),
    ):
        assert client.post(address).status_code == 404
    run.refresh_from_db()
    assert run.state == "counting"


def test_an_admin_stops_a_night_and_goes_on_with_it(book, admin, client):
    run = start_night(NIGHT, shard_size=2)
    nights._do(run, nights._claim(run, "waiting", "w:1"), "w:1", counting=True)
    client.force_login(admin)
    page = reverse("night", args=[run.pk])
    assert "Cancel night" in body(client.get(page))
    client.post(reverse("night_cancel", args=[run.pk]))
    run.refresh_from_db()
    assert (run.state, run.cancelled_by) == ("cancelled", admin)
    text = body(client.get(page))
    assert "Go on with it" in text
    assert "cancelled" in text
    twice = client.post(reverse("night_cancel", args=[run.pk]), follow=True)
    assert "is cancelled already" in body(twice)
    client.post(reverse("night_retry", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == "counting"
    assert run.shards.filter(state="counted").count() == 1
    told = list(
        AuditEvent.objects.filter(kind="operation").order_by("pk").values_list("what", flat=True)
    )
    assert told == [f"cancelled the night of {NIGHT}", f"went on with the night of {NIGHT}"]


def test_a_failed_shard_tells_its_error_and_is_tried_again(book, admin, client):
    run = start_night(NIGHT, shard_size=2)
    run.shards.filter(number=1).update(attempts=5, error="OSError: disk full", worker="w:9")
    nights.fail(run, "Shard 1 failed 5 times.")
    client.force_login(admin)
    text = body(client.get(reverse("night", args=[run.pk])))
    assert "Part 1: OSError: disk full" in text
    client.post(reverse("night_shard_retry", args=[run.pk, 1]))
    run.refresh_from_db()
    assert (run.state, run.error) == ("counting", "")
    assert run.shards.get(number=1).attempts == 0


def test_the_history_is_filtered_and_taken_as_csv(run, admin, client):
    client.force_login(admin)
    failed = reverse("nights") + "?state=failed"
    assert "No night is in this state" in body(client.get(failed))
    text = body(client.get(reverse("nights_csv")))
    assert text.splitlines()[0].lstrip("\ufeff").startswith("run,as_of,state,accounts")
    assert f"{run.pk},2026-11-20,done,6" in text
    assert len(body(client.get(reverse("nights_csv") + "?state=failed")).splitlines()) == 1
    assert AuditEvent.objects.filter(kind="export", what="exported nights").count() == 2


def test_an_open_night_tells_its_speed_and_the_time_left(run, owner, client):
    now = run.started_at + timedelta(seconds=10)
    ScoreRun.objects.filter(pk=run.pk).update(
        state="scoring", stages={"counting": 4.0}, finished_at=None
    )
    run.refresh_from_db()
    size = {"expected": 1000}
    shards = [
        ScoreShard(run=run, number=0, state="scored", report={"accounts": 1000}),
        ScoreShard(run=run, number=1, state="counted", report=size),
        ScoreShard(run=run, number=2, state="counted", report=size, lease_until=now + timedelta(9)),
    ]
    found = night_selectors.progress(run, shards, now)
    assert (found.done, found.total, found.workers) == (4, 6, 1)
    assert found.note == "about 170 accounts/s · about 10 s left · 1 at work"


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
    for day in range(1, 4):
        score_book(as_of=run.as_of + timedelta(days=day))
    client.force_login(owner)
    for address in (reverse("nights"), reverse("night", args=[run.pk])):
        client.get(address)
        with django_assert_max_num_queries(8):
            client.get(address)
