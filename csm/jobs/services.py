"""Asking for background jobs: what is to be done is fixed in the row, then somebody is woken."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count, Max, QuerySet

from accounts.access import may_assign, may_write
from csm.jobs import kinds
from csm.jobs.engine import OPEN, JobError
from csm.jobs.tasks import work_job
from csm.models import Job
from playbooks.services.assignment_plans import receivers

_VERBS: Mapping[str, str] = {
    "take": "Take",
    "assign": "Give away",
    "snooze": "Snooze",
    "dismiss": "End as no risk",
    "start": "Start a playbook on",
}


def give_accounts(
    name: str, query: str, *, to: Any, by: Any, reason: str = "", word: str = ""
) -> Job:
    """Give all accounts of a list as its address filters it to `to`. Raises JobError when there are none."""
    if not may_assign(by) or not receivers(by).filter(pk=to.pk).exists():
        raise JobError("Choose a colleague of your teams who works on accounts.")
    total, last = _extent(kinds.accounts_of(by, name, query))
    if last is None:
        raise JobError("No account of the list matches any more.")
    return _ask(
        kinds.ACCOUNTS,
        f"Give {total:,} accounts to {to}",
        {"list": name, "query": query, "to": to.pk, "reason": reason, "word": word, "last": last},
        total=total,
        by=by,
    )


def act_on_alerts(query: str, action: str, values: Mapping[str, Any], *, by: Any) -> Job:
    """One act on all alerts of a list as its address filters it; `values` as `services.alerts.bulk` takes them.

    Raises JobError for somebody who changes nothing, and when no alert matches.
    """
    if not may_write(by) or action not in _VERBS:
        raise JobError("Nobody knows how to do that to alerts.")
    total, last = _extent(kinds.alerts_of(by, query))
    if last is None:
        raise JobError("No alert of the list matches any more.")
    return _ask(
        kinds.ALERTS,
        f"{_VERBS[action]} {total:,} alerts",
        {
            "query": query,
            "action": action,
            "values": {name: _plain(value) for name, value in values.items()},
            "reason": str(values.get("reason", "")),
            "last": last,
        },
        total=total,
        by=by,
    )


def _extent(rows: QuerySet[Any]) -> tuple[int, int | None]:
    """How many rows, and the key of the newest: what comes later is no part of the job."""
    found = rows.order_by().aggregate(total=Count("pk"), last=Max("pk"))
    return found["total"], found["last"]


def _plain(value: Any) -> Any:
    """A value as JSON holds it: rows by their id, days as text."""
    if hasattr(value, "pk"):
        return value.pk
    return value.isoformat() if hasattr(value, "isoformat") else value


def _ask(kind: str, title: str, params: dict[str, Any], *, total: int, by: Any) -> Job:
    with transaction.atomic():
        same = Job.objects.filter(kind=kind, asked_by=by, state__in=OPEN, params=params).first()
        # A button pressed twice is one job.
        job = same or Job.objects.create(
            kind=kind, title=title[:200], params=params, total=total, asked_by=by
        )
        transaction.on_commit(lambda: wake(job))
    return job


def may_undo(job: Job, user: Any) -> bool:
    """Whether `user` may take a finished job back: who asked for it, where there is something."""
    over = job.state not in OPEN
    return bool(
        over
        and job.kind in kinds.UNDONE_BY
        and job.asked_by_id == user.pk
        and job.result.get("undo")
        and not job.result.get("undone_by")
    )


def undo(job: Job, *, by: Any) -> Job:
    """Take back what a job did, piece by piece, the last one first. Raises JobError when it cannot be."""
    with transaction.atomic():
        locked = Job.objects.select_for_update().get(pk=job.pk)
        if not may_undo(locked, by):
            raise JobError(
                "There is nothing to take back: it was taken back already, or is another's."
            )
        rows = locked.result["undo"][::-1]
        back = _ask(
            kinds.UNDONE_BY[locked.kind],
            f"Take back: {locked.title}",
            {"rows": rows},
            total=locked.done,
            by=by,
        )
        locked.result["undone_by"] = back.pk
        locked.save(update_fields=["result"])
    return back


def wake(job: Job) -> None:
    """Tell a worker. Losing the message loses nothing: the sweep sends it again."""
    work_job.delay(job.pk)
