"""Nights over real Celery workers and a real Redis: two beats, a missed night, one that is cancelled."""

import datetime as dt
import subprocess
import sys

import pytest

from tests.services.test_celery_night import DONE, ROOT, Book, book, pytestmark, redis_url

__all__ = ["book", "pytestmark", "redis_url"]

TODAY = dt.datetime.now(dt.UTC).date()
RUNS = "SELECT as_of, state, history_only FROM scoring_scorerun ORDER BY id"
# Long ago for whoever looks at it: the hour of today's night has passed.
_MIDNIGHT = """
from csm import schedule
from csm.models import User
from django.utils import timezone
schedule.change("night", schedule.At(0, 0, "UTC"), enabled=True, by=None, at=timezone.now())
"""
_STOP = """
from django.utils import timezone
from scoring.models import ScoreRun
from scoring.services import night_acts
night_acts.{act}(ScoreRun.objects.latest("pk"), by=None, at=timezone.now())
"""


def call(book: Book, task: str) -> None:
    """A message, as beat sends it."""
    command = [sys.executable, "-m", "celery", "-A", "csm", "call", task]
    subprocess.run(command, cwd=ROOT, env=book.environment, check=True, capture_output=True)


@pytest.fixture
def due(book: Book) -> Book:
    book.environment["TIME_ZONE"] = "UTC"
    book.manage("shell", "-v0", "-c", _MIDNIGHT)
    return book


def test_two_beats_and_two_sweeps_at_once_start_one_night(due: Book) -> None:
    due.worker("first")
    due.worker("second")
    for task in ("csm.tasks.night", "csm.tasks.night", "csm.tasks.sweep", "csm.tasks.sweep"):
        call(due, task)
    due.wait_for(DONE, 120)
    call(due, "csm.tasks.night")
    call(due, "csm.tasks.sweep")
    due.wait_for("SELECT state = 'done' FROM playbooks_triggernight", 120)
    assert due.ask(RUNS) == [(str(TODAY), "done", 0)]


def test_a_night_cancelled_under_two_workers_stops_and_is_gone_on_with(book: Book) -> None:
    book.manage("run_nightly", "--as-of", str(TODAY), "--celery", "--shard-size", "1")
    book.worker("first")
    book.worker("second")
    book.wait_for("SELECT COUNT(*) >= 3 FROM scoring_scoreshard WHERE state <> 'waiting'", 120)
    book.manage("shell", "-v0", "-c", _STOP.format(act="cancel"))
    book.wait_for("SELECT COUNT(*) = 0 FROM scoring_scoreshard WHERE lease_until IS NOT NULL")
    counted = "SELECT COUNT(*) FROM scoring_scoreshard WHERE state <> 'waiting'"
    before = book.ask(counted)
    assert book.ask(RUNS) == [(str(TODAY), "cancelled", 0)]
    assert book.ask("SELECT COUNT(*) FROM scoring_accounthealth") == [(0,)]

    book.manage("shell", "-v0", "-c", _STOP.format(act="retry"))
    assert book.ask(counted) == before
    call(book, "csm.tasks.sweep")
    book.wait_for(DONE, 180)
    assert len(book.ask(RUNS)) == 1
    assert book.ask("SELECT COUNT(*) > 0 FROM scoring_accounthealth") == [(1,)]
