"""Giving accounts and their open work to a colleague: done in one go, as it was planned and shown.

`seen` is the mark of that plan, and an act whose plan has changed meanwhile is refused: of two managers at
once the second is told.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import transaction
from django.db.models import F

from accounts.access import may_write
from accounts.models import Account
from accounts.services.changes import mark
from accounts.services.owners import note_owners
from playbooks.models import (
    Alert,
    AlertChange,
    Assignment,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
    Notice,
)
from playbooks.services import attention, notices
from playbooks.services.assignment_plans import (
    AssignmentError,
    Owners,
    Plan,
    count,
    plan,
    receivers,
    words,
)

_SPACE: Final = UUID("5a3c7d0e-6a52-4a4c-9f6b-2f0a51f1c0de")


@transaction.atomic
def assign(
    what: str,
    ids: Collection[int],
    *,
    to: Any,
    by: Any,
    at: datetime,
    on: date,
    seen: str,
    with_accounts: bool = True,
    reason: str = "",
    word: str = "",
    quietly: bool = False,
) -> Assignment:
    """Give what `plan` lists to `to`; `word` is what the new owner should know. Both sides are told.

    `quietly` leaves the telling to the caller, who gives thousands in pieces.

    Raises AssignmentError when something else than what was seen (`Plan.mark`) would move, naming who was
    first, when nothing would, and for somebody who may not have it.
    """
    if not (to.is_active and may_write(to)) or not receivers(by).filter(pk=to.pk).exists():
        raise AssignmentError("Choose a colleague of your teams who works on accounts.")
    found = plan(what, ids, to=to, by=by, with_accounts=with_accounts, lock=True)
    if found.mark != seen:
        raise AssignmentError(_who_was_first(found.account_ids))
    if found.is_empty:
        raise AssignmentError(f"{to} has all of it already.")
    row = Assignment.objects.create(
        to=to,
        by=by,
        at=at,
        on=on,
        reason=reason[:255],
        with_accounts=with_accounts and what == "accounts",
        moved=found.stored(),
    )
    batch = batch_of(row)
    mark(found.accounts, at=at)
    _move_accounts(found, to, on)
    move_work(found, to, by=by, at=at, on=on, batch=batch, reason=reason)
    Handover.objects.bulk_create(
        [
            Handover(
                account_id=pk, assignment=row, previous_id=previous, to=to, on=on, at=at, word=word
            )
            for pk, previous in found.accounts.items()
        ]
    )
    if not quietly:
        _tell(row, found, at)
    attention.refresh(found.account_ids, at=at)
    return row


def batch_of(row: Assignment) -> UUID:
    """What the changes of an assignment have in common."""
    return uuid5(_SPACE, str(row.pk))


def _who_was_first(account_ids: Collection[int]) -> str:
    wanted = {str(pk) for pk in account_ids}
    for last in Assignment.objects.select_related("by", "to")[:20]:
        if wanted & set(last.moved.get("accounts", {})) or not wanted:
            return (
                f"{last.by or 'Somebody'} gave some of these accounts to {last.to or 'somebody'} before you. "
                "Nothing was changed: look at the preview again."
            )
    return (
        "Some of this work has changed hands or ended since you looked. "
        "Nothing was changed: look at the preview again."
    )


def _move_accounts(found: Plan, to: Any, on: date) -> None:
    if not found.accounts:
        return
    Account.objects.filter(pk__in=list(found.accounts)).update(owner=to)
    if found.teams:
        team = to.teams.order_by("name").first()
        Account.objects.filter(pk__in=list(found.teams)).update(team=team)
    note_owners(dict.fromkeys(found.accounts, (to.pk, on)), previous=found.accounts)


def move_work(
    found: Plan, to: Any, *, by: Any, at: datetime, on: date, batch: UUID, reason: str
) -> None:
    """Give the plans, tasks, alerts and clocks of `found` to `to`, with a change for each."""
    told = {"on": on, "at": at, "by": by, "batch": batch, "reason": reason[:255]}
    after = {"owner_id": to.pk}
    tasks = list(
        InterventionTask.objects.filter(pk__in=list(found.tasks)).values_list(
            "pk", "intervention_id", "account_id"
        )
    )
    of_plan: dict[int, list[int]] = defaultdict(list)
    for pk, plan_id, _ in tasks:
        of_plan[plan_id].append(pk)
    plans = Intervention.objects.filter(pk__in=list(found.interventions))
    changes = [
        InterventionChange(
            intervention_id=pk,
            account_id=account_id,
            kind=InterventionChange.Kind.ASSIGNED,
            before={"owner_id": found.interventions[pk], "tasks": of_plan.get(pk, [])},
            after=after,
            **told,
        )
        for pk, account_id in plans.values_list("pk", "account_id")
    ]
    changes += [
        InterventionChange(
            intervention_id=plan_id,
            account_id=account_id,
            task_id=pk,
            kind=InterventionChange.Kind.TASK_EDITED,
            before={"assignee_id": found.tasks[pk]},
            after={"assignee_id": to.pk},
            **told,
        )
        for pk, plan_id, account_id in tasks
        if plan_id not in found.interventions
    ]
    InterventionChange.objects.bulk_create(changes)
    plans.update(owner=to, assigned_by=by, version=F("version") + 1)
    InterventionTask.objects.filter(pk__in=list(found.tasks)).update(
        assignee=to, version=F("version") + 1
    )
    _move_alerts(found.alerts, to, told)
    Clock.objects.filter(pk__in=list(found.clocks)).update(owner=to)


def _move_alerts(moved: Owners, to: Any, told: Mapping[str, Any]) -> None:
    alerts = Alert.objects.filter(pk__in=list(moved))
    changes = []
    loose = []
    for alert in alerts.only("pk", "account_id", "owner_id", "taken_by_id", "taken_at"):
        before: dict[str, Any] = {"owner_id": alert.owner_id}
        after: dict[str, Any] = {"owner_id": to.pk}
        if alert.taken_by_id not in (None, to.pk):
            # Whoever had taken it has it no longer; the new owner takes it.
            loose.append(alert.pk)
            taken_at = alert.taken_at.isoformat() if alert.taken_at else None
            before |= {"taken_by_id": alert.taken_by_id, "taken_at": taken_at}
            after |= {"taken_by_id": None, "taken_at": None}
        changes.append(
            AlertChange(
                alert_id=alert.pk,
                account_id=alert.account_id,
                kind=AlertChange.Kind.ASSIGNED,
                before=before,
                after=after,
                **told,
            )
        )
    AlertChange.objects.bulk_create(changes)
    alerts.update(owner=to, version=F("version") + 1)
    Alert.objects.filter(pk__in=loose).update(taken_by=None, taken_at=None)


def _tell(row: Assignment, found: Plan, at: datetime) -> None:
    """The new owner of everything, the last ones of what they no longer have."""
    tellings = []
    if row.to_id != row.by_id and row.to_id is not None:
        if found.accounts:
            kind, text = (
                Notice.Kind.HANDOVER,
                f"{row.by} hands you {count(found.accounts, 'account')}",
            )
        else:
            kind, text = Notice.Kind.ASSIGNED, f"{row.by} gives you {words(found)}"
        tellings.append(_telling(row, row.to_id, kind, text, found))
    lost: dict[int, int] = defaultdict(int)
    for previous in found.accounts.values():
        if previous is not None and previous not in (row.by_id, row.to_id):
            lost[previous] += 1
    for user_id, many in lost.items():
        text = f"{row.by} gave {count(range(many), 'account')} of yours to {row.to}"
        tellings.append(_telling(row, user_id, Notice.Kind.HANDOVER, text, found))
    notices.tell(tellings, at=at)


def _telling(row: Assignment, user_id: int, kind: str, text: str, found: Plan) -> notices.Telling:
    only = next(iter(found.account_ids)) if len(found.account_ids) == 1 else None
    return notices.Telling(
        user_id=user_id,
        kind=kind,
        title=text,
        body=row.reason,
        url=f"/handover/{only}/" if only else "/handovers/",
        about=f"assignment:{row.pk}",
        account_id=only,
    )
