"""Reads of the page of one plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q
from django.http import Http404

from accounts.models import Account
from playbooks.access import interventions_changeable_by, interventions_seen_by, readers_of
from playbooks.models import (
    Alert,
    Clock,
    Intervention,
    InterventionChange,
    InterventionKpi,
    InterventionTask,
    PlaybookVersion,
    Risk,
)
from playbooks.rules import Rule, RuleError, sentence
from playbooks.services.readings import labels
from scoring.selectors import newest_run, snapshots_of

# Changes the page shows; the file has all of them.
CHANGES: Final = 60
# Days of score before the start.
_BEFORE_DAYS: Final = 30
_RELATED: Final = (
    "account__health",
    "account__owner",
    "owner",
    "sponsor",
    "assigned_by",
    "closed_by",
    "playbook_version__playbook",
)


@dataclass(frozen=True)
class Parts:
    """Everything of a plan a page shows; `scores` are (night, score 0–100 or None), oldest first."""

    plan: Intervention
    tasks: list[InterventionTask]
    kpis: list[InterventionKpi]
    risks: list[Risk]
    changes: list[InterventionChange]
    alerts: list[Alert]
    clocks: list[Clock]
    scores: list[tuple[date, float | None]]
    newer: PlaybookVersion | None
    test: str


def plan_of(user: Any, pk: int, *, on: date | None = None) -> Intervention:
    """The plan, when `user` may see it; Http404 otherwise.

    With `on`, `may_change` of it says whether they may change it on that day.
    """
    rows = interventions_seen_by(user).select_related(*_RELATED)
    if on is not None:
        changeable = interventions_changeable_by(user, on=on).filter(pk=OuterRef("pk"))
        rows = rows.annotate(may_change=Exists(changeable))
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404("No such plan.")
    return found


def changeable(user: Any, pk: int, *, on: date) -> Intervention:
    """The plan, when `user` may change it on a day; Http404 otherwise."""
    rows = interventions_changeable_by(user, on=on).select_related(*_RELATED)
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404("No such plan.")
    return found


def parts(plan: Intervention, *, risks: bool = True, work: bool = True) -> Parts:
    """What the page shows; on paper without the `work` around it, behind a link without `risks` too."""
    tasks = plan.tasks.select_related("assignee", "done_by", "approved_by")
    return Parts(
        plan=plan,
        tasks=list(tasks),
        kpis=list(plan.kpis.all()),
        risks=list(plan.risks.select_related("owner")) if risks else [],
        changes=_changes(plan) if work else [],
        alerts=list(plan.alerts.select_related("trigger")) if work else [],
        clocks=_clocks(plan) if work else [],
        scores=_scores(plan) if work else [],
        newer=_newer(plan) if work else None,
        test=test_sentence(plan),
    )


def test_sentence(plan: Intervention) -> str:
    """The exit test in words; empty without one."""
    if not plan.exit_rule:
        return ""
    try:
        rule = Rule.parse(plan.exit_rule)
    except RuleError as fault:
        return f"The test cannot be read: {fault}"
    # Only components are named by the scorecards of a night.
    return sentence(rule, labels(newest_run(defer=True) if rule.needs.components else None))


def people_for(account: Account) -> dict[int, Any]:
    """Colleagues who may be given work on an account, by id: those who see it and write."""
    return workers(readers_of(account))


def workers(readers: Iterable[Any]) -> dict[int, Any]:
    """Those of the colleagues who see an account that may work on it, by id."""
    return {user.pk: user for user in readers if user.role != "executive" or user.is_superuser}


def sponsors_for(account: Account) -> dict[int, Any]:
    """Colleagues who may sponsor: those who may do the work, and executives."""
    users: Any = get_user_model().objects
    above = users.filter(role="executive", is_active=True).order_by("first_name", "last_name")
    return people_for(account) | {user.pk: user for user in above}


def open_plans_of(account: Account) -> list[Intervention]:
    """Plans that run on an account."""
    rows = account.interventions.filter(state__in=Intervention.OPEN_STATES)
    return list(rows.select_related("owner", "playbook_version__playbook"))


def names_of(ids: set[int]) -> dict[int, str]:
    """Colleagues by id; no query for nobody."""
    if not ids:
        return {}
    users: Any = get_user_model().objects
    return {user.pk: str(user) for user in users.filter(pk__in=ids)}


def _changes(plan: Intervention) -> list[InterventionChange]:
    rows = plan.changes.select_related("by", "task").order_by("-at", "-pk")
    return list(rows[:CHANGES])


def _clocks(plan: Intervention) -> list[Clock]:
    """Clocks that run on the account, and those that ended for this plan."""
    rows = Clock.objects.filter(account=plan.account_id)
    wanted = Q(intervention=plan)
    if plan.is_open:
        wanted |= Q(state__in=Clock.OPEN_STATES)
    return list(rows.filter(wanted).select_related("rule", "met_by").order_by("-due_at")[:10])


def _scores(plan: Intervention) -> list[tuple[date, float | None]]:
    since = plan.started_on - timedelta(days=_BEFORE_DAYS)
    rows = snapshots_of([plan.account_id], since=since, until=plan.closed_on)
    found: dict[date, float | None] = {}
    for as_of, score in rows.order_by("as_of", "run_id").values_list("as_of", "score"):
        found[as_of] = score
    return list(found.items())


def _newer(plan: Intervention) -> PlaybookVersion | None:
    """The active version of the plan's playbook when it is another one."""
    if plan.playbook_version is None or not plan.is_open:
        return None
    rows = PlaybookVersion.objects.filter(
        playbook=plan.playbook_version.playbook_id, state=PlaybookVersion.State.ACTIVE
    )
    return rows.exclude(pk=plan.playbook_version.pk).first()
