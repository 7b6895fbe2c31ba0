"""Plans begin: rows of a playbook's draft, with the account frozen as it is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from accounts.models import Account
from playbooks.models import (
    Intervention,
    InterventionChange,
    InterventionKpi,
    InterventionTask,
    PlaybookVersion,
)
from playbooks.services.drafting import Draft, DraftKpi, DraftTask, draft
from playbooks.services.plan_changes import Kind, PlanError, change
from scoring.selectors import Standing, standing_on

# A plan by hand without a wish.
_TARGET_DAYS: Final = 30
_EXIT_DAYS: Final = 14
_BATCH: Final = 500


class AlreadyRunning(PlanError):
    """The playbook runs on the account: `plan` is it."""

    def __init__(self, plan: Intervention) -> None:
        who = str(plan.owner) if plan.owner else "nobody yet"
        super().__init__(
            f"“{plan.title}” already runs on {plan.account} since {plan.started_on:%-d %b %Y} "
            f"(owner: {who}): work on that one, or close it first."
        )
        self.plan = plan


@dataclass(frozen=True)
class Start:
    """How plans begin: a version, or None for one by hand; what is None comes from the version."""

    version: PlaybookVersion | None = None
    owner: Any = None
    sponsor: Any = None
    title: str = ""
    issue: str = ""
    objectives: str = ""
    target_days: int | None = None
    exit_rule: Mapping[str, Any] | None = None
    exit_days: int | None = None


def open_plans(
    account_ids: Collection[int], version: PlaybookVersion | None
) -> dict[int, Intervention]:
    """The open plan of the same playbook, in any version, by account; none for plans by hand."""
    if version is None:
        return {}
    rows = Intervention.objects.filter(
        account__in=account_ids,
        state__in=Intervention.OPEN_STATES,
        playbook_version__playbook=version.playbook_id,
    )
    return {plan.account_id: plan for plan in rows.select_related("account", "owner")}


def begin(
    accounts: Sequence[Account],
    wanted: Start,
    *,
    by: Any,
    at: datetime,
    on: date,
    batch: UUID | None = None,
) -> list[Intervention]:
    """Write plans, tasks, KPIs and their first change on locked accounts. Constant queries."""
    if not accounts:
        return []
    version = wanted.version
    drafts: dict[int, Draft] = {}
    if version is not None:
        if version.is_draft:
            raise PlanError("A draft cannot be started: publish it first.")
        drafts = draft(accounts, version, on=on, owner=wanted.owner, target_days=wanted.target_days)
    health = standing_on([account.pk for account in accounts], on)
    plans = Intervention.objects.bulk_create(
        [
            _plan(account, wanted, drafts.get(account.pk), health.get(account.pk), by, at, on)
            for account in accounts
        ],
        batch_size=_BATCH,
    )
    InterventionTask.objects.bulk_create(
        [
            task_row(plan, each)
            for plan in plans
            if plan.account_id in drafts
            for each in drafts[plan.account_id].tasks
        ],
        batch_size=_BATCH,
    )
    InterventionKpi.objects.bulk_create(
        [
            kpi_row(plan, each)
            for plan in plans
            if plan.account_id in drafts
            for each in drafts[plan.account_id].kpis
        ],
        batch_size=_BATCH,
    )
    InterventionChange.objects.bulk_create(
        [
            change(
                plan,
                Kind.STARTED,
                by=by,
                at=at,
                on=on,
                batch=batch,
                after={"title": plan.title, "owner_id": plan.owner_id, "target_on": plan.target_on},
            )
            for plan in plans
        ],
        batch_size=_BATCH,
    )
    return plans


def task_row(plan: Intervention, drafted: DraftTask) -> InterventionTask:
    """A drafted task of a plan, not yet saved."""
    state = InterventionTask.State
    return InterventionTask(
        intervention=plan,
        account_id=plan.account_id,
        step_id=drafted.step_id,
        position=drafted.position,
        title=drafted.title,
        guidance=drafted.guidance,
        role=drafted.role,
        assignee_id=drafted.assignee_id,
        due_on=drafted.due_on,
        blocks=drafted.blocks,
        needs_approval=drafted.needs_approval,
        state=state.WAITING if drafted.waits else state.OPEN,
    )


def kpi_row(plan: Intervention, drafted: DraftKpi) -> InterventionKpi:
    """A drafted KPI of a plan, not yet saved; it starts where its baseline is."""
    return InterventionKpi(
        intervention=plan,
        metric=drafted.metric,
        label=drafted.label,
        target_kind=drafted.target_kind,
        target=drafted.target,
        baseline=drafted.baseline,
        baseline_on=drafted.baseline_on,
        current=drafted.baseline,
        current_on=drafted.baseline_on,
        due_on=drafted.due_on,
    )


def _plan(
    account: Account,
    wanted: Start,
    drafted: Draft | None,
    health: Standing | None,
    by: Any,
    at: datetime,
    on: date,
) -> Intervention:
    version = wanted.version
    days = wanted.target_days or _TARGET_DAYS
    rule = wanted.exit_rule if wanted.exit_rule is not None else getattr(version, "exit_rule", {})
    exit_days = wanted.exit_days
    if exit_days is None:
        exit_days = version.exit_days if version else _EXIT_DAYS
    return Intervention(
        account=account,
        playbook_version=version,
        title=(wanted.title or (version.playbook.name if version else ""))[:160],
        issue=wanted.issue,
        objectives=wanted.objectives or (version.purpose if version else ""),
        owner_id=wanted.owner.pk if wanted.owner is not None else account.owner_id,
        sponsor=wanted.sponsor,
        assigned_by=by,
        created_by=by,
        started_on=on,
        started_at=at,
        target_on=drafted.target_on if drafted else on + timedelta(days=days),
        exit_rule=dict(rule),
        exit_days=exit_days,
        score_start=health.score if health else None,
        change_30d_start=health.change_30d if health else None,
        band_start=health.band_name if health else "",
        tone_start=health.tone if health else "",
        version_start_id=health.version_id if health else None,
        arr_start=account.arr_amount,
        industry_start=account.industry,
        size_start=account.size_segment,
    )
