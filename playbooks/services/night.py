"""The night's second half: triggers over the whole book, and what follows from them.

A `TriggerNight` belongs to one finished night. A worker claims it by compare-and-set with a lease; its
position moves in the transaction that commits a shard's alerts, so a killed worker leaves a place to go on
from and nothing happens twice. What follows (exit tests, clocks, attention, notices) may each be repeated.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Account
from csm.lib import workers
from csm.lib.log_lines import naming
from csm.lib.retry import reconnect, retrying
from csm.lib.workers import is_dead, unheld, worker_name
from playbooks.models import Alert, AlertChange, Policy, Trigger, TriggerNight
from playbooks.services import (
    alert_rows,
    attention,
    clocks,
    effects,
    evaluation,
    exits,
    notices,
    owner_changes,
    playbooks,
    triggers,
)
from scoring.models import ScoreRun
from scoring.selectors import newest_run

log = logging.getLogger("playbooks.night")

SHARD_SIZE: Final = 20_000
LEASE: Final = timedelta(minutes=5)
MAX_ATTEMPTS: Final = 5
PAUSE_SECONDS = 0.5
OPEN: Final = (
    TriggerNight.State.WAITING,
    TriggerNight.State.TRIGGERS,
    TriggerNight.State.FOLLOW_UP,
)


def ensure(run: ScoreRun) -> TriggerNight | None:
    """The trigger night of a finished night, made if it is the one pages show; None where there is none.

    Nights of the past open nothing: who would act on them? A night scored again is judged again. What
    ships is loaded where there is no trigger yet.
    """
    newest = newest_run(defer=True)
    if newest is None or newest.pk != run.pk or run.scorecard_id is not None:
        return None
    if not Trigger.objects.exists():
        # Playbooks first: triggers recommend them.
        playbooks.load_library()
        triggers.load_library()
    night, made = TriggerNight.objects.get_or_create(run=run, defaults={"as_of": run.as_of})
    if made:
        TriggerNight.objects.filter(state__in=OPEN).exclude(pk=night.pk).update(
            state=TriggerNight.State.FAILED, error=f"Replaced by the night of {run.as_of}."
        )
    return night


def waiting() -> TriggerNight | None:
    """The trigger night nobody is at work on, made where the newest night has none."""
    run = newest_run(defer=True)
    night = ensure(run) if run is not None else None
    if night is None or night.state not in OPEN:
        return None
    if is_dead(night.worker):
        # `work` frees it: nobody waits for the lease of a process that has ended.
        return night
    if night.lease_until is not None and night.lease_until >= timezone.now():
        return None
    return night


@naming("trigger_night")
def work(
    night: TriggerNight,
    *,
    at: datetime,
    worker: str | None = None,
    shard_size: int = SHARD_SIZE,
) -> TriggerNight:
    """Do what is left of a trigger night; returns it as it then stands.

    Returns at once when somebody else holds it. An error is tried again; what has failed five times is left
    out, named in `report["failures"]`, and the rest goes on: a fault in one stage keeps nobody from being
    told of the others. Such a night ends as failed. `at` is the time its alerts bear.
    """
    worker = worker or worker_name()
    _release_dead(night)
    while _claim(night, worker):
        try:
            _go_on(night, worker, at, shard_size)
        except _LostLeaseError:
            log.warning("triggers of %s: another worker took over", night.as_of)
            break
        except Exception as error:
            reconnect()
            _failed(night, worker, error)
            time.sleep(PAUSE_SECONDS)
    night.refresh_from_db()
    return night


class _LostLeaseError(Exception):
    pass


@retrying()
def _claim(night: TriggerNight, worker: str) -> bool:
    """Take the night, unless it is over or somebody else's."""
    now = timezone.now()
    won = TriggerNight.objects.filter(unheld(now), pk=night.pk, state__in=OPEN).update(
        lease_until=now + LEASE, worker=worker, attempts=F("attempts") + 1
    )
    if not won:
        return False
    TriggerNight.objects.filter(pk=night.pk, started_at=None).update(started_at=now)
    night.refresh_from_db()
    return True


class _LostWorkersError(Exception):
    """Workers died at this place again and again, without an error to tell of."""


def _go_on(night: TriggerNight, worker: str, at: datetime, shard_size: int) -> None:
    if night.attempts > MAX_ATTEMPTS:
        raise _LostWorkersError(f"{MAX_ATTEMPTS} workers were lost here")
    if night.state != TriggerNight.State.FOLLOW_UP:
        while (last_id := end_of_shard(night.position, shard_size)) is not None:
            _shard(night, worker, at, last_id)
        _move(night, worker, state=TriggerNight.State.FOLLOW_UP, stage=_first(), attempts=1)
    names = list(_STAGES)
    for name in names[names.index(night.stage) :] if night.stage else ():
        if name != night.stage:
            _move(night, worker, stage=name, attempts=1)
        log.info("triggers of %s: %s", night.as_of, name)
        _STAGES[name](night, at)
    failures = night.report.get("failures", {})
    _move(
        night,
        worker,
        state=TriggerNight.State.FAILED if failures else TriggerNight.State.DONE,
        stage="",
        error="; ".join(f"{name}: {text}" for name, text in failures.items()),
        lease_until=None,
        finished_at=timezone.now(),
    )


def _first() -> str:
    return next(iter(_STAGES))


def end_of_shard(position: int, size: int) -> int | None:
    """The last account id of the next shard; None after the last one."""
    ids = Account.objects.filter(pk__gt=position).order_by("pk").values_list("pk", flat=True)
    full = ids[size - 1 : size].first()
    return full if full is not None else ids.last()


def _shard(night: TriggerNight, worker: str, at: datetime, last_id: int) -> None:
    """One shard; its alerts and the position are committed together or not at all."""

    after: dict[str, Any] = {"state": TriggerNight.State.TRIGGERS, "position": last_id}

    def commit(done: evaluation.Report) -> None:
        after.update(report=_added(night.report, done), attempts=0, error="")
        _write(night, worker, after)

    evaluation.evaluate(
        night.run,
        as_of=night.as_of,
        first_id=night.position + 1,
        last_id=last_id,
        at=at,
        then=commit,
    )
    _take(night, after)


def _added(report: dict[str, Any], done: evaluation.Report) -> dict[str, Any]:
    """The night's counts with those of a shard."""
    opened = dict(report.get("opened", {}))
    for key, n in done.opened.items():
        opened[key] = opened.get(key, 0) + n
    counts = {name: report.get(name, 0) + getattr(done, name) for name in done.COUNTS}
    return {**report, **counts, "opened": opened, "faults": done.faults}


def _move(night: TriggerNight, worker: str, **after: Any) -> None:
    """Change the row if it is still ours where we left it, and renew the lease."""
    _write(night, worker, after)
    _take(night, after)


def _write(night: TriggerNight, worker: str, after: dict[str, Any]) -> None:
    mine = TriggerNight.objects.filter(
        pk=night.pk,
        worker=worker,
        state=night.state,
        stage=night.stage,
        position=night.position,
        lease_until__isnull=False,
    )
    if not mine.update(**{"lease_until": timezone.now() + LEASE, **after}):
        raise _LostLeaseError


def _take(night: TriggerNight, after: dict[str, Any]) -> None:
    for name, value in after.items():
        setattr(night, name, value)


@retrying()
def _failed(night: TriggerNight, worker: str, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    after: dict[str, Any] = {"lease_until": None, "error": text}
    if night.attempts >= MAX_ATTEMPTS:
        log.error("triggers of %s failed %s times", night.as_of, night.attempts, exc_info=error)
        after |= _past(night, text)
    else:
        log.warning("triggers of %s failed, trying again: %s", night.as_of, text)
    TriggerNight.objects.filter(pk=night.pk, worker=worker, state__in=OPEN).update(**after)


def _past(night: TriggerNight, text: str) -> dict[str, Any]:
    """Leave out what failed for good and go on behind it; empty `stage`: there is nothing behind it."""
    judging = night.state != TriggerNight.State.FOLLOW_UP
    failures = {**night.report.get("failures", {}), "triggers" if judging else night.stage: text}
    stages = ["", *_STAGES, ""]
    return {
        "report": {**night.report, "failures": failures},
        "state": TriggerNight.State.FOLLOW_UP,
        "stage": stages[stages.index("" if judging else night.stage) + 1],
        "attempts": 0,
    }


@retrying()
def _release_dead(night: TriggerNight) -> None:
    """Free the night of a worker of this machine that is no more, without waiting for its lease."""
    workers.release_dead(TriggerNight.objects.filter(pk=night.pk))


# --- What follows ---------------------------------------------------------------------------------


def _owners(night: TriggerNight, at: datetime) -> None:
    owner_changes.follow(on=night.as_of, at=at)


def _overflow(night: TriggerNight, at: datetime) -> None:
    with transaction.atomic():
        total = alert_rows.spread_overflow(night.as_of, Policy.current().alert_cap)
        report = {**night.report, "overflow": total}
        TriggerNight.objects.filter(pk=night.pk).update(report=report)
    night.report = report


def _exits(night: TriggerNight, at: datetime) -> None:
    exits.night(as_of=night.as_of, at=at)


def _clocks(night: TriggerNight, at: datetime) -> None:
    clocks.night(as_of=night.as_of, at=at)


def _attention(night: TriggerNight, at: datetime) -> None:
    attention.refresh(None, at=at)


def _notices(night: TriggerNight, at: datetime) -> None:
    opened = Alert.objects.filter(state=Alert.State.OPEN, opened_on=night.as_of)
    released = AlertChange.objects.filter(
        kind=AlertChange.Kind.RELEASED, on=night.as_of, alert__state=Alert.State.OPEN
    )
    ids = {*opened.values_list("pk", flat=True), *released.values_list("alert_id", flat=True)}
    notices.night(as_of=night.as_of, at=at, opened=ids)


def _effects(night: TriggerNight, at: datetime) -> None:
    effects.refresh(night.as_of)


# In this order; each may be repeated.
_STAGES: Final[dict[str, Callable[[TriggerNight, datetime], None]]] = {
    "owners": _owners,
    "overflow": _overflow,
    "exit tests": _exits,
    "clocks": _clocks,
    "attention": _attention,
    "notices": _notices,
    "effects": _effects,
}
