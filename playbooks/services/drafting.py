"""What a playbook means on an account: tasks with days and people, KPIs with figures. Writes nothing.

A dry run shows it and `services.interventions.start` does it, so that what was shown is what happens.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np

from accounts.models import Account
from playbooks.models import PlaybookKpi, PlaybookStep, PlaybookVersion, StepRole, TargetKind
from playbooks.services.calendars import Calendars
from playbooks.services.readings import ranges_of
from playbooks.services.roles import holders
from playbooks.sla import Calendar, add_business_days
from scoring.metrics.catalogue import metrics_of
from scoring.metrics.read import frame
from scoring.selectors import night_up_to, standing_on
from scoring.services.populations import frozen_of

# A KPI may be the health score itself (points, 0–100) instead of a metric.
SCORE: Final = "score"


@dataclass(frozen=True)
class DraftTask:
    """One step on one account. `remark` says why the day is not the one of the recipe; else empty."""

    step_id: int | None
    position: int
    title: str
    guidance: str
    role: str
    assignee_id: int | None
    due_on: date
    blocks: bool
    needs_approval: bool
    # An earlier step blocks: it waits until that is done.
    waits: bool
    remark: str = ""


@dataclass(frozen=True)
class DraftKpi:
    """One figure to move. `target` is None where it follows from a baseline that is unknown or zero."""

    metric: str
    label: str
    target_kind: str
    target: float | None
    baseline: float | None
    baseline_on: date | None
    due_on: date


@dataclass(frozen=True)
class Figures:
    """What metrics and "score" are on a night: {account id: {metric: value}}, unknown ones left out."""

    as_of: date | None
    values: Mapping[int, Mapping[str, float]]


@dataclass(frozen=True)
class Draft:
    """A playbook version on one account, as it would start on a day."""

    account_id: int
    owner_id: int | None
    started_on: date
    target_on: date
    tasks: tuple[DraftTask, ...]
    kpis: tuple[DraftKpi, ...]


def draft(
    accounts: Collection[Account],
    version: PlaybookVersion,
    *,
    on: date,
    owner: Any = None,
    target_days: int | None = None,
    figures: Figures | None = None,
) -> dict[int, Draft]:
    """What starting `version` on these accounts on a day means, by account id.

    Tasks are due so many business days of the account's team after `on`, those of renewals before the
    renewal; `owner` owns the plans and does what is the CSM's, without one each account's owner does.
    Baselines are those of the newest night up to it, read here unless the caller has read `figures`. The
    number of queries is bounded however many accounts.
    """
    steps = list(version.steps.all())
    kpis = list(version.kpis.all())
    ids = [account.pk for account in accounts]
    roles = {step.role for step in steps}
    who = holders(ids, roles, on=on, accounts=accounts) if roles else {}
    figures = figures or _figures(ids, [kpi.metric for kpi in kpis], on)
    labels = labels_of(kpis)
    calendars = Calendars()
    target_on = on + timedelta(days=version.target_days if target_days is None else target_days)
    found = {}
    for account in accounts:
        owner_id = owner.pk if owner is not None else account.owner_id
        found[account.pk] = Draft(
            account_id=account.pk,
            owner_id=owner_id,
            started_on=on,
            target_on=target_on,
            tasks=tuple(_tasks(steps, account, on, calendars.of(account.team_id), who, owner_id)),
            kpis=tuple(
                _kpi(
                    kpi,
                    labels[kpi.metric],
                    figures.values.get(account.pk, {}).get(kpi.metric),
                    figures.as_of,
                    on,
                    target_on,
                )
                for kpi in kpis
            ),
        )
    return found


def labels_of(kpis: Iterable[PlaybookKpi]) -> dict[str, str]:
    """The catalogue's label of every metric these KPIs read."""
    keys = [kpi.metric for kpi in kpis]
    known = metrics_of(key for key in keys if key != SCORE)
    return {
        key: "Health score" if key == SCORE else known[key].label if key in known else key
        for key in keys
    }


def target_of(kind: str, value: float, baseline: float | None) -> float | None:
    """The figure to reach: the value itself, or the baseline changed by a share of it.

    None where the share has nothing to be a share of.
    """
    if kind != TargetKind.CHANGE:
        return value
    if not baseline:
        return None
    # Of a negative figure (a sentiment, say) "+30 %" is still better.
    return baseline + value * abs(baseline)


def _tasks(
    steps: Sequence[PlaybookStep],
    account: Account,
    on: date,
    calendar: Calendar,
    who: Mapping[tuple[int, str], int | None],
    owner_id: int | None,
) -> Iterable[DraftTask]:
    waits = False
    for step in steps:
        due_on, remark = _due(step, account, on, calendar)
        assignee_id = owner_id if step.role == StepRole.CSM else who.get((account.pk, step.role))
        yield DraftTask(
            step_id=step.pk,
            position=step.position,
            title=step.title,
            guidance=step.guidance,
            role=step.role,
            assignee_id=assignee_id or owner_id,
            due_on=due_on,
            blocks=step.blocks,
            needs_approval=step.needs_approval,
            waits=waits,
            remark=remark,
        )
        waits = waits or step.blocks


def _due(step: PlaybookStep, account: Account, on: date, calendar: Calendar) -> tuple[date, str]:
    after_start = add_business_days(on, step.offset_days, calendar)
    if step.before_renewal_days is None:
        return after_start, ""
    if account.renewal_on is None:
        return after_start, "Renewal date unknown: counted from the start"
    due_on = account.renewal_on - timedelta(days=step.before_renewal_days)
    if not calendar.is_open_on(due_on):
        due_on = add_business_days(due_on, -1, calendar)
    if due_on < on:
        late = f"{step.before_renewal_days} days before the renewal have passed"
        return add_business_days(on, 0, calendar), late
    return due_on, ""


def _kpi(
    kpi: PlaybookKpi,
    label: str,
    baseline: float | None,
    as_of: date | None,
    on: date,
    target_on: date,
) -> DraftKpi:
    return DraftKpi(
        metric=kpi.metric,
        label=kpi.label or label,
        target_kind=kpi.target_kind,
        target=target_of(kpi.target_kind, kpi.target_value, baseline),
        baseline=baseline,
        baseline_on=as_of if baseline is not None else None,
        due_on=on + timedelta(days=kpi.due_days) if kpi.due_days is not None else target_on,
    )


def _figures(ids: Sequence[int], metrics: Sequence[str], on: date) -> Figures:
    run = night_up_to(on) if metrics else None
    found: dict[int, dict[str, float]] = {pk: {} for pk in ids}
    if run is None:
        return Figures(None, found)
    if SCORE in metrics:
        for pk, standing in standing_on(ids, run.as_of).items():
            if standing.score is not None:
                found[pk][SCORE] = standing.score
    keys = [key for key in dict.fromkeys(metrics) if key != SCORE]
    frozen = frozen_of(run.frozen)
    for first_id, last_id in ranges_of(sorted(ids)) if keys else ():
        rows = frame(keys, as_of=run.as_of, first_id=first_id, last_id=last_id, frozen=frozen)
        rows = rows.loc[rows.index.intersection(list(ids)), keys]
        for pk, *values in rows.itertuples(name=None):
            found[int(pk)] |= {
                key: float(value)
                for key, value in zip(keys, values, strict=True)
                if isinstance(value, float | int) and np.isfinite(value)
            }
    return Figures(run.as_of, found)
