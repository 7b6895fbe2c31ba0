"""Replays: what a draft of a trigger would have done over past nights, before anybody is told anything.

A replay is a row with a lease, claimed by one worker. It goes range by range of accounts, and within one
through all nights, so that memory is bounded by the range; what is kept with the row are sums, and a killed
replay goes on with the next range.
"""

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from csm.lib import workers
from csm.lib.workers import is_dead, unheld, worker_name
from playbooks.models import Replay, Trigger
from playbooks.rules import Rule, Scope
from playbooks.services import readings, replay_sums
from playbooks.services.trigger_changes import TriggerError
from scoring.models import ScoreRun
from scoring.selectors import newest_run

log = logging.getLogger("playbooks.replays")

State = Replay.State
OPEN: Final = (State.WAITING, State.RUNNING)
LEASE: Final = timedelta(minutes=2)
MAX_ATTEMPTS: Final = 5
# Up to so many days every night is judged, beyond one night a week.
DAILY_DAYS: Final = 90
MAX_DAYS: Final = 540
# Offered on pages, in days.
SPANS: Final = (30, 90, 180, 365)


class _LeaseLostError(Exception):
    """Somebody else has taken the replay over."""


def ask(
    *,
    draft: Mapping[str, Any],
    name: str,
    days: int,
    by: Any,
    at: datetime,
    trigger: Trigger | None = None,
) -> Replay:
    """The replay of a draft over the last `days` days up to the newest night; one under way is given again.

    Raises RuleError for a draft that cannot be read and TriggerError when no night has been scored.
    """
    Rule.parse(draft["rule"])
    Rule.maybe(draft.get("exit_rule"))
    Scope.parse(draft.get("scope", {}))
    run = newest_run(defer=True)
    if run is None:
        raise TriggerError("No night has been scored yet: there is no history to try a trigger on.")
    days = max(1, min(days, MAX_DAYS))
    with transaction.atomic():
        same = Replay.objects.filter(state__in=OPEN, trigger=trigger, as_of=run.as_of, days=days)
        for replay in same.select_for_update():
            if replay.draft == dict(draft):
                return replay
        return Replay.objects.create(
            trigger=trigger,
            name=name[:120],
            draft=dict(draft),
            as_of=run.as_of,
            days=days,
            total=len(ranges(run)) * len(nights_of(run.as_of, days)),
            asked_by=by,
            asked_at=at,
        )


def nights_of(as_of: date, days: int) -> list[date]:
    """The nights a replay judges, oldest first: every one of the span, or one a week of a long one."""
    step = 1 if days <= DAILY_DAYS else 7
    return [as_of - timedelta(days=back) for back in range(0, days, step)][::-1]


def ranges(run: ScoreRun) -> list[tuple[int, int]]:
    """Account-id ranges as the night was worked on, in order."""
    return list(run.shards.order_by("first_id").values_list("first_id", "last_id"))


def waiting() -> QuerySet[Replay]:
    """Replays nobody is at work on."""
    workers.release_dead(Replay.objects.filter(state=State.RUNNING))
    return Replay.objects.filter(_free(timezone.now())).order_by("pk")


def is_stalled(replay: Replay) -> bool:
    """Whether a replay is unfinished and nobody is at work on it, so that a page may offer to go on."""
    if replay.state not in OPEN:
        return False
    if replay.state == State.WAITING:
        return timezone.now() - replay.asked_at > timedelta(seconds=20)
    return (
        replay.lease_until is None or replay.lease_until < timezone.now() or is_dead(replay.worker)
    )


def _free(now: datetime) -> Q:
    return Q(state=State.WAITING) | Q(state=State.RUNNING) & unheld(now)


def work(replay_id: int, *, worker: str | None = None) -> Replay | None:
    """Claim a replay and do what is left of it; None when it is over or somebody else's."""
    worker = worker or worker_name()
    replay = _claim(replay_id, worker)
    if replay is None:
        return None
    try:
        if replay.attempts > MAX_ATTEMPTS:
            raise TriggerError(
                f"Its worker stopped {MAX_ATTEMPTS} times: see the log, then ask again."
            )
        _do(replay, worker)
    except _LeaseLostError:
        log.warning("replay %s: lost its lease to another worker", replay.pk)
    except Exception as error:
        if not isinstance(error, TriggerError):
            log.exception("replay %s failed", replay.pk)
        said = str(error) if isinstance(error, TriggerError) else f"{type(error).__name__}: {error}"
        Replay.objects.filter(pk=replay.pk, worker=worker).update(
            state=State.FAILED, error=said, lease_until=None, finished_at=timezone.now()
        )
    replay.refresh_from_db()
    return replay


def _claim(replay_id: int, worker: str) -> Replay | None:
    now = timezone.now()
    workers.release_dead(Replay.objects.filter(pk=replay_id, state=State.RUNNING))
    won = Replay.objects.filter(_free(now), pk=replay_id).update(
        state=State.RUNNING, worker=worker, lease_until=now + LEASE, attempts=F("attempts") + 1
    )
    return Replay.objects.get(pk=replay_id) if won else None


def _do(replay: Replay, worker: str) -> None:
    nights = nights_of(replay.as_of, replay.days)
    newest = newest_run(replay.as_of, defer=True)
    if newest is None:
        raise TriggerError("The night it was asked for is no longer there: ask again.")
    runs = _runs(nights)
    parts = ranges(newest)
    labels = readings.labels(newest)
    sums: dict[str, Any] = replay.result or replay_sums.empty(nights)
    for number, (first_id, last_id) in enumerate(parts):
        if number < sums["ranges_done"]:
            continue

        def beat(nights_done: int, before: int = number) -> None:
            _keep(replay, worker, done=before * len(nights) + nights_done)

        found = replay_sums.of_range(
            replay.draft,
            trigger_id=replay.trigger_id,
            nights=nights,
            runs=runs,
            first_id=first_id,
            last_id=last_id,
            beat=beat,
            labels=labels,
        )
        sums = replay_sums.added(sums, found)
        sums["ranges_done"] = number + 1
        # Three failures in different places are no reason to give up a long replay that goes on.
        _keep(replay, worker, done=(number + 1) * len(nights), result=sums, attempts=1)
    _keep(
        replay,
        worker,
        state=State.DONE,
        result=replay_sums.finished(sums),
        total=len(parts) * len(nights),
        lease_until=None,
        finished_at=timezone.now(),
    )


def _runs(nights: list[date]) -> dict[date, ScoreRun]:
    """The finished runs of nights, the newest of each; nights nobody scored are left out."""
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE, as_of__in=nights)
    return {run.as_of: run for run in done.defer("statistics", "report").order_by("id")}


def _keep(replay: Replay, mine: str, **values: Any) -> None:
    """Store progress and keep the lease; stops a worker that has lost it."""
    stored = {"lease_until": timezone.now() + LEASE} | values
    if not Replay.objects.filter(pk=replay.pk, worker=mine, state=State.RUNNING).update(**stored):
        raise _LeaseLostError
