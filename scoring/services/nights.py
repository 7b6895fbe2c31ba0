"""A night's life: start or resume it, let workers claim its shards, publish it once.

    counting: every shard counts its part of the population statistics
    scoring:  the merged statistics are stored; every shard is scored
    done:     current health is swapped and the roll-up written, in one transaction

Each step is a compare-and-set on a row, so any number of workers may call `work` on the same run, be killed
at any moment, and a later call finishes with the same numbers.
"""

import logging
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Account
from accounts.trust import frozen_on
from csm.lib.errors import WorkbenchError
from csm.lib.workers import is_dead, worker_name
from scoring.engine import statistics
from scoring.models import Scorecard, ScorecardVersion, ScoreRun, ScoreShard
from scoring.services import publish, shards, versions
from scoring.services.populations import Plan

log = logging.getLogger("scoring.nights")

SHARD_SIZE = 20_000
LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
OPEN = (ScoreRun.State.COUNTING, ScoreRun.State.SCORING)

Progress = Callable[[str, int, int], None]


class NightError(WorkbenchError):
    """A night that cannot be run; the text says why and what to do."""


def start(
    as_of: date,
    *,
    scorecard: Scorecard | None = None,
    by: Any = None,
    shard_size: int = SHARD_SIZE,
    history_only: bool = False,
    plan: list[int] | None = None,
) -> ScoreRun:
    """The open run of this night with this plan, or a new one.

    `plan` scores with these version ids instead of the active ones. An open run with another plan (a
    version was published since) is marked failed: its numbers would
    answer a question nobody asks any more. Raises NightError when there is nothing to score with or on.
    """
    plan = plan or _plan(scorecard)
    if not Account.objects.exists():
        raise NightError(
            "There are no accounts to score: import some first (`import_feed accounts FILE`)."
        )
    with transaction.atomic():
        for run in ScoreRun.objects.select_for_update().filter(as_of=as_of, state__in=OPEN):
            if run.plan == plan and run.scorecard_id == (scorecard.pk if scorecard else None):
                return run
            run.state, run.error = ScoreRun.State.FAILED, "Replaced by a run with another plan."
            run.finished_at = timezone.now()
            run.save(update_fields=["state", "error", "finished_at"])
        run = ScoreRun.objects.create(
            as_of=as_of,
            plan=plan,
            scorecard=scorecard,
            started_by=by,
            history_only=history_only,
            # Fixed here: what an admin lifts while it runs counts from the next night.
            frozen=[
                [source, feed, good_on.isoformat()]
                for (source, feed), good_on in sorted(frozen_on(as_of).items())
            ],
        )
        ScoreShard.objects.bulk_create(
            ScoreShard(run=run, number=number, first_id=first, last_id=last)
            for number, (first, last) in enumerate(_ranges(shard_size))
        )
    return run


def _plan(scorecard: Scorecard | None) -> list[int]:
    if scorecard is None:
        found = versions.active_versions()
        if not found:
            raise NightError(
                "No scorecard is active: publish one (`scorecards presets` loads those that ship)."
            )
        return [version.pk for version in found]
    version = scorecard.versions.filter(state=ScorecardVersion.State.ACTIVE).first()
    if version is None:
        raise NightError(f"{scorecard.name} has no published version: publish its draft first.")
    return [version.pk]


def _ranges(size: int) -> list[tuple[int, int]]:
    """Account-id ranges of `size` accounts each, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT MIN(id), MAX(id) FROM (SELECT id, (ROW_NUMBER() OVER (ORDER BY id) - 1) / %s AS part "
            "FROM accounts_account) numbered GROUP BY part ORDER BY part",
            [size],
        )
        return [(first, last) for first, last in cursor.fetchall()]


def work(
    run: ScoreRun, *, worker: str | None = None, progress: Progress | None = None, wait: bool = True
) -> ScoreRun:
    """Claim and do pieces of `run` until none is left; returns the run as it then stands.

    With `wait`, pieces other workers hold are waited for (and taken over when their lease ends); without
    it the call returns when nothing can be claimed.
    """
    worker = worker or worker_name()
    _release_dead(run)
    while True:
        run.refresh_from_db()
        if run.state not in OPEN:
            return run
        counting = run.state == ScoreRun.State.COUNTING
        todo = ScoreShard.State.WAITING if counting else ScoreShard.State.COUNTED
        shard = _claim(run, todo, worker)
        if shard is not None:
            _do(run, shard, worker, counting=counting)
        elif not run.shards.filter(state=todo).exists():
            _advance(run, counting=counting)
        elif (
            tired := run.shards.filter(state=todo, attempts__gte=MAX_ATTEMPTS).first()
        ) and _is_free(tired):
            fail(
                run,
                f"Shard {tired.number} failed {tired.attempts} times: see the log of its workers.",
            )
        elif not wait:
            return run
        else:
            time.sleep(0.5)
        if progress is not None:
            done = run.shards.exclude(state=todo).count()
            progress(run.state, done, run.shards.count())


def _claim(run: ScoreRun, state: str, worker: str) -> ScoreShard | None:
    """One shard in `state`, ours until its lease ends; None when every such shard is somebody's."""
    now = timezone.now()
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    waiting = ScoreShard.objects.filter(free, run=run, state=state, attempts__lt=MAX_ATTEMPTS)
    for pk in waiting.order_by("number").values_list("pk", flat=True)[:8]:
        won = ScoreShard.objects.filter(free, pk=pk, state=state).update(
            lease_until=now + LEASE, worker=worker, attempts=F("attempts") + 1
        )
        if won:
            return ScoreShard.objects.get(pk=pk)
    return None


def _is_free(shard: ScoreShard) -> bool:
    return shard.lease_until is None or shard.lease_until < timezone.now()


def _do(run: ScoreRun, shard: ScoreShard, worker: str, *, counting: bool) -> None:
    plan = plan_of(run)
    try:
        with transaction.atomic():
            if counting:
                partial = shards.count(run, plan, shard)
                after = {"state": ScoreShard.State.COUNTED, "partial": partial}
            else:
                report, gathered = shards.score(run, plan, shard)
                after = {"state": ScoreShard.State.SCORED, "report": report, "partial": gathered}
            mine = ScoreShard.objects.filter(pk=shard.pk, worker=worker, state=shard.state)
            if not mine.update(lease_until=None, attempts=0, **after):
                # Our lease ran out and somebody else has done it: what we wrote is undone with us.
                raise _LostLeaseError
    except _LostLeaseError:
        log.warning("night %s: lost the lease of shard %s", run.as_of, shard.number)
    except Exception as error:
        ScoreShard.objects.filter(pk=shard.pk, worker=worker).update(lease_until=None)
        if shard.attempts < MAX_ATTEMPTS:
            log.warning(
                "night %s: shard %s failed, trying again: %s", run.as_of, shard.number, error
            )
        else:
            log.exception("night %s: shard %s failed", run.as_of, shard.number)
            cause = f"{type(error).__name__}: {error}"
            fail(run, f"Shard {shard.number} failed {shard.attempts} times. The last time: {cause}")


class _LostLeaseError(Exception):
    pass


def _advance(run: ScoreRun, *, counting: bool) -> None:
    """Take the run over its next threshold. Several workers may get here: one wins, the rest see it done."""
    if counting:
        merged = shards.merge(run, plan_of(run))
        with transaction.atomic():
            ScoreRun.objects.filter(pk=run.pk, state=ScoreRun.State.COUNTING).update(
                state=ScoreRun.State.SCORING, statistics=merged
            )
            run.shards.update(partial={})
    else:
        publish.publish(run, plan_of(run))


def plan_of(run: ScoreRun) -> Plan:
    """(version id, spec) in the order scopes are tried."""
    found = ScorecardVersion.objects.select_related("scorecard").in_bulk(run.plan)
    return [(pk, versions.spec_of(found[pk])) for pk in run.plan]


def statistics_of(run: ScoreRun, plan: Plan) -> dict[int, statistics.Stats]:
    """The population statistics a run scored with, by version id."""
    return {
        pk: statistics.Stats.from_json(run.statistics[str(pk)])
        for pk, _ in plan
        if str(pk) in run.statistics
    }


def fail(run: ScoreRun, error: str) -> None:
    """Stop an open run; pages keep showing the night before."""
    ScoreRun.objects.filter(pk=run.pk, state__in=OPEN).update(
        state=ScoreRun.State.FAILED, error=error, finished_at=timezone.now()
    )


def _release_dead(run: ScoreRun) -> None:
    """Free the shards of a worker of this machine that is no more, without waiting for its lease."""
    for shard in run.shards.filter(lease_until__gt=timezone.now()):
        if is_dead(shard.worker):
            ScoreShard.objects.filter(pk=shard.pk, worker=shard.worker).update(lease_until=None)
