"""Celery's doors: fetch by id, call one service, log one line."""

import logging
import time
from datetime import date
from typing import Final

import redis
from celery import shared_task
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from accounts.events import apply
from accounts.imports import jobs
from accounts.services import changes
from csm import by_day as day
from csm import night_plan, tidying
from csm.jobs.tasks import wake_waiting as wake_jobs
from csm.lib.dates import today
from csm.lib.remembered import told
from csm.nightly import start_night
from csm.portfolio.warmed import to_warm
from playbooks.services import night as triggers
from playbooks.tasks import work_night
from scoring.models import MetricProfile, ScoreRun
from scoring.selectors import newest_run
from scoring.services import nights, profiles, retention

log = logging.getLogger("csm.tasks")

# Wake-ups sent at once: a worker that finds nothing to claim returns at once, so too many cost little.
MOST_WAKE_UPS: Final = 64
# Seconds a worker stays with a night before it looks what else there is to do.
SLICE: Final = 5.0
# A wake-up nobody has read by then is pointless: the sweep has sent others. Seconds.
_STALE: Final = 600


@shared_task
def night(as_of: str | None = None, scorecard_key: str | None = None) -> None:
    """Start the night that is due, or that of `as_of`, and wake workers for its shards."""
    if as_of is None and scorecard_key is None:
        run = night_plan.start_due(timezone.now())
    else:
        day = date.fromisoformat(as_of) if as_of else today()
        run = start_night(day, scorecard_key, judge=day >= today())
    if run is not None:
        wake(run)


@shared_task
def work(run_id: int) -> None:
    """Do for a while what can be claimed of a run."""
    run = ScoreRun.objects.filter(pk=run_id).first()
    if run is None or run.state not in nights.OPEN:
        return
    started = time.monotonic()
    run = nights.work(run, wait=False, seconds=SLICE, on_stage=_next_stage)
    if run.state in nights.OPEN:
        # What has less time than a shard needs goes first; then we come back.
        if time.monotonic() - started >= SLICE:
            work.apply_async((run.pk,), expires=_STALE)
    else:
        log.info("night %s: %s", run.as_of, run.state)


def _next_stage(run: ScoreRun) -> None:
    """There is other work on the run now: for workers that found nothing left of the stage before."""
    if run.state in nights.OPEN:
        wake(run)
        return
    judged = triggers.ensure(run)
    if judged is not None:
        work_night.delay(judged.pk)
        profile.delay(run.pk)
        warm.delay(run.pk)
    wake_nights()


@shared_task
def profile(run_id: int) -> None:
    """The spread of every metric over the book on a finished night."""
    # Nobody waits for it, and at a million accounts two at once would be one too many.
    if not cache.add(f"profile-{run_id}", "1", timeout=900):
        return
    try:
        profiles.ensure(ScoreRun.objects.get(pk=run_id))
    finally:
        cache.delete(f"profile-{run_id}")


@shared_task
def warm(run_id: int) -> None:
    """Have what pages of large books show counted before anybody asks for it."""
    run = ScoreRun.objects.filter(pk=run_id).first()
    for figure in to_warm(run) if run is not None else ():
        told(figure, at=timezone.now())


@shared_task
def sweep() -> None:
    """Start a night that is due; wake workers for everything unfinished that nobody is at work on."""
    try:
        night_plan.start_due(timezone.now())
    except nights.NightError as error:
        log.warning("the night that is due cannot start: %s", error)
    wake_nights()
    if (judged := triggers.waiting()) is not None:
        work_night.delay(judged.pk)
    shown = newest_run(defer=True)
    if shown is not None and shown.scorecard_id is None and _is_unprofiled(shown):
        profile.delay(shown.pk)
    jobs.release_dead()
    for pk in jobs.waiting().values_list("pk", flat=True)[:MOST_WAKE_UPS]:
        load_import.delay(pk)
    wake_jobs()


def _is_unprofiled(run: ScoreRun) -> bool:
    return not MetricProfile.objects.filter(as_of=run.as_of).exists()


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


@shared_task
def by_day() -> None:
    """Score and judge the accounts whose facts changed, until none is left."""
    changes.awake()
    done = day.work(at=timezone.now())
    if done.accounts or done.failed:
        log.info(
            "by day: %s accounts, %s alerts, %s failed", done.accounts, done.alerts, done.failed
        )


@shared_task
def sweep_day() -> None:
    """Wake a worker for changed accounts nobody is at work on."""
    day.release_dead()
    if day.waiting():
        by_day.delay()


@shared_task
def tidy() -> None:
    """Remove what nobody needs any more."""
    log.info("tidied up: %s", tidying.tidy(at=timezone.now()))


@shared_task
def prune() -> None:
    """Remove snapshots older than they are kept for."""
    found = retention.prune(today())
    log.info("pruning: %s months, %s nights", len(found.months), len(found.nights))


def wake(run: ScoreRun) -> None:
    """Tell workers there are shards to claim. Losing the message loses nothing: `sweep` sends it again.

    Never more messages than free shards and places, those in the queue already included. A back-fill
    waits for the one of an earlier day.
    """
    if run.history_only:
        run = next((each for each in night_plan.turn() if each.history_only), run)
    # What a dead worker holds is free: else nobody would be woken until its lease ends.
    nights.release_dead(run)
    places = settings.NIGHT_WORKERS or MOST_WAKE_UPS
    free = min(nights.free_shards(run), places, MOST_WAKE_UPS)
    if not free:
        return
    # Somebody else's messages fill the queue too: one is always ours.
    for _ in range(max(1, free - waiting_messages("night"))):
        work.apply_async((run.pk,), expires=_STALE)


def wake_nights() -> None:
    """Wake workers for every run whose turn it is."""
    for run in night_plan.turn():
        wake(run)


def waiting_messages(queue: str) -> int:
    """Messages that wait in a queue on Redis; 0 without Redis, or when it does not answer."""
    if not settings.REDIS_URL:
        return 0
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2
        ) as broker:
            return int(broker.llen(queue))
    except redis.RedisError:
        return 0
