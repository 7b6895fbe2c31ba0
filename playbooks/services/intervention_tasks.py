"""Tasks of a plan: done, agreed to, sent back, skipped, added, and taken back."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from playbooks.models import Intervention, InterventionChange, InterventionTask, Notice, StepRole
from playbooks.services import notices
from playbooks.services.plan_changes import (
    Kind,
    PlanError,
    change,
    claim_task,
    is_manager,
    require_open,
    require_worker,
)
from playbooks.services.task_changes import (
    State,
    ended,
    finished,
    kept,
    telling_of,
    undone,
    unfinishable,
    values_of,
    written,
)


@transaction.atomic
def finish(
    task: InterventionTask, *, by: Any, at: datetime, seen: int | None = None
) -> InterventionTask:
    """Done; where a manager has to agree and `by` is none, it waits for that instead.

    `seen` is the version the person looked at. What it blocked opens, and its assignees are told. Raises
    PlanError (Overtaken when somebody else acted first).
    """
    plan = _locked(task)
    if fault := unfinishable(task):
        raise PlanError(fault)
    before = values_of(task)
    claim_task(task, seen=seen, **finished(task, by, at))
    row = kept(plan, Kind.TASK_DONE, task, before, by=by, at=at)
    written([row], [task], by=by, at=at)
    return task


@transaction.atomic
def approve(
    task: InterventionTask, *, by: Any, at: datetime, seen: int | None = None
) -> InterventionTask:
    """A manager agrees that it is done. Raises PlanError."""
    plan = _locked(task)
    _to_judge(task, by)
    before = values_of(task)
    claim_task(task, seen=seen, state=State.DONE, approved_at=at, approved_by=by)
    row = kept(plan, Kind.TASK_APPROVED, task, before, by=by, at=at)
    written([row], [task], by=by, at=at)
    return task


@transaction.atomic
def send_back(
    task: InterventionTask, *, by: Any, at: datetime, reason: str, seen: int | None = None
) -> InterventionTask:
    """A manager wants more done; whoever did it is told why. Raises PlanError."""
    plan = _locked(task)
    _to_judge(task, by)
    _require_reason(reason)
    before, doer = values_of(task), task.done_by_id or task.assignee_id
    claim_task(task, seen=seen, state=State.OPEN, done_at=None, done_by=None)
    row = kept(plan, Kind.TASK_RETURNED, task, before, by=by, at=at, reason=reason)
    written([row], [task], by=by, at=at)
    if doer is not None and doer != by.pk:
        notices.tell([telling_of(doer, Notice.Kind.APPROVAL, "Sent back", task, reason)], at=at)
    return task


@transaction.atomic
def skip(
    task: InterventionTask, *, by: Any, at: datetime, reason: str, seen: int | None = None
) -> InterventionTask:
    """Not needed here, with a reason; what it blocked opens. Raises PlanError."""
    plan = _locked(task)
    _refuse_ended(task)
    _require_reason(reason)
    before = values_of(task)
    claim_task(task, seen=seen, state=State.SKIPPED, done_at=at, done_by=by)
    row = kept(plan, Kind.TASK_SKIPPED, task, before, by=by, at=at, reason=reason)
    written([row], [task], by=by, at=at)
    return task


@transaction.atomic
def reopen(
    task: InterventionTask, *, by: Any, at: datetime, seen: int | None = None
) -> InterventionTask:
    """Take back that it was done or skipped; what it blocks waits again. Raises PlanError."""
    plan = _locked(task)
    if task.state in (State.OPEN, State.WAITING):
        raise PlanError(f"“{task.title}” is not done yet.")
    before = values_of(task)
    claim_task(task, seen=seen, **undone())
    row = kept(plan, Kind.TASK_REOPENED, task, before, by=by, at=at)
    written([row], [task], by=by, at=at)
    return task


@transaction.atomic
def edit(
    task: InterventionTask,
    *,
    by: Any,
    at: datetime,
    values: Mapping[str, Any],
    seen: int | None = None,
) -> InterventionTask:
    """Change `due_on`, `assignee` (a colleague or None), `title` or `guidance`; a new assignee is told.

    Raises PlanError.
    """
    plan = _locked(task)
    _refuse_ended(task)
    names = [name for name in ("due_on", "assignee", "title", "guidance") if name in values]
    changed = {name: values[name] for name in names if getattr(task, name) != values[name]}
    if not changed:
        return task
    require_worker(changed.get("assignee"), task.account_id)
    before = {name: _told(getattr(task, name)) for name in changed}
    claim_task(task, seen=seen, **changed)
    after = {name: _told(value) for name, value in changed.items()}
    row = change(plan, Kind.TASK_EDITED, by=by, at=at, task=task, before=before, after=after)
    written([row], [task], by=by, at=at)
    if "assignee" in changed and task.assignee_id not in (None, by.pk):
        telling = telling_of(task.assignee_id, Notice.Kind.ASSIGNED, "Your task", task)
        notices.tell([telling], at=at)
    return task


@transaction.atomic
def add(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    title: str,
    assignee: Any = None,
    due_on: date | None = None,
    guidance: str = "",
    role: str = StepRole.CSM,
    blocks: bool = False,
    needs_approval: bool = False,
) -> InterventionTask:
    """A task of one's own at the end of the plan. Raises PlanError when the plan is closed."""
    plan = Intervention.objects.select_for_update(of=("self",)).get(pk=plan.pk)
    require_open(plan)
    require_worker(assignee, plan.account_id)
    last = plan.tasks.aggregate(last=Max("position"))["last"] or 0
    task = InterventionTask.objects.create(
        intervention=plan,
        account_id=plan.account_id,
        position=last + 1,
        title=title[:160],
        guidance=guidance,
        role=role,
        assignee=assignee or plan.owner,
        due_on=due_on,
        blocks=blocks,
        needs_approval=needs_approval,
    )
    row = change(plan, Kind.TASK_ADDED, by=by, at=at, task=task, after={"title": task.title})
    written([row], [task], by=by, at=at)
    if task.assignee_id not in (None, by.pk):
        telling = telling_of(task.assignee_id, Notice.Kind.ASSIGNED, "Your task", task)
        notices.tell([telling], at=at)
    return task


@transaction.atomic
def finish_many(
    task_ids: Collection[int], *, by: Any, at: datetime, batch: UUID
) -> tuple[int, dict[int, str]]:
    """Finish tasks one may change: (how many, why not by task id). Constant queries.

    Those done, waiting or of closed plans are left alone.
    """
    found = _locked_many(task_ids)
    left = {task.pk: fault for task in found if (fault := unfinishable(task))}
    doing = [task for task in found if task.pk not in left]
    rows = []
    for task in doing:
        before = values_of(task)
        for name, value in finished(task, by, at).items():
            setattr(task, name, value)
        rows.append(
            kept(task.intervention, Kind.TASK_DONE, task, before, by=by, at=at, batch=batch)
        )
    _save(doing)
    written(rows, doing, by=by, at=at)
    return len(doing), left


@transaction.atomic
def undo(batch: UUID, *, by: Any, at: datetime) -> tuple[int, int]:
    """Take back what `finish_many` did: (tasks open again, tasks left as they are now).

    Left are those somebody has changed since, and those of plans that closed.
    """
    changes = InterventionChange.objects.filter(batch=batch, undone_at=None, kind=Kind.TASK_DONE)
    done = {row.task_id: row for row in changes if row.task_id is not None}
    found = _locked_many(done)
    back = [
        task
        for task in found
        if task.intervention.is_open and values_of(task) == done[task.pk].after
    ]
    rows = []
    for task in back:
        before = values_of(task)
        for name, value in undone().items():
            setattr(task, name, value)
        rows.append(kept(task.intervention, Kind.UNDONE, task, before, by=by, at=at))
    _save(back)
    InterventionChange.objects.filter(pk__in=[done[task.pk].pk for task in back]).update(
        undone_at=at
    )
    written(rows, back, by=by, at=at)
    return len(back), len(done) - len(back)


def _locked(task: InterventionTask) -> Intervention:
    """The task's open plan, locked, with the task as it stands now."""
    rows = Intervention.objects.select_for_update(of=("self",)).select_related("account")
    plan = rows.get(pk=task.intervention_id)
    seen = task.version
    task.refresh_from_db()
    task.intervention = plan
    # What the caller looked at, not what is there now, is compared when the row is claimed.
    task.version = seen
    require_open(plan)
    return plan


def _locked_many(task_ids: Collection[int]) -> list[InterventionTask]:
    plans = Intervention.objects.select_for_update().filter(tasks__in=task_ids).order_by("pk")
    # Evaluated for its locks; a join cannot be locked and made distinct at once.
    list(plans.values_list("pk", flat=True))
    return list(
        InterventionTask.objects.filter(pk__in=task_ids)
        .select_related("intervention__account")
        .order_by("pk")
    )


def _save(tasks: Iterable[InterventionTask]) -> None:
    rows = list(tasks)
    for task in rows:
        task.version += 1
    InterventionTask.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["state", "done_at", "done_by", "approved_at", "approved_by", "version"],
    )


def _refuse_ended(task: InterventionTask) -> None:
    if fault := ended(task):
        raise PlanError(fault)


def _to_judge(task: InterventionTask, by: Any) -> None:
    if not is_manager(by):
        raise PlanError("Only a manager or an admin agrees to a task.")
    if task.state != State.TO_APPROVE:
        raise PlanError(f"“{task.title}” does not wait for anybody to agree.")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise PlanError("Say why, in a few words.")


def _told(value: Any) -> Any:
    return getattr(value, "pk", value)
