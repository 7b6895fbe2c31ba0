"""A night that is stopped, and one that is gone on with: nothing from zero, nothing twice."""

from datetime import timedelta

import pytest
from django.utils import timezone

from csm.lib.errors import WorkbenchError
from csm.nightly import run_nightly, start_night
from scoring.models import AccountHealth, BandChange, ScoreRun, ScoreShard, Snapshot
from scoring.selectors import newest_run, snapshots_of
from scoring.services import night_acts, nights
from tests.conftest import NIGHT

NEXT = NIGHT + timedelta(days=1)


def piece(run, *, counting):
    run.refresh_from_db()
    shard = nights._claim(run, "waiting" if counting else "counted", "w:1")
    nights._do(run, shard, "w:1", counting=counting)
    return ScoreShard.objects.get(pk=shard.pk)


def half_scored(**how):
    """A run of three shards, all counted and one scored."""
    run = start_night(NEXT, shard_size=2, **how)
    for _ in range(3):
        piece(run, counting=True)
    nights._advance(run, counting=True)
    piece(run, counting=False)
    return run


def test_a_cancelled_night_shows_nothing_and_is_gone_on_with(book, admin):
    run = half_scored()
    night_acts.cancel(run, by=admin, at=timezone.now())
    assert newest_run().as_of == NIGHT
    assert AccountHealth.objects.filter(as_of=NEXT).count() == 0
    ids = [account.pk for account in book]
    assert Snapshot.objects.filter(as_of=NEXT).count() == 2
    assert not snapshots_of(ids, days=[NEXT]).exists()

    at = run.finished_at + timedelta(hours=2)
    run = night_acts.retry(run, by=admin, at=at)
    assert run.state == ScoreRun.State.SCORING
    assert run.shards.filter(state="scored").count() == 1
    assert run.stages["paused"] == pytest.approx(7200, abs=1)
    done = nights.work(run)
    assert done.state == ScoreRun.State.DONE
    expected = list(Snapshot.objects.filter(as_of=NEXT).values_list("account_id", "score"))
    run_nightly(NEXT)
    again = list(Snapshot.objects.filter(as_of=NEXT).values_list("account_id", "score"))
    assert again == expected
    assert len(expected) == len(book)


def test_a_worker_of_a_cancelled_night_undoes_its_piece(book, admin, monkeypatch):
    run = half_scored()
    run.refresh_from_db()
    shard = nights._claim(run, "counted", "w:1")
    night_acts.cancel(ScoreRun.objects.get(pk=run.pk), by=admin, at=timezone.now())
    nights._do(run, shard, "w:1", counting=False)
    shard.refresh_from_db()
    assert (shard.state, shard.lease_until) == ("counted", None)
    assert Snapshot.objects.filter(run=run).count() == 2


def test_the_next_run_of_the_night_replaces_what_a_cancelled_one_left(book, admin):
    run = half_scored()
    night_acts.cancel(run, by=admin, at=timezone.now())
    done = run_nightly(NEXT)
    assert done.pk != run.pk
    assert set(Snapshot.objects.filter(as_of=NEXT).values_list("run", flat=True)) == {done.pk}
    assert not BandChange.objects.filter(run=run).exists()
    with pytest.raises(WorkbenchError, match="started again since"):
        night_acts.retry(run, by=admin, at=timezone.now())


def test_a_night_that_is_over_is_not_cancelled_and_an_open_one_not_retried(book, admin):
    with pytest.raises(WorkbenchError, match="done already"):
        night_acts.cancel(newest_run(), by=admin, at=timezone.now())
    run = start_night(NEXT)
    with pytest.raises(WorkbenchError, match="being worked on"):
        night_acts.retry(run, by=admin, at=timezone.now())


def test_a_failed_shard_keeps_its_error_and_loses_it_by_success(book, admin, monkeypatch):
    run = start_night(NEXT, shard_size=2)
    broken = nights.shards.count

    def fails(run, plan, shard):
        if shard.number == 1:
            raise RuntimeError("disk full")
        return broken(run, plan, shard)

    monkeypatch.setattr(nights.shards, "count", fails)
    run = nights.work(run)
    shard = run.shards.get(number=1)
    assert (run.state, shard.attempts) == ("failed", 5)
    assert shard.error == "RuntimeError: disk full"
    monkeypatch.undo()
    run = nights.work(night_acts.retry(shard, by=admin, at=timezone.now()))
    shard.refresh_from_db()
    assert (run.state, shard.error, shard.attempts) == ("done", "", 0)
    assert shard.seconds > 0
    assert set(run.stages) == {"counting", "scoring", "publishing", "paused"}


def test_an_error_of_publishing_ends_the_run_instead_of_coming_back_for_ever(book, monkeypatch):
    def broken(run, plan):
        raise ValueError("no such tier")

    monkeypatch.setattr(nights.publish, "publish", broken)
    run = run_nightly(NEXT)
    assert run.state == "failed"
    assert "publishing: ValueError: no such tier" in run.error


def test_no_more_shards_at_once_than_there_are_places(book, settings):
    settings.NIGHT_WORKERS = 2
    run = start_night(NEXT, shard_size=1)
    assert nights._claim(run, "waiting", "elsewhere:1")
    assert nights._claim(run, "waiting", "elsewhere:2")
    assert nights._claim(run, "waiting", "elsewhere:3") is None
    assert nights.free_shards(run) == len(book) - 2


def test_workers_are_told_once_of_each_stage(book):
    told = []
    run = start_night(NEXT, shard_size=2)
    nights.work(run, on_stage=lambda each: told.append(each.state))
    assert told == ["scoring", "done"]
    nights.work(run, on_stage=lambda each: told.append(each.state))
    assert told == ["scoring", "done"]


def test_after_its_time_a_worker_begins_no_further_piece(book):
    run = nights.work(start_night(NEXT, shard_size=1), seconds=0, wait=False)
    assert run.shards.filter(state="counted").count() == 1
