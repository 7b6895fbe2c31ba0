"""Celery's doors: fetch by id, call one service, log one line."""

import logging
from datetime import date

from celery import shared_task

from accounts.events import apply
from accounts.imports import jobs
from csm.jobs.tasks import wake_waiting
from csm.lib.dates import today
from csm.nightly import after_night, start_night
from playbooks.services import night as triggers
from playbooks.tasks import work_night
from scoring.models import ScoreRun
from scoring.services import nights

log = logging.getLogger("csm.tasks")

# Wake-ups sent per run: a worker that finds nothing to claim returns at once, so too many cost little.
MAX_WORKERS = 8


@shared_task
def night(as_of: str | None = None, scorecard_key: str | None = None) -> None:
    """Start the night of `as_of` (today when absent) and wake workers for its shards."""
    day = date.fromisoformat(as_of) if as_of else today()
    wake(start_night(day, scorecard_key, judge=day >= today()))


@shared_task
def work(run_id: int) -> None:
    """Do what can be claimed of a run."""
    run = nights.work(ScoreRun.objects.get(pk=run_id), wait=False)
    after_night(run)
    log.info("night %s: %s", run.as_of, run.state)


@shared_task
def sweep() -> None:
    """Wake workers for every unfinished run, its triggers, and for imports nobody is at work on."""
    for run in ScoreRun.objects.filter(state__in=nights.OPEN):
        wake(run)
    if (judged := triggers.waiting()) is not None:
        work_night.delay(judged.pk)
    for pk in jobs.waiting().values_list("pk", flat=True):
        load_import.delay(pk)
    wake_waiting()


@shared_task
def load_import(run_id: int) -> None:
    """Load one import, unless somebody is at it already."""
    run = jobs.work(run_id)
    if run is not None:
        log.info("import %s: %s, %s rows", run.pk, run.state, run.rows_read)


@shared_task
def apply_events() -> None:
    """Apply product events that wait, and those held whose accounts have appeared."""
    apply.apply_events(as_of=today())


def wake(run: ScoreRun) -> None:
    """Tell workers there are shards to claim. Losing the message loses nothing: `sweep` sends it again."""
    for _ in range(min(MAX_WORKERS, max(1, run.shards.count()))):
        work.delay(run.pk)
