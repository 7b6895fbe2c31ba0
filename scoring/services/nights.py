"""A night's life: start or resume it, let workers claim its shards, publish it once.

Stopping it and going on with one that stopped: `night_acts`.

    counting: every shard counts its part of the population statistics
    scoring:  the merged statistics are stored; every shard is scored
    done:     current health is swapped and the roll-up written, in one transaction

Each step is a compare-and-set on a row, so any number of workers may call `work` on the same run, be killed
at any moment, and a later call finishes with the same numbers.
"""

import logging
import math
import time
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone

from accounts.models import Account
from accounts.trust import frozen_on
from csm.lib import workers
from csm.lib.errors import WorkbenchError
from csm.lib.log_lines import naming
from csm.lib.retry import is_passing, retrying
from csm.lib.workers import unheld, worker_name
from scoring.engine import statistics
from scoring.models import Scorecard, ScorecardVersion, ScoreRun, ScoreShard
from scoring.services import publish, shards, staged, versions
from scoring.services.leases import LEASE, kept
from scoring.services.populations import Plan

log = logging.getLogger("scoring.nights")

# At most so many accounts are worked on at a time: memory is bounded by it.
SHARD_SIZE = 20_000
# A book is cut into so many parts, if they are not too small to be worth it: of few, one worker does the last
# while the others wait.
_PARTS, _LEAST = 8, 5_000
MAX_ATTEMPTS = 5
# Any constant no other lock of this database has.
_LOCK = 0x6E_69_67
OPEN = ScoreRun.OPEN_STATES

Progress = Callable[[str, int, int], None]
Told = Callable[[ScoreRun], None]


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
    since: datetime | None = None,
) -> ScoreRun:
    """The open run of this night with this plan, or a new one.

    `plan` scores with these version ids instead of the active ones. An open run with another plan (a
    version was published since) is marked failed: its numbers would
    answer a question nobody asks any more. With `since`, a run of the whole book started from then on is
    returned as it stands, whatever became of it. Raises NightError when there is nothing to score with or on.
    """
    plan = plan or _plan(scorecard)
    if not Account.objects.exists():
        raise NightError(
            "There are no accounts to score: import some first (`import_feed accounts FILE`)."
        )
    with transaction.atomic():
        _one_at_a_time()
        if since is not None and (there := started_since(as_of, since)) is not None:
            return there
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
            ScoreShard(
                run=run, number=number, first_id=first, last_id=last, report={"expected": count}
            )
            for number, (first, last, count) in enumerate(_ranges(shard_size))
        )
    return run


def _one_at_a_time() -> None:
    """Until the transaction ends nobody else starts a night. SQLite's writers are one at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def started_since(as_of: date, since: datetime) -> ScoreRun | None:
    """The newest run of the whole book's night that ended or began since, or is open, in whatever state."""
    runs = ScoreRun.objects.filter(
        Q(started_at__gte=since) | Q(finished_at__gte=since) | Q(state__in=OPEN),
        as_of=as_of,
        scorecard=None,
        history_only=False,
    )
    return runs.defer("statistics", "report").order_by("-pk").first()


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


def part_size(accounts: int, at_most: int) -> int:
    """How many accounts a part of a book holds: `at_most`, less where that gives several workers even parts.

    On SQLite one process does all of them.
    """
    if connection.vendor == "postgresql":
        at_most = min(at_most, max(_LEAST, math.ceil(accounts / _PARTS)))
    return math.ceil(accounts / math.ceil(accounts / at_most)) if accounts else at_most


def _ranges(at_most: int) -> list[tuple[int, int, int]]:
    """Account-id ranges with how many accounts are in each, in order."""
    size = part_size(Account.objects.count(), at_most)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT MIN(id), MAX(id), COUNT(*) FROM "
            "(SELECT id, (ROW_NUMBER() OVER (ORDER BY id) - 1) / %s AS part "
            "FROM accounts_account) numbered GROUP BY part ORDER BY part",
            [size],
        )
        return [(first, last, count) for first, last, count in cursor.fetchall()]


@naming("run")
def work(
    run: ScoreRun,
    *,
    worker: str | None = None,
    progress: Progress | None = None,
    wait: bool = True,
    seconds: float | None = None,
    on_stage: Told | None = None,
) -> ScoreRun:
    """Claim and do pieces of `run` until none is left; returns the run as it then stands.

    With `wait`, pieces other workers hold are waited for (and taken over when their lease ends); without
    it the call returns when nothing can be claimed. After `seconds` no further piece is begun. `on_stage`
    is told once, by the worker that took the run over a threshold, that there is other work now.
    """
    worker = worker or worker_name()
    patiently = retrying()
    until = None if seconds is None else time.monotonic() + seconds
    release_dead(run)
    while True:
        patiently(run.refresh_from_db)()
        if run.state not in OPEN:
            return run
        counting = run.state == ScoreRun.State.COUNTING
        todo = ScoreShard.State.WAITING if counting else ScoreShard.State.COUNTED
        shard = _claim(run, todo, worker)
        if shard is not None:
            _do(run, shard, worker, counting=counting)
        elif not patiently(run.shards.filter(state=todo).exists)():
            if _advance(run, counting=counting) and on_stage is not None:
                run.refresh_from_db()
                on_stage(run)
        elif (
            tired := run.shards.filter(state=todo, attempts__gte=MAX_ATTEMPTS).first()
        ) and _is_free(tired):
            fail(
                run,
                f"Part {tired.number} failed {tired.attempts} times: see the log of its workers.",
            )
        elif not wait:
            return run
        else:
            time.sleep(0.5)
        if progress is not None:
            done = run.shards.exclude(state=todo).count()
            progress(run.state, done, run.shards.count())
        if until is not None and time.monotonic() > until:
            run.refresh_from_db()
            return run


@retrying()
def _claim(run: ScoreRun, state: str, worker: str) -> ScoreShard | None:
    """One shard in `state`, ours until its lease ends; None when every such shard is somebody's.

    Also None while NIGHT_WORKERS shards of the run are being worked on: pages keep their share.
    """
    if not settings.NIGHT_WORKERS:
        return _take(run, state, worker)
    with transaction.atomic():
        # Two workers would both count one place free.
        ScoreRun.objects.select_for_update().only("pk").get(pk=run.pk)
        if run.shards.filter(lease_until__gt=timezone.now()).count() >= settings.NIGHT_WORKERS:
            return None
        return _take(run, state, worker)


def _take(run: ScoreRun, state: str, worker: str) -> ScoreShard | None:
    now = timezone.now()
    free = unheld(now)
    waiting = ScoreShard.objects.filter(free, run=run, state=state, attempts__lt=MAX_ATTEMPTS)
    read_here = Case(When(pk__in=shards.kept(run), then=0), default=1)
    nearest = waiting.order_by(read_here, "number").values_list("pk", flat=True)[:8]
    # Of many workers some find all of these taken by the others, and more behind them.
    while found := list(nearest.all()):
        for pk in found:
            won = ScoreShard.objects.filter(free, pk=pk, state=state).update(
                lease_until=now + LEASE, worker=worker, attempts=F("attempts") + 1
            )
            if won:
                return ScoreShard.objects.get(pk=pk)
    return None


def free_shards(run: ScoreRun) -> int:
    """Pieces of an open run nobody is at work on; 1 when only the step to the next stage is left."""
    if run.state not in OPEN:
        return 0
    counting = run.state == ScoreRun.State.COUNTING
    todo = ScoreShard.State.WAITING if counting else ScoreShard.State.COUNTED
    left = run.shards.filter(state=todo)
    return left.filter(unheld(timezone.now())).count() if left.exists() else 1


def _is_free(shard: ScoreShard) -> bool:
    return shard.lease_until is None or shard.lease_until < timezone.now()


def _do(run: ScoreRun, shard: ScoreShard, worker: str, *, counting: bool) -> None:
    plan = plan_of(run)
    try:
        _finish(run, plan, shard, worker, counting=counting)
    except _LostLeaseError:
        log.warning("night %s: lost the lease of shard %s", run.as_of, shard.number)
    except _OverError:
        ScoreShard.objects.filter(pk=shard.pk, worker=worker).update(lease_until=None, attempts=0)
        log.info("night %s: stopped while shard %s was worked on", run.as_of, shard.number)
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"[:2000]
        ScoreShard.objects.filter(pk=shard.pk, worker=worker).update(lease_until=None, error=cause)
        if shard.attempts < MAX_ATTEMPTS:
            log.warning(
                "night %s: shard %s failed, trying again: %s", run.as_of, shard.number, error
            )
        else:
            log.exception("night %s: shard %s failed", run.as_of, shard.number)
            fail(run, f"Part {shard.number} failed {shard.attempts} times. The last time: {cause}")


@retrying()
def _finish(run: ScoreRun, plan: Plan, shard: ScoreShard, worker: str, *, counting: bool) -> None:
    """One shard in one transaction; again, on a new connection, when the database was lost under it."""
    started = time.monotonic()
    with kept(shard, worker), transaction.atomic():
        if counting:
            partial = shards.count(run, plan, shard)
            after = {"state": ScoreShard.State.COUNTED, "partial": partial}
        else:
            report, gathered = shards.score(run, plan, shard)
            after = {"state": ScoreShard.State.SCORED, "report": report, "partial": gathered}
        mine = ScoreShard.objects.filter(pk=shard.pk, worker=worker, state=shard.state)
        taken = time.monotonic() - started
        if not mine.update(lease_until=None, attempts=0, error="", seconds=taken, **after):
            # Our lease ran out and somebody else has done it: what we wrote is undone with us.
            raise _LostLeaseError
        if not ScoreRun.objects.filter(pk=run.pk, state=run.state).exists():
            raise _OverError


class _LostLeaseError(Exception):
    pass


class _OverError(Exception):
    """The run was cancelled or replaced while we worked: what we wrote is undone with us."""


@retrying()
def _advance(run: ScoreRun, *, counting: bool) -> bool:
    """Take the run over its next threshold; whether it was us.

    Several workers may get here: one wins, the rest see it done. A lost connection is the caller's to try
    again; any other error would come back for ever, and ends the run instead.
    """
    try:
        if counting:
            return _merge(run)
        return _publish(run)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # Those of COPY come as the driver's own.
        if is_passing(error):
            raise
        stage = "putting the counts together" if counting else "publishing"
        log.exception("night %s: %s failed", run.as_of, stage)
        fail(run, f"The night failed at {stage}: {type(error).__name__}: {error}"[:2000])
        return False


def _merge(run: ScoreRun) -> bool:
    with transaction.atomic():
        # Whoever comes second finds the state moved on, and never reads what scored shards left.
        won = ScoreRun.objects.filter(pk=run.pk, state=ScoreRun.State.COUNTING).update(
            state=ScoreRun.State.SCORING,
            stages={**run.stages, "counting": _elapsed(run, timezone.now())},
        )
        if won:
            merged = shards.merge(run, plan_of(run))
            ScoreRun.objects.filter(pk=run.pk).update(statistics=merged)
            run.shards.update(partial={})
            if publish.is_to_be_shown(run):
                staged.begin(run)
    return bool(won)


def _publish(run: ScoreRun) -> bool:
    begun = timezone.now()
    publish.publish(run, plan_of(run))
    run.refresh_from_db()
    if run.state != ScoreRun.State.DONE or run.finished_at is None:
        return False
    scoring = _elapsed(run, min(begun, run.finished_at))
    stages = {**run.stages, "scoring": scoring}
    stages["publishing"] = max(0.0, _elapsed(run, run.finished_at) - scoring)
    # Those who came second waited for the first: whoever writes this is the one to tell.
    unsaid = ScoreRun.objects.filter(pk=run.pk).exclude(stages__has_key="publishing")
    return bool(unsaid.update(stages=stages))


def _elapsed(run: ScoreRun, until: datetime) -> float:
    """Seconds since the stages that are over, and the pauses, ended."""
    spent = sum(run.stages.get(name, 0.0) for name in ("counting", "scoring", "paused"))
    return max(0.0, (until - run.started_at).total_seconds() - spent)


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


@retrying()
def release_dead(run: ScoreRun) -> None:
    """Free the shards of a worker of this machine that is no more, without waiting for its lease."""
    workers.release_dead(run.shards.filter(lease_until__gt=timezone.now()))
