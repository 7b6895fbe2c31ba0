"""Nights that are due: started once each, and those that never ran."""

import logging
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from accounts.models import Account, ImportRun
from csm import schedule
from csm.nightly import start_night
from scoring.models import ScoreRun
from scoring.services import nights

log = logging.getLogger("csm.nights")

# How far back the page looks for nights that never ran.
LOOKED_BACK: Final = 14
# The first night waits for the first imports no longer than this.
LONGEST_IMPORT: Final = timedelta(hours=2)


def start_due(now: datetime) -> ScoreRun | None:
    """Start the night whose hour has passed, unless it ran since, runs, or a person stopped it.

    However many hours were missed, only the last one counts: the nights before are back-filled when
    somebody asks. Any number of callers at once start one night; the very first
    waits until the book is loaded. Raises NightError like `start_night`.
    """
    due = next(iter(schedule.due_moments(now, days=8)), None)
    if due is None or not Account.objects.exists():
        return None
    as_of = night_of(due)
    if nights.started_since(as_of, due) is not None or _is_first_import_loading(now):
        return None
    log.info("the night of %s was due at %s: starting it", as_of, due.isoformat())
    return start_night(as_of, judge=as_of >= night_of(now), since=due)


def _is_first_import_loading(now: datetime) -> bool:
    """Whether the first night would score a part of the book only, as the rest is still being read."""
    if ScoreRun.objects.exists():
        return False
    # One that was given up stays "running" until somebody goes on with it.
    loading = (ImportRun.State.QUEUED, ImportRun.State.RUNNING)
    return ImportRun.objects.filter(state__in=loading, started_at__gt=now - LONGEST_IMPORT).exists()


def night_of(moment: datetime) -> date:
    """The day, in the workbench's own time zone, that a night due at `moment` scores."""
    return timezone.localtime(moment).date()


def missed(now: datetime) -> list[date]:
    """Nights that were due in the last two weeks and that nobody scored or stopped, oldest first."""
    moments = schedule.due_moments(now, days=LOOKED_BACK)
    if not moments:
        return []
    last, *before = [night_of(each) for each in moments]
    kept = ScoreRun.objects.filter(scorecard=None).exclude(state=ScoreRun.State.FAILED)
    first = kept.order_by("as_of").values_list("as_of", flat=True).first()
    if first is None:
        return []
    there = set(
        kept.filter(as_of__gte=now.date() - timedelta(days=LOOKED_BACK + 2)).values_list(
            "as_of", flat=True
        )
    )
    return sorted({day for day in before if first < day < last} - there)


def backfill_missed(*, by: Any, at: datetime) -> list[ScoreRun]:
    """A run for every missed night, to be worked on one after the other; the caller wakes workers."""
    return [start_night(day, by=by, history_only=True, judge=False) for day in missed(at)]


def turn() -> list[ScoreRun]:
    """Open runs to be worked on now: of back-fills only the oldest, as each compares with the one before."""
    runs = ScoreRun.objects.filter(state__in=nights.OPEN).defer("statistics", "report")
    found = list(runs.order_by("as_of", "pk"))
    return [run for run in found if not run.history_only] + [
        run for run in found if run.history_only
    ][:1]
