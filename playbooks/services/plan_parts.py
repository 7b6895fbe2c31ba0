"""What hangs on a plan besides its tasks: the risk register, and KPIs of its own."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction

from playbooks.models import Intervention, InterventionKpi, PlaybookKpi, Risk, TargetKind
from playbooks.services.drafting import labels_of, target_of
from playbooks.services.kpi_figures import figures_of
from playbooks.services.plan_changes import Kind, PlanError, change, claim, require_open

_RISK: Final = ("text", "likelihood", "impact", "mitigation", "owner", "state")


@transaction.atomic
def add_risk(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    text: str,
    likelihood: int = 3,
    impact: int = 3,
    mitigation: str = "",
    owner: Any = None,
) -> Risk:
    """A line in the risk register; likelihood and impact 1 (low) to 5 (high). Raises PlanError."""
    require_open(plan)
    values = {"text": text, "likelihood": likelihood, "impact": impact, "mitigation": mitigation}
    _check(values)
    claim(plan)
    risk = Risk.objects.create(intervention=plan, owner=owner, **values)
    change(plan, Kind.RISK, by=by, at=at, after=_told(risk)).save()
    return risk


@transaction.atomic
def edit_risk(risk: Risk, *, by: Any, at: datetime, values: Mapping[str, Any]) -> Risk:
    """Change text, likelihood, impact, mitigation, owner or state of a risk. Raises PlanError."""
    plan = risk.intervention
    require_open(plan)
    changed = {n: values[n] for n in _RISK if n in values and getattr(risk, n) != values[n]}
    if not changed:
        return risk
    _check(changed)
    claim(plan)
    before = _told(risk)
    for name, value in changed.items():
        setattr(risk, name, value)
    risk.save(update_fields=list(changed))
    change(plan, Kind.RISK, by=by, at=at, before=before, after=_told(risk)).save()
    return risk


@transaction.atomic
def add_kpi(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    metric: str,
    target_kind: str,
    target_value: float,
    due_on: date | None = None,
) -> InterventionKpi:
    """A figure the plan means to move: a metric of the catalogue or "score".

    Its baseline is that of the newest night; `target_value` as in `PlaybookKpi`. Raises PlanError.
    """
    require_open(plan)
    if target_kind not in TargetKind.values:
        raise PlanError("Choose how the target is meant.")
    if plan.kpis.filter(metric=metric).exists():
        raise PlanError("The plan has a KPI of this metric already.")
    claim(plan)
    value, as_of = figures_of([plan.account_id], [metric])[plan.account_id, metric]
    kpi = InterventionKpi.objects.create(
        intervention=plan,
        metric=metric,
        label=labels_of([PlaybookKpi(metric=metric)])[metric][:120],
        target_kind=target_kind,
        target=target_of(target_kind, target_value, value),
        baseline=value,
        baseline_on=as_of,
        current=value,
        current_on=as_of,
        due_on=due_on or plan.target_on,
    )
    change(plan, Kind.EDITED, by=by, at=at, after={"kpi": kpi.label, "target": kpi.target}).save()
    return kpi


def _check(values: Mapping[str, Any]) -> None:
    if not str(values.get("text", "x")).strip():
        raise PlanError("Say what the risk is.")
    if any(not 1 <= values.get(name, 1) <= 5 for name in ("likelihood", "impact")):
        raise PlanError("Likelihood and impact go from 1 (low) to 5 (high).")


def _told(risk: Risk) -> dict[str, Any]:
    return {
        "risk": risk.text,
        "likelihood": risk.likelihood,
        "impact": risk.impact,
        "mitigation": risk.mitigation,
        "owner_id": risk.owner_id,
        "state": risk.state,
    }
