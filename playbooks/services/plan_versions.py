"""A running plan moves to another version of its playbook: only when somebody asks for it."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from playbooks.models import Intervention, InterventionKpi, InterventionTask, PlaybookVersion
from playbooks.services import attention
from playbooks.services.drafting import Draft, draft, target_of
from playbooks.services.plan_changes import Kind, PlanError, change, claim, require_open
from playbooks.services.plan_starts import kpi_row, task_row
from playbooks.services.task_changes import settle


@transaction.atomic
def move_to(
    plan: Intervention,
    version: PlaybookVersion,
    *,
    by: Any,
    at: datetime,
    on: date,
    seen: int | None = None,
) -> Intervention:
    """Put a plan on a published version of the same playbook.

    Tasks done or skipped and those added by hand stay; the other tasks are replaced by the new version's
    steps that were not done, due no earlier than `on`. KPIs keep their baselines. The target day and exit
    test are the new version's. Raises PlanError.
    """
    require_open(plan)
    previous = plan.playbook_version
    if previous is None or previous.playbook_id != version.playbook_id:
        raise PlanError("A plan moves within its playbook: start the other playbook instead.")
    if version.is_draft or version.pk == previous.pk:
        raise PlanError("Choose another published version.")
    drafted = draft([plan.account], version, on=plan.started_on, owner=plan.owner)[plan.account_id]
    claim(
        plan,
        seen=seen,
        playbook_version=version,
        target_on=max(drafted.target_on, on),
        exit_rule=version.exit_rule,
        exit_days=version.exit_days,
        exit_since=None,
        exit_holds=None,
        exit_checked_on=None,
        state=Intervention.State.ACTIVE,
    )
    replaced = _replace_tasks(plan, drafted, on)
    _replace_kpis(plan, drafted, version)
    settle([plan.pk])
    change(
        plan,
        Kind.MOVED,
        by=by,
        at=at,
        on=on,
        before={"version": previous.number, "tasks": replaced},
        after={"version": version.number},
    ).save()
    attention.refresh([plan.account_id], at=at)
    return plan


def _replace_tasks(plan: Intervention, drafted: Draft, on: date) -> list[str]:
    """Titles of the undone tasks that went."""
    kept: list[InterventionTask] = []
    gone: list[InterventionTask] = []
    for task in plan.tasks.all():
        undone = task.state in InterventionTask.UNDONE_STATES and task.step_id is not None
        (gone if undone else kept).append(task)
    InterventionTask.objects.filter(pk__in=[task.pk for task in gone]).delete()
    done = {task.title for task in kept}
    steps = [each for each in drafted.tasks if each.title not in done]
    new = [task_row(plan, each) for each in steps]
    for task in new:
        task.due_on = max(task.due_on, on) if task.due_on else None
    InterventionTask.objects.bulk_create(new)
    return [task.title for task in gone]


def _replace_kpis(plan: Intervention, drafted: Draft, version: PlaybookVersion) -> None:
    mine = {kpi.metric: kpi for kpi in plan.kpis.all()}
    wished = {kpi.metric: kpi for kpi in version.kpis.all()}
    changed = []
    for each in drafted.kpis:
        kpi = mine.pop(each.metric, None)
        if kpi is None:
            continue
        kpi.label, kpi.target_kind, kpi.due_on = each.label, each.target_kind, each.due_on
        value = wished[each.metric].target_value
        kpi.target = target_of(each.target_kind, value, kpi.baseline)
        changed.append(kpi)
    InterventionKpi.objects.bulk_update(changed, ["label", "target_kind", "target", "due_on"])
    kept = {kpi.metric for kpi in changed}
    InterventionKpi.objects.filter(pk__in=[kpi.pk for kpi in mine.values()]).delete()
    InterventionKpi.objects.bulk_create(
        [kpi_row(plan, each) for each in drafted.kpis if each.metric not in kept]
    )
