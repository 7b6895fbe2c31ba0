"""What every write to a plan does: claim the row as it was seen, and put down what happened."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from accounts.access import may_write, visible_to
from csm.lib.errors import WorkbenchError
from playbooks.models import Intervention, InterventionChange, InterventionTask

Kind = InterventionChange.Kind


class PlanError(WorkbenchError):
    """Something that cannot be done to a plan or task; the text says why and what to do instead."""


class Overtaken(PlanError):
    """Somebody else changed the plan or task first; the text says who did what."""


def is_manager(user: Any) -> bool:
    """Whether `user` may approve tasks: managers and admins."""
    return bool(user is not None and (user.is_admin or user.role == "manager"))


def claim(plan: Intervention, *, seen: int | None = None, **values: Any) -> None:
    """Set `values` on a plan if it is still as it was seen (version `seen`, else the instance's own).

    Raises Overtaken. The row is locked until the transaction ends.
    """
    expected = plan.version if seen is None else seen
    rows = Intervention.objects.filter(pk=plan.pk, version=expected)
    if not rows.update(version=F("version") + 1, **values):
        raise Overtaken(_told(Intervention.objects.get(pk=plan.pk), None))
    for name, value in values.items():
        setattr(plan, name, value)
    plan.version = expected + 1


def claim_task(task: InterventionTask, *, seen: int | None = None, **values: Any) -> None:
    """As `claim`, for a task."""
    expected = task.version if seen is None else seen
    rows = InterventionTask.objects.filter(pk=task.pk, version=expected)
    if not rows.update(version=F("version") + 1, **values):
        raise Overtaken(_told(task.intervention, task))
    for name, value in values.items():
        setattr(task, name, value)
    task.version = expected + 1


def _told(plan: Intervention, task: InterventionTask | None) -> str:
    """What was done last, by whom: the sentence for the one who came second."""
    changes = InterventionChange.objects.select_related("by")
    last = (changes.filter(task=task) if task else changes.filter(intervention=plan)).first()
    what = f"“{task.title}”" if task else f"“{plan.title}”"
    if last is None:
        return f"{what} has changed since you opened it: look at it again."
    who = str(last.by) if last.by else "The night"
    at = f"{timezone.localtime(last.at):%-d %b, %H:%M}"
    done = Kind(last.kind).label.lower()
    return f"{who} changed {what} before you ({done}, {at}): look at it again."


def change(
    plan: Intervention,
    kind: str,
    *,
    by: Any,
    at: datetime,
    on: date | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    task: InterventionTask | None = None,
    batch: UUID | None = None,
) -> InterventionChange:
    """The row of what happened, not yet saved; dates and colleagues as text and ids."""
    return InterventionChange(
        intervention=plan,
        account_id=plan.account_id,
        task=task,
        kind=kind,
        on=on or timezone.localdate(at),
        at=at,
        by=by,
        before=_plain(before),
        after=_plain(after),
        reason=reason[:255],
        batch=batch,
    )


def _plain(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in (values or {}).items()
    }


def require_worker(person: Any, account_id: int) -> None:
    """Raises PlanError for a colleague who could not do work on the account; nobody is fine."""
    if person is None:
        return
    if not (person.is_active and may_write(person)):
        raise PlanError("Choose a colleague who works on accounts.")
    if not visible_to(person).filter(pk=account_id).exists():
        raise PlanError(f"{person} does not see this account: it belongs to another team.")


def require_open(plan: Intervention) -> None:
    """Raises PlanError when the plan is closed."""
    if not plan.is_open:
        raise PlanError(f"“{plan.title}” is closed: re-open it first.")
