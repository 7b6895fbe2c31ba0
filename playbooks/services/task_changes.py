"""What every change of a task does besides: kept, the plan settled, people told."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.urls import reverse

from playbooks.models import Intervention, InterventionChange, InterventionTask, Notice, StepRole
from playbooks.services import attention, notices
from playbooks.services.plan_changes import change, is_manager
from playbooks.services.roles import holders

State = InterventionTask.State
_ENDED: Final = (State.DONE, State.SKIPPED)
_STATE_FIELDS: Final = ("state", "done_at", "done_by_id", "approved_at", "approved_by_id")


def settle(plan_ids: Collection[int]) -> list[InterventionTask]:
    """Let undone tasks wait for the blocking ones before them, or open; returns those that opened.

    Three queries however many plans. Call it with the plans locked.
    """
    tasks = InterventionTask.objects.filter(intervention__in=plan_ids)
    opened, waiting = [], []
    plan_id, blocked = None, False
    for task in tasks.select_related("intervention").order_by("intervention", "position", "id"):
        if task.intervention_id != plan_id:
            plan_id, blocked = task.intervention_id, False
        if task.state == State.WAITING and not blocked:
            task.state = State.OPEN
            opened.append(task)
        elif task.state == State.OPEN and blocked:
            waiting.append(task.pk)
        blocked = blocked or (task.blocks and task.state not in _ENDED)
    for ids, state in (([task.pk for task in opened], State.OPEN), (waiting, State.WAITING)):
        if ids:
            tasks.filter(pk__in=ids).update(state=state, version=F("version") + 1)
    return opened


def unfinishable(task: InterventionTask) -> str:
    """Why the task cannot be done now; empty when it can."""
    if not task.intervention.is_open:
        return f"“{task.intervention.title}” is closed: re-open it first."
    if task.state == State.WAITING:
        return f"“{task.title}” waits for the tasks before it: finish those first."
    if task.state == State.TO_APPROVE:
        return f"“{task.title}” is done already and waits for a manager to agree."
    return ended(task)


def ended(task: InterventionTask) -> str:
    if task.state not in _ENDED:
        return ""
    word = "done" if task.state == State.DONE else "skipped"
    who = f"{task.done_by} " if task.done_by_id else ""
    return (
        f"{who}has {word} “{task.title}” already." if who else f"“{task.title}” is {word} already."
    )


def finished(task: InterventionTask, by: Any, at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {"state": State.DONE, "done_at": at, "done_by": by}
    if not task.needs_approval:
        return values
    if is_manager(by):
        return values | {"approved_at": at, "approved_by": by}
    return values | {"state": State.TO_APPROVE}


def undone() -> dict[str, Any]:
    ended = dict.fromkeys(("done_at", "done_by", "approved_at", "approved_by"))
    return {"state": State.OPEN, **ended}


def values_of(task: InterventionTask) -> dict[str, Any]:
    found = {name: getattr(task, name) for name in _STATE_FIELDS}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in found.items()
    }


def kept(
    plan: Intervention,
    kind: str,
    task: InterventionTask,
    before: Mapping[str, Any],
    *,
    by: Any,
    at: datetime,
    reason: str = "",
    batch: UUID | None = None,
) -> InterventionChange:
    return change(
        plan,
        kind,
        by=by,
        at=at,
        task=task,
        before=before,
        after=values_of(task),
        reason=reason,
        batch=batch,
    )


def written(
    rows: Collection[InterventionChange],
    tasks: Collection[InterventionTask],
    *,
    by: Any,
    at: datetime,
) -> None:
    """Put down what happened, settle the plans, tell those whose turn it is."""
    if not rows:
        return
    InterventionChange.objects.bulk_create(rows)
    opened = settle({row.intervention_id for row in rows})
    tellings = [
        telling_of(task.assignee_id, Notice.Kind.ASSIGNED, "Your turn", task)
        for task in opened
        if task.assignee_id not in (None, by.pk)
    ]
    asked = [task for task in tasks if task.state == State.TO_APPROVE]
    if asked:
        managers = holders({task.account_id for task in asked}, [StepRole.MANAGER])
        for task in asked:
            manager = managers.get((task.account_id, StepRole.MANAGER))
            if manager not in (None, by.pk):
                tellings.append(telling_of(manager, Notice.Kind.APPROVAL, "To approve", task))
    attention.refresh({row.account_id for row in rows}, at=at)
    if tellings:
        notices.tell(tellings, at=at)


def telling_of(
    user_id: int | None, kind: str, what: str, task: InterventionTask, body: str = ""
) -> notices.Telling:
    assert user_id is not None
    url = f"{reverse('plan', args=[task.intervention_id])}#task-{task.pk}"
    about = f"task:{task.pk}:{what.lower().replace(' ', '-')}:{task.version}"
    return notices.Telling(
        user_id=user_id,
        kind=kind,
        title=f"{what}: {task.title}"[:200],
        url=url,
        about=about,
        body=body or task.intervention.title,
        account_id=task.account_id,
    )
