"""What can be done in the background: each kind a step over the next rows, and what is told at the end.

The rows are those that match when their turn comes, in order of their ids, with the rights the asker has
then; what has left the list meanwhile stays as it is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.access import may_assign
from csm.jobs.engine import Ending, JobError, Piece, Step
from csm.models import Job
from csm.portfolio.list_acts import matching_accounts
from playbooks.models import Alert, Assignment, Notice, PlaybookVersion
from playbooks.selectors.alerts import matching as matching_alerts
from playbooks.services import alerts, assignment_plans, assignment_undo, assignments, notices

ACCOUNTS: Final = "assign_accounts"
ALERTS: Final = "act_on_alerts"
UNDO_ACCOUNTS: Final = "undo_assign_accounts"
UNDO_ALERTS: Final = "undo_act_on_alerts"
UNDONE_BY: Final = {ACCOUNTS: UNDO_ACCOUNTS, ALERTS: UNDO_ALERTS}
# Rows of one transaction; a plan with its tasks is dozens of rows.
_ROWS: Final = 500
_PLANS: Final = 50


def accounts_of(user: Any, name: str, query: str) -> QuerySet[Any]:
    """The accounts of a list ("portfolio", "at-risk") as its address filters it, for this user."""
    request = HttpRequest()
    request.user, request.GET = user, QueryDict(query)
    return matching_accounts(request, name)


def alerts_of(user: Any, query: str) -> QuerySet[Alert]:
    """The alerts of a list as its address filters it, for this user."""
    return matching_alerts(user, QueryDict(query), on=timezone.localdate())


def _next(rows: QuerySet[Any], job: Job, many: int) -> list[int]:
    """Ids of the next rows, up to the newest there was when the job was asked for."""
    ahead = rows.filter(pk__gt=job.position, pk__lte=job.params["last"]).order_by("pk")
    return list(ahead.values_list("pk", flat=True)[:many])


def _assign(job: Job, at: datetime) -> Piece:
    params = job.params
    by = job.asked_by
    if not may_assign(by):
        raise JobError(f"{by} may no longer give accounts away.")
    to = get_user_model().objects.get(pk=params["to"])
    ids = _next(accounts_of(by, params["list"], params["query"]), job, _ROWS)
    if not ids:
        return Piece(0, position=job.position, over=True)
    on = timezone.localdate(at)
    found = assignment_plans.plan("accounts", ids, to=to, by=by, lock=True)
    row = None
    if not found.is_empty:
        row = assignments.assign(
            "accounts",
            ids,
            to=to,
            by=by,
            at=at,
            on=on,
            seen=found.mark,
            reason=params.get("reason", ""),
            word=params.get("word", ""),
            quietly=True,
        )
    moved = len(found.accounts)
    return Piece(
        moved,
        skipped=len(ids) - moved,
        position=ids[-1],
        over=len(ids) < _ROWS,
        reasons=Counter(
            {
                f"Already {to}'s": len(ids) - moved - found.refused,
                "Not yours to give": found.refused,
            }
        )
        + Counter(),
        undo=row.pk if row else None,
    )


def _assigned(job: Job, at: datetime) -> None:
    """One notice for everybody concerned, however many pieces it took."""
    rows = Assignment.objects.filter(pk__in=job.result.get("undo", []))
    lost: Counter[int] = Counter()
    for moved in rows.values_list("moved", flat=True).iterator(chunk_size=20):
        lost.update(Counter(who for who in moved.get("accounts", {}).values() if who))
    to, by = get_user_model().objects.get(pk=job.params["to"]), job.asked_by
    accounts = f"{job.done:,} account{'' if job.done == 1 else 's'}"
    told = [(to.pk, f"{by} hands you {accounts}")] if job.done and to.pk != by.pk else []
    told += [
        (pk, f"{by} gave {many:,} of your accounts to {to}")
        for pk, many in lost.items()
        if pk not in (by.pk, to.pk)
    ]
    _tell(job, told, reverse("handovers"), at)


def _act(job: Job, at: datetime) -> Piece:
    params, by = job.params, job.asked_by
    action = params["action"]
    rows = _PLANS if action == "start" else _ROWS
    ids = _next(alerts_of(by, params["query"]), job, rows)
    if not ids:
        return Piece(0, position=job.position, over=True)
    result = alerts.bulk(ids, action, by=by, at=at, **_values(params))
    left = Counter(refusal.why.split(" on ")[0].rstrip(".") for refusal in result.refused)
    return Piece(
        len(result.done),
        skipped=len(ids) - len(result.done),
        position=ids[-1],
        over=len(ids) < rows,
        reasons=left,
        undo=str(result.batch) if result.done else None,
    )


def _values(params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the act, rows for the ids they were kept as."""
    found = dict(params.get("values", {}))
    if "to" in found:
        found["to"] = get_user_model().objects.get(pk=found["to"])
    if "version" in found:
        pk = found["version"]
        found["version"] = None if pk is None else PlaybookVersion.objects.get(pk=pk)
    if "until" in found:
        found["until"] = datetime.strptime(found["until"], "%Y-%m-%d").date()
    return found


def _undo_accounts(job: Job, at: datetime) -> Piece:
    rows: Sequence[int] = job.params["rows"]
    if job.position >= len(rows):
        return Piece(0, position=job.position, over=True)
    row = Assignment.objects.get(pk=rows[job.position])
    undone = 0
    if row.undone_at is None:
        moved = len(row.moved.get("accounts", {}))
        result = assignment_undo.undo(row, by=job.asked_by, at=at, on=timezone.localdate(at))
        undone = max(0, moved - result.left)
    return Piece(undone, position=job.position + 1, over=job.position + 1 >= len(rows))


def _undo_alerts(job: Job, at: datetime) -> Piece:
    batches: Sequence[str] = job.params["rows"]
    if job.position >= len(batches):
        return Piece(0, position=job.position, over=True)
    result = alerts.undo(UUID(batches[job.position]), by=job.asked_by, at=at)
    return Piece(
        len(result.done),
        skipped=len(result.refused),
        position=job.position + 1,
        over=job.position + 1 >= len(batches),
        reasons=Counter(refusal.why.rstrip(".") for refusal in result.refused),
    )


def _told(job: Job, at: datetime) -> None:
    """Whoever asked learns that it is done."""
    _tell(job, [(job.asked_by_id, f"Done: {job.title}")], reverse("job", args=[job.pk]), at)


def _finished(job: Job, at: datetime) -> None:
    _assigned(job, at)
    _told(job, at)


def _tell(job: Job, told: Sequence[tuple[int, str]], url: str, at: datetime) -> None:
    notices.tell(
        [
            notices.Telling(
                user_id=pk,
                kind=Notice.Kind.HANDOVER,
                title=text,
                body=job.params.get("reason", ""),
                url=url,
                about=f"job:{job.pk}:{url}",
            )
            for pk, text in told
        ],
        at=at,
    )


STEPS: Final[Mapping[str, tuple[Step, Ending]]] = {
    ACCOUNTS: (_assign, _finished),
    ALERTS: (_act, _told),
    UNDO_ACCOUNTS: (_undo_accounts, _told),
    UNDO_ALERTS: (_undo_alerts, _told),
}
