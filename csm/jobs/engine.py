"""Background jobs: asked for on a page, done in pieces by whoever is free.

A job is a row with a lease, like a shard of the night. Each piece and the position after it are committed
together, so that a killed worker costs one piece's time and nothing is done twice.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from csm.lib import workers
from csm.lib.errors import WorkbenchError
from csm.lib.log_lines import naming
from csm.lib.workers import unheld, worker_name
from csm.models import Job

log = logging.getLogger("csm.jobs")

State = Job.State
OPEN: Final = (State.WAITING, State.RUNNING)
LEASE: Final = timedelta(minutes=2)
MAX_ATTEMPTS: Final = 5
# Reasons for leaving rows out that are kept, for the page.
_REASONS: Final = 20


class JobError(WorkbenchError):
    """A job that cannot be done as asked; the text says why."""


@dataclass(frozen=True)
class Piece:
    """What one step did: rows done and left out, where to go on, and whether that was all.

    `reasons` counts why rows were left out; `undo` is what it takes to take the piece back.
    """

    done: int
    skipped: int = 0
    position: int = 0
    over: bool = False
    reasons: Mapping[str, int] = field(default_factory=dict)
    undo: Any = None


# (job, at) → what was done; runs in a transaction of its own.
Step = Callable[[Job, datetime], Piece]
# (job, at): what is told when all of it is done.
Ending = Callable[[Job, datetime], None]


class LostLeaseError(Exception):
    """Somebody else has taken the job over, or it was cancelled: what the piece wrote is undone."""


def waiting() -> QuerySet[Job]:
    """Jobs nobody is at work on."""
    return Job.objects.filter(_free(timezone.now())).order_by("pk")


def _free(now: datetime) -> Q:
    return Q(state=State.WAITING) | Q(state=State.RUNNING) & unheld(now)


def release_dead() -> None:
    """Free the jobs of processes of this machine that are no more, without waiting for their leases."""
    workers.release_dead(Job.objects.filter(state=State.RUNNING, lease_until__gt=timezone.now()))


@naming("job")
def work(
    job_id: int, steps: Mapping[str, tuple[Step, Ending]], *, worker: str | None = None
) -> Job | None:
    """Claim a job and do what is left of it, as the clock says now; None when it is over or another's."""
    worker = worker or worker_name()
    now = timezone.now()
    claimed = Job.objects.filter(_free(now), pk=job_id).update(
        state=State.RUNNING, worker=worker, lease_until=now + LEASE, attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    Job.objects.filter(pk=job_id, started_at=None).update(started_at=now)
    try:
        while _piece(job_id, steps, worker):
            pass
    except LostLeaseError:
        log.info("job %s: cancelled, or taken over by another worker", job_id)
    except Exception as error:
        _failed(job_id, worker, error)
    return Job.objects.get(pk=job_id)


def _piece(job_id: int, steps: Mapping[str, tuple[Step, Ending]], worker: str) -> bool:
    """Do one piece; whether there is more."""
    at = timezone.now()
    with transaction.atomic():
        # The asker's own row stays free: whatever anybody notes as theirs would wait for the piece.
        rows = Job.objects.select_for_update(of=("self",)).select_related("asked_by")
        job = rows.get(pk=job_id)
        if job.state != State.RUNNING or job.worker != worker:
            raise LostLeaseError
        step, ending = steps[job.kind]
        if not job.asked_by.is_active:
            raise JobError(f"{job.asked_by} may no longer do this.")
        piece = step(job, at)
        job.done += piece.done
        job.skipped += piece.skipped
        job.position = piece.position
        job.attempts = 0
        _note(job, piece)
        if piece.over:
            job.state, job.finished_at, job.lease_until = State.DONE, at, None
            ending(job, at)
        else:
            job.lease_until = timezone.now() + LEASE
        job.save()
    return not piece.over


def _note(job: Job, piece: Piece) -> None:
    reasons: dict[str, int] = job.result.setdefault("reasons", {})
    for why, many in piece.reasons.items():
        if why in reasons or len(reasons) < _REASONS:
            reasons[why] = reasons.get(why, 0) + many
    if piece.undo is not None:
        job.result.setdefault("undo", []).append(piece.undo)


def _failed(job_id: int, worker: str, error: Exception) -> None:
    """Leave the job for another try, or give it up: at once where it says itself that it cannot be done."""
    mine = Job.objects.filter(pk=job_id, worker=worker, state=State.RUNNING)
    job = mine.first()
    if job is None:
        return
    if isinstance(error, WorkbenchError) or job.attempts >= MAX_ATTEMPTS:
        text = (
            str(error) if isinstance(error, WorkbenchError) else f"{type(error).__name__}: {error}"
        )
        mine.update(state=State.FAILED, error=text, lease_until=None, finished_at=timezone.now())
        log.exception("job %s failed", job_id)
    else:
        mine.update(lease_until=None)
        log.warning("job %s: a piece failed, trying again: %s", job_id, error)


def cancel(job: Job, *, by: Any, at: datetime) -> bool:
    """Stop after the piece under way; what is done stays done and can be undone. Whether it was still open."""
    return bool(
        Job.objects.filter(pk=job.pk, state__in=OPEN).update(
            state=State.CANCELLED,
            finished_at=at,
            lease_until=None,
            error="" if by.pk == job.asked_by_id else f"Cancelled by {by}.",
        )
    )


def retry(job: Job) -> bool:
    """Go on with a failed or cancelled job where it stopped. Whether there was one."""
    return bool(
        Job.objects.filter(pk=job.pk, state__in=(State.FAILED, State.CANCELLED)).update(
            state=State.WAITING, error="", finished_at=None, attempts=0, lease_until=None
        )
    )
