"""Plans end and come back: set-based, for one plan by hand as for a night's hundreds."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import F

from accounts.models import Account
from playbooks.models import Intervention, InterventionChange, InterventionTask
from playbooks.services.plan_changes import Kind, change
from playbooks.services.task_changes import settle
from scoring.models import AccountHealth
from scoring.selectors import Standing, standing_on

# Tells tasks that ended with their plan from those skipped on purpose: they come back with it.
WITH_PLAN: Final = "The plan was closed."
_BATCH: Final = 500
_CHURNED: Final = Intervention.Outcome.CHURNED


class Ending(NamedTuple):
    """How a plan ends: its outcome and a sentence."""

    outcome: str
    note: str = ""


def close_all(
    plans: Sequence[Intervention],
    endings: Mapping[int, Ending],
    *,
    by: Any,
    at: datetime,
    on: date,
    batch: UUID | None = None,
) -> None:
    """Close locked, open plans with score, band and ARR of their accounts as they are now.

    Tasks not done are skipped with them. `by` None: by the night. Constant queries.
    """
    if not plans:
        return
    accounts = {plan.account_id for plan in plans}
    # A customer that churned is scored no more: the row of their last night counts.
    gone = {plan.account_id for plan in plans if endings[plan.pk].outcome == _CHURNED}
    health: dict[int, AccountHealth | Standing] = {
        **AccountHealth.objects.filter(account__in=gone).in_bulk(),
        **standing_on(accounts, on),
    }
    arr = dict(Account.objects.filter(pk__in=accounts).values_list("pk", "arr_amount"))
    rows = _end_tasks(plans, by=by, at=at, on=on, batch=batch)
    for plan in plans:
        ending, before = endings[plan.pk], {"state": plan.state}
        now = health.get(plan.account_id)
        plan.state = Intervention.State.CLOSED
        plan.outcome, plan.outcome_note = ending.outcome, ending.note
        plan.closed_on, plan.closed_at, plan.closed_by = on, at, by
        plan.score_end = now.score if now else None
        plan.band_end = now.band_name if now else ""
        plan.arr_end = arr.get(plan.account_id)
        plan.version += 1
        after = {
            "state": plan.state,
            "outcome": plan.outcome,
            "score_end": plan.score_end,
            "arr_end": plan.arr_end,
        }
        rows.append(
            change(
                plan,
                Kind.CLOSED,
                by=by,
                at=at,
                on=on,
                before=before,
                after=after,
                reason=ending.note,
                batch=batch,
            )
        )
    _save(plans)
    InterventionChange.objects.bulk_create(rows, batch_size=_BATCH)


def reopen_all(
    plans: Sequence[Intervention], *, by: Any, at: datetime, on: date, reason: str
) -> None:
    """Make locked, closed plans active again, with the tasks that ended with them. Constant queries."""
    if not plans:
        return
    _return_tasks(plans)
    rows = []
    for plan in plans:
        before = {
            "state": plan.state,
            "outcome": plan.outcome,
            "outcome_note": plan.outcome_note,
            "closed_on": plan.closed_on,
            "score_end": plan.score_end,
            "arr_end": plan.arr_end,
        }
        plan.state = Intervention.State.ACTIVE
        plan.outcome = plan.outcome_note = plan.band_end = ""
        plan.closed_on = plan.closed_at = plan.closed_by = None
        plan.score_end = plan.arr_end = plan.exit_since = None
        plan.reopened_on = on
        plan.version += 1
        rows.append(
            change(
                plan,
                Kind.REOPENED,
                by=by,
                at=at,
                on=on,
                before=before,
                after={"state": plan.state},
                reason=reason,
            )
        )
    _save(plans)
    InterventionChange.objects.bulk_create(rows, batch_size=_BATCH)
    settle([plan.pk for plan in plans])


def _end_tasks(
    plans: Sequence[Intervention], *, by: Any, at: datetime, on: date, batch: UUID | None
) -> list[InterventionChange]:
    by_id = {plan.pk: plan for plan in plans}
    undone = InterventionTask.objects.filter(
        intervention__in=by_id, state__in=InterventionTask.UNDONE_STATES
    )
    rows = [
        change(
            by_id[task.intervention_id],
            Kind.TASK_SKIPPED,
            by=by,
            at=at,
            on=on,
            task=task,
            before={"state": task.state},
            after={"state": InterventionTask.State.SKIPPED},
            reason=WITH_PLAN,
            batch=batch,
        )
        for task in undone
    ]
    undone.update(
        state=InterventionTask.State.SKIPPED, done_at=at, done_by=by, version=F("version") + 1
    )
    return rows


def _return_tasks(plans: Sequence[Intervention]) -> None:
    """Open again what was skipped by the last closing of each plan; its own time says which."""
    closed_at = {plan.pk: plan.closed_at for plan in plans}
    ended = InterventionChange.objects.filter(
        intervention__in=closed_at, kind=Kind.TASK_SKIPPED, reason=WITH_PLAN
    ).values_list("task_id", "intervention_id", "at")
    back = [task_id for task_id, plan_id, at in ended if at == closed_at[plan_id]]
    InterventionTask.objects.filter(pk__in=back, state=InterventionTask.State.SKIPPED).update(
        state=InterventionTask.State.OPEN, done_at=None, done_by=None, version=F("version") + 1
    )


def _save(plans: Sequence[Intervention]) -> None:
    Intervention.objects.bulk_create(
        plans,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=[
            "state",
            "outcome",
            "outcome_note",
            "closed_on",
            "closed_at",
            "closed_by",
            "score_end",
            "band_end",
            "arr_end",
            "exit_since",
            "reopened_on",
            "version",
        ],
    )
