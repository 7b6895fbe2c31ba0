"""Between two nights: accounts whose facts changed are scored and judged again within seconds.

`accounts.services.changes.mark` leaves a row per account; a worker claims rows with a lease, scores them under
the newest night, judges the triggers, and removes the rows that did not change meanwhile. A worker that is
killed leaves its rows to the next one. While a night is under way rows stay: it may have read the account
before the change, so the account is scored again once that night is published.
"""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.models import ChangedAccount
from csm.lib import workers
from csm.lib.workers import unheld, worker_name
from playbooks.services import day
from scoring.models import ScoreRun
from scoring.selectors import newest_run
from scoring.services.by_day import rescore
from scoring.services.nights import OPEN

log = logging.getLogger("csm.by_day")

# What is scored in one transaction.
BATCH: Final = 1_000
LEASE: Final = timedelta(minutes=2)
# An account whose scoring fails again and again waits for the night.
MAX_ATTEMPTS: Final = 5
# Before it is tried again; doubled every time.
_PAUSE: Final = timedelta(seconds=30)
# A transaction that began before a night and ended after it read the account is over within this.
_LONGEST_CHANGE: Final = timedelta(minutes=10)


@dataclass
class Report:
    """What was done: accounts scored again, alerts that opened, accounts that failed and wait."""

    accounts: int = 0
    alerts: int = 0
    failed: int = 0


def waiting() -> bool:
    """Whether there is anything to do. Three queries, each of one index entry."""
    run = newest_run(defer=True)
    return run is not None and _due(run).exists()


def work(*, at: datetime, worker: str | None = None) -> Report:
    """Score and judge changed accounts until none is left that nobody is at work on.

    Nothing happens before the first night: it scores everybody. `at` is now.
    """
    worker = worker or worker_name()
    began = time.monotonic()
    report = Report()
    while (run := newest_run(defer=True)) is not None:
        now = at + timedelta(seconds=time.monotonic() - began)
        rows = _claim(run, worker)
        if not rows:
            break
        _do(rows, worker, now, report)
    return report


def _is_night_under_way(run: ScoreRun) -> bool:
    """A night that will replace what `run` shows."""
    return ScoreRun.objects.filter(
        state__in=OPEN, history_only=False, as_of__gte=run.as_of
    ).exists()


def _due(run: ScoreRun) -> QuerySet[ChangedAccount]:
    """Rows nobody is at work on; while a night is under way those scored already are left alone."""
    rows = ChangedAccount.objects.filter(unheld(timezone.now()), attempts__lt=MAX_ATTEMPTS)
    if _is_night_under_way(run):
        rows = rows.exclude(scored_run=run.pk, scored_times=F("times"))
    return rows


def _claim(run: ScoreRun, worker: str) -> list[ChangedAccount]:
    """The oldest rows, ours until their lease ends."""
    release_dead()
    if run.started_at is not None:
        # That night has read the change.
        ChangedAccount.objects.filter(changed_at__lt=run.started_at - _LONGEST_CHANGE).delete()
    with transaction.atomic():
        due = (
            _due(run)
            .order_by("changed_at")
            .select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
        )
        rows = list(due[:BATCH])
        ids = [row.pk for row in rows]
        if ids:
            ChangedAccount.objects.filter(pk__in=ids).update(
                lease_until=timezone.now() + LEASE, worker=worker, attempts=F("attempts") + 1
            )
    return rows


def release_dead() -> None:
    """Free the rows of workers of this machine that are no more, without waiting for their lease."""
    held = ChangedAccount.objects.filter(lease_until__gt=timezone.now())
    workers.release_dead(held, worker="")


def _do(rows: Sequence[ChangedAccount], worker: str, at: datetime, report: Report) -> None:
    ids = {row.pk for row in rows}
    try:
        done = rescore(ids, at=at)
        judged = day.evaluate(ids, at=at)
    except Exception as error:
        if len(rows) > 1:
            # One account must not hold up the others.
            half = len(rows) // 2
            log.warning("by day: %s accounts failed, trying fewer: %s", len(rows), error)
            _do(rows[:half], worker, at, report)
            _do(rows[half:], worker, at, report)
            return
        log.exception("by day: account %s could not be scored", rows[0].pk)
        ChangedAccount.objects.filter(pk__in=ids, worker=worker).update(
            lease_until=timezone.now() + _PAUSE * 2 ** rows[0].attempts, worker=""
        )
        report.failed += 1
        return
    if done.again:
        # Not done: free at once, and tried no more often than what fails.
        _free(done.again, worker)
    _finish([row for row in rows if row.pk not in done.again], worker, done.run)
    report.accounts += len(done.accounts)
    report.alerts += judged.opened.total()


def _free(ids: Collection[int], worker: str) -> None:
    ChangedAccount.objects.filter(pk__in=ids, worker=worker).update(lease_until=None, worker="")


def _finish(rows: Sequence[ChangedAccount], worker: str, run: ScoreRun | None) -> None:
    """Remove the rows that are as they were when they were read; the others are free for the next pass."""
    by_times: dict[int, list[int]] = {}
    for row in rows:
        by_times.setdefault(row.times, []).append(row.pk)
    # In this order: a night that ends in between is the newest by then.
    stays = run is None or _is_night_under_way(run)
    newest = newest_run(defer=True)
    stays = stays or newest is None or run is None or newest.pk != run.pk
    for times, ids in by_times.items():
        mine = ChangedAccount.objects.filter(pk__in=ids, worker=worker)
        if stays:
            mine.filter(times=times).update(scored_times=times, scored_run=run and run.pk)
        else:
            mine.filter(times=times).delete()
        mine.update(lease_until=None, worker="", attempts=0)
