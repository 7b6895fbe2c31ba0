"""Plans: started on one account or hundreds, looked after, closed and re-opened.

Moving to another version is in `plan_versions`, the risk register and KPIs of one's own in `plan_parts`.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from playbooks.models import (
    Alert,
    Clock,
    ClockRule,
    Intervention,
    InterventionChange,
    InterventionTask,
    Notice,
    PlaybookVersion,
)
from playbooks.rules import Rule
from playbooks.services import attention, clocks, notices, plan_parts, plan_versions
from playbooks.services.plan_changes import (
    Kind,
    Overtaken,
    PlanError,
    change,
    claim,
    require_open,
    require_worker,
)
from playbooks.services.plan_endings import Ending, close_all, reopen_all
from playbooks.services.plan_starts import AlreadyRunning, Start, begin, open_plans

__all__ = [
    "AlreadyRunning",
    "Overtaken",
    "PlanError",
    "Start",
    "add_kpi",
    "add_risk",
    "assign",
    "close",
    "close_many",
    "edit",
    "edit_risk",
    "move_to",
    "reopen",
    "set_cause",
    "start",
    "start_many",
    "undo",
]

add_kpi = plan_parts.add_kpi
add_risk = plan_parts.add_risk
edit_risk = plan_parts.edit_risk
move_to = plan_versions.move_to

# What a person may choose from for a plan of their own.
TARGET_DAYS: Final = (30, 45, 60, 90)
_EDITED: Final = (
    "title",
    "issue",
    "objectives",
    "sponsor",
    "target_on",
    "exit_rule",
    "exit_days",
)
_UNDONE: Final = "The start was undone."


@transaction.atomic
def start(
    account: Account,
    *,
    by: Any,
    at: datetime,
    on: date,
    version: PlaybookVersion | None = None,
    owner: Any = None,
    sponsor: Any = None,
    alerts: Collection[Alert] = (),
    title: str = "",
    issue: str = "",
    objectives: str = "",
    target_days: int | None = None,
    exit_rule: Mapping[str, Any] | None = None,
    exit_days: int | None = None,
    batch: UUID | None = None,
) -> Intervention:
    """Start a playbook version on an account, or without one a plan by hand.

    `owner` None is the account's; `target_days`, `exit_rule` and `exit_days` override the version's. The
    account's score (0–100), band, ARR (minor units), industry and size are frozen. Open `alerts` are linked
    and count as acted on (their `AlertChange` is the caller's); the first-response clock is met. Raises
    AlreadyRunning naming the open plan of the same playbook, PlanError and RuleError.
    """
    if version is None and not title.strip():
        raise PlanError("Give the plan a title: what is to become better.")
    if exit_rule:
        Rule.parse(exit_rule)
    require_worker(owner, account.pk)
    wanted = Start(
        version=version,
        owner=owner,
        sponsor=sponsor,
        title=title.strip(),
        issue=issue,
        objectives=objectives,
        target_days=target_days,
        exit_rule=exit_rule,
        exit_days=exit_days,
    )
    locked = list(Account.objects.select_for_update(of=("self",)).filter(pk=account.pk))
    running = open_plans([account.pk], version)
    if running:
        raise AlreadyRunning(running[account.pk])
    plan = begin(locked, wanted, by=by, at=at, on=on, batch=batch)[0]
    _link(plan, alerts, at)
    _started([plan], by=by, at=at)
    return plan


@transaction.atomic
def start_many(
    accounts: Collection[Account],
    *,
    by: Any,
    at: datetime,
    on: date,
    version: PlaybookVersion,
    batch: UUID,
    owner: Any = None,
) -> tuple[list[Intervention], dict[int, Intervention]]:
    """Start a version on accounts: (the plans, the open plan of each account that already had one).

    Constant queries however many; `undo(batch)` takes it back.
    """
    rows = Account.objects.select_for_update(of=("self",)).order_by("pk")
    locked = list(rows.filter(pk__in=[account.pk for account in accounts]))
    running = open_plans([account.pk for account in locked], version)
    free = [account for account in locked if account.pk not in running]
    plans = begin(free, Start(version=version, owner=owner), by=by, at=at, on=on, batch=batch)
    _started(plans, by=by, at=at)
    return plans, running


@transaction.atomic
def undo(batch: UUID, *, by: Any, at: datetime) -> tuple[int, int]:
    """Cancel what `start_many` began: (plans cancelled, plans left because somebody worked on them)."""
    begun = InterventionChange.objects.filter(batch=batch, kind=Kind.STARTED, undone_at=None)
    ids = list(begun.values_list("intervention_id", flat=True))
    plans = list(_lock(ids))
    touched = set(
        InterventionChange.objects.filter(intervention__in=ids)
        .exclude(kind=Kind.STARTED)
        .values_list("intervention_id", flat=True)
    )
    back = [plan for plan in plans if plan.is_open and plan.pk not in touched]
    ending = Ending(Intervention.Outcome.CANCELLED, _UNDONE)
    close_all(back, {plan.pk: ending for plan in back}, by=by, at=at, on=timezone.localdate(at))
    begun.filter(intervention__in=[plan.pk for plan in back]).update(undone_at=at)
    attention.refresh({plan.account_id for plan in back}, at=at)
    return len(back), len(ids) - len(back)


@transaction.atomic
def edit(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    values: Mapping[str, Any],
    seen: int | None = None,
) -> Intervention:
    """Change title, issue, objectives, sponsor, `target_on` (date), `exit_rule` or `exit_days`.

    A new exit test starts to hold anew. Raises PlanError, RuleError.
    """
    require_open(plan)
    changed = {n: values[n] for n in _EDITED if n in values and getattr(plan, n) != values[n]}
    if not changed:
        return plan
    if not str(changed.get("title", plan.title)).strip():
        raise PlanError("Give the plan a title: what is to become better.")
    if changed.get("exit_rule"):
        Rule.parse(changed["exit_rule"])
    before = {name: _told(getattr(plan, name)) for name in changed}
    after = {name: _told(value) for name, value in changed.items()}
    if "exit_rule" in changed:
        # Another test: what held of the last one says nothing of it.
        changed |= {
            "state": Intervention.State.ACTIVE,
            "exit_since": None,
            "exit_holds": None,
            "exit_checked_on": None,
        }
    claim(plan, seen=seen, **changed)
    _write(change(plan, Kind.EDITED, by=by, at=at, before=before, after=after), at)
    return plan


@transaction.atomic
def set_cause(
    plan: Intervention, *, by: Any, at: datetime, cause: str, text: str, seen: int | None = None
) -> Intervention:
    """The root cause, one of `Intervention.Cause`, in words; its clock is met. Raises PlanError."""
    require_open(plan)
    if cause not in Intervention.Cause.values:
        raise PlanError("Choose what kind of cause it is.")
    before = {"cause": plan.cause, "cause_text": plan.cause_text}
    after = {"cause": cause, "cause_text": text}
    claim(plan, seen=seen, cause_at=at, **after)
    _write(change(plan, Kind.CAUSE, by=by, at=at, before=before, after=after), at, refresh=False)
    label = Intervention.Cause(cause).label
    clocks.meet(
        ClockRule.Key.ROOT_CAUSE,
        [plan.account_id],
        by=by,
        at=at,
        outcome=f"Root cause: {label}",
    )
    attention.refresh([plan.account_id], at=at)
    return plan


@transaction.atomic
def assign(
    plan: Intervention, *, by: Any, at: datetime, owner: Any, seen: int | None = None
) -> Intervention:
    """Give a plan to another owner, with the undone tasks of the last one; both it and they are told.

    Raises PlanError.
    """
    require_open(plan)
    previous = plan.owner_id
    if previous == getattr(owner, "pk", None):
        return plan
    require_worker(owner, plan.account_id)
    claim(plan, seen=seen, owner=owner, assigned_by=by)
    undone = plan.tasks.filter(state__in=InterventionTask.UNDONE_STATES, assignee=previous)
    moved = list(undone.values_list("pk", flat=True))
    undone.filter(pk__in=moved).update(assignee=owner, version=F("version") + 1)
    before = {"owner_id": previous, "tasks": moved}
    _write(
        change(plan, Kind.ASSIGNED, by=by, at=at, before=before, after={"owner_id": plan.owner_id}),
        at,
    )
    tell_owners([plan], "Plan given to you", by=by, at=at)
    return plan


@transaction.atomic
def close(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    on: date,
    outcome: str,
    note: str = "",
    seen: int | None = None,
) -> Intervention:
    """End a plan with an outcome (`Intervention.Outcome`); undone tasks are skipped. Raises PlanError."""
    _known_outcome(outcome)
    claim(plan, seen=seen)
    plan.refresh_from_db()
    if not plan.is_open:
        raise PlanError(f"“{plan.title}” is closed already.")
    close_all([plan], {plan.pk: Ending(outcome, note)}, by=by, at=at, on=on)
    _drop_link(plan)
    attention.refresh([plan.account_id], at=at)
    return plan


@transaction.atomic
def close_many(
    plan_ids: Collection[int],
    *,
    by: Any,
    at: datetime,
    on: date,
    outcome: str,
    note: str = "",
    batch: UUID | None = None,
) -> int:
    """Close those of these plans that are open; returns how many. Constant queries. Raises PlanError."""
    _known_outcome(outcome)
    plans = [plan for plan in _lock(plan_ids) if plan.is_open]
    endings = {plan.pk: Ending(outcome, note) for plan in plans}
    close_all(plans, endings, by=by, at=at, on=on, batch=batch)
    attention.refresh({plan.account_id for plan in plans}, at=at)
    return len(plans)


@transaction.atomic
def reopen(
    plan: Intervention,
    *,
    by: Any,
    at: datetime,
    on: date,
    reason: str = "",
    seen: int | None = None,
) -> Intervention:
    """Work on a closed plan again, with the tasks that ended with it. Raises AlreadyRunning, PlanError."""
    list(Account.objects.select_for_update(of=("self",)).filter(pk=plan.account_id))
    claim(plan, seen=seen)
    plan.refresh_from_db()
    if plan.is_open:
        raise PlanError(f"“{plan.title}” is open already.")
    running = open_plans([plan.account_id], plan.playbook_version)
    if running:
        raise AlreadyRunning(running[plan.account_id])
    reopen_all([plan], by=by, at=at, on=on, reason=reason)
    attention.refresh([plan.account_id], at=at)
    return plan


def tell_owners(plans: Collection[Intervention], what: str, *, by: Any, at: datetime) -> None:
    """Tell the owners of plans that are not `by` themselves."""
    notices.tell(
        [
            notices.Telling(
                user_id=plan.owner_id,
                kind=Notice.Kind.ASSIGNED,
                title=f"{what}: {plan.title}"[:200],
                url=reverse("plan", args=[plan.pk]),
                about=f"plan:{plan.pk}:owner:{plan.version}",
                body=plan.account.name,
                account_id=plan.account_id,
            )
            for plan in plans
            if plan.owner_id is not None and plan.owner_id != getattr(by, "pk", None)
        ],
        at=at,
    )


def _lock(plan_ids: Collection[int]) -> list[Intervention]:
    rows = Intervention.objects.select_for_update(of=("self",)).order_by("pk")
    return list(rows.filter(pk__in=plan_ids))


def _link(plan: Intervention, alerts: Collection[Alert], at: datetime) -> None:
    """The alerts the plan answers; others of the account stay as they are."""
    ids = [alert.pk for alert in alerts]
    if not ids:
        return
    rows = Alert.objects.filter(pk__in=ids, account=plan.account_id, state__in=Alert.OPEN_STATES)
    rows.filter(acted_at=None).update(acted_at=at)
    rows.update(intervention=plan, version=F("version") + 1)


def _drop_link(plan: Intervention) -> None:
    Clock.objects.filter(intervention=plan, state__in=Clock.OPEN_STATES).update(intervention=None)


def _started(plans: Collection[Intervention], *, by: Any, at: datetime) -> None:
    accounts = {plan.account_id for plan in plans}
    if not accounts:
        return
    clocks.meet(ClockRule.Key.FIRST_RESPONSE, accounts, by=by, at=at, outcome="A plan was started")
    attention.refresh(accounts, at=at)
    tell_owners(plans, "New plan", by=by, at=at)


def _write(row: InterventionChange, at: datetime, *, refresh: bool = True) -> None:
    row.save()
    if refresh:
        attention.refresh([row.account_id], at=at)


def _known_outcome(outcome: str) -> None:
    if outcome not in Intervention.Outcome.values:
        raise PlanError("Choose how the plan ended.")


def _told(value: Any) -> Any:
    return getattr(value, "pk", value)
