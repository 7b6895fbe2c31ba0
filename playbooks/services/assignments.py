"""Giving accounts and their open work to a colleague: planned, done in one go, and taken back.

What moves is planned first and shown; `seen` is the mark of that plan, and an act whose plan has changed
meanwhile is refused: of two managers at once the second is told.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.access import changeable_by, may_assign, may_write
from accounts.models import Account
from accounts.services.owners import note_owners
from csm.lib.errors import WorkbenchError
from playbooks.models import (
    Alert,
    AlertChange,
    Assignment,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
    Notice,
)
from playbooks.services import attention, notices

# What is given: accounts with their open work, plans with their tasks, alerts alone.
WHATS: Final = ("accounts", "plans", "alerts")
# Given in one go.
MOST: Final = 2_000
_SPACE: Final = UUID("5a3c7d0e-6a52-4a4c-9f6b-2f0a51f1c0de")


class AssignmentError(WorkbenchError):
    """Something that cannot be given away; the text says why, or who was first."""


Owners = dict[int, int | None]


@dataclass
class Plan:
    """What would move: id → who has it now. `refused` of those asked for are not the asking one's to give."""

    accounts: Owners = field(default_factory=dict)
    teams: Owners = field(default_factory=dict)
    interventions: Owners = field(default_factory=dict)
    tasks: Owners = field(default_factory=dict)
    alerts: Owners = field(default_factory=dict)
    clocks: Owners = field(default_factory=dict)
    # Of every account concerned, whether it changes hands or not.
    account_ids: set[int] = field(default_factory=set)
    refused: int = 0

    @property
    def mark(self) -> str:
        """The same exactly as long as the same would move from the same people."""
        told = [sorted(each.items()) for each in self._moved().values()]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]

    @property
    def is_empty(self) -> bool:
        return not any((self.accounts, self.interventions, self.tasks, self.alerts))

    def _moved(self) -> dict[str, Owners]:
        names = ("accounts", "teams", "interventions", "tasks", "alerts", "clocks")
        return {name: getattr(self, name) for name in names}

    def stored(self) -> dict[str, dict[str, int | None]]:
        """As `Assignment.moved` keeps it."""
        return {
            name: {str(pk): who for pk, who in each.items()} for name, each in self._moved().items()
        }


def receivers(user: Any) -> QuerySet[Any]:
    """Colleagues `user` may give work to: who works on accounts, in their teams; admins: anywhere."""
    people = get_user_model().objects.filter(is_active=True, role__in=("csm", "manager"))
    if not may_assign(user):
        return people.none()
    return people if user.is_admin else people.filter(teams__in=user.team_ids).distinct()


def plan(
    what: str,
    ids: Collection[int],
    *,
    to: Any,
    by: Any,
    with_accounts: bool = True,
    lock: bool = False,
) -> Plan:
    """What would move to `to`. Of accounts: what their owner, or nobody, has open on them goes along.

    `to` None plans without knowing who gets it. Eight statements at most. Raises AssignmentError beyond
    `MOST` and for somebody who may not give work away.
    """
    if not may_assign(by):
        raise AssignmentError("Managers and admins give work to others.")
    if len(ids) > MOST:
        raise AssignmentError(
            f"{MOST:,} at a time are the most. Narrow the list and go on from there."
        )
    gives = changeable_by(by).order_by().values("pk")
    if what == "accounts":
        return _of_accounts(ids, to, by, with_accounts, lock)
    found = Plan()
    if what == "plans":
        plans = Intervention.objects.filter(
            pk__in=ids, state__in=Intervention.OPEN_STATES, account__in=gives
        )
        rows = list(_locked(plans, lock).values_list("pk", "account_id", "owner_id"))
        found.interventions = {pk: owner for pk, _, owner in rows if not _same(owner, to)}
        _add_tasks(
            found, Q(intervention__in=list(found.interventions)), dict(found.interventions), to
        )
    elif what == "alerts":
        alerts = Alert.objects.filter(pk__in=ids, state__in=Alert.OPEN_STATES, account__in=gives)
        rows = list(_locked(alerts, lock).values_list("pk", "account_id", "owner_id"))
        found.alerts = {pk: owner for pk, _, owner in rows if not _same(owner, to)}
    else:
        raise AssignmentError("Give accounts, plans or alerts.")
    found.account_ids = {account_id for _, account_id, _ in rows}
    found.refused = len(set(ids)) - len(rows)
    return found


def _same(owner: int | None, to: Any) -> bool:
    return to is not None and owner == to.pk


def _locked(rows: QuerySet[Any], lock: bool) -> QuerySet[Any]:
    rows = rows.order_by("pk")
    return rows.select_for_update(of=("self",)) if lock else rows


def _of_accounts(ids: Collection[int], to: Any, by: Any, with_accounts: bool, lock: bool) -> Plan:
    found = Plan()
    accounts = Account.objects.filter(pk__in=ids).filter(
        pk__in=changeable_by(by).order_by().values("pk")
    )
    rows = list(_locked(accounts, lock).values_list("pk", "owner_id", "team_id"))
    owners: Owners = {pk: owner for pk, owner, _ in rows}
    found.account_ids = set(owners)
    found.refused = len(set(ids)) - len(rows)
    if with_accounts:
        found.accounts = {pk: owner for pk, owner in owners.items() if not _same(owner, to)}
        teams = set(to.teams.values_list("pk", flat=True)) if to is not None else set()
        # Who does not belong to the account's team would be alone with it: it goes to a team of theirs.
        found.teams = {
            pk: team for pk, _, team in rows if pk in found.accounts and teams and team not in teams
        }
    on = {"account__in": list(owners)}
    plans = Intervention.objects.filter(state__in=Intervention.OPEN_STATES, **on)
    alerts = Alert.objects.filter(state__in=Alert.OPEN_STATES, **on)
    clocks = Clock.objects.filter(state__in=Clock.OPEN_STATES, **on)
    for name, each in (("interventions", plans), ("alerts", alerts), ("clocks", clocks)):
        theirs = _locked(each, lock).values_list("pk", "account_id", "owner_id")
        moved = {
            pk: owner
            for pk, account_id, owner in theirs
            if owner in (None, owners[account_id]) and not _same(owner, to)
        }
        setattr(found, name, moved)
    tasks = InterventionTask.objects.filter(
        state__in=InterventionTask.UNDONE_STATES,
        intervention__state__in=Intervention.OPEN_STATES,
        **on,
    )
    found.tasks = {
        pk: who
        for pk, account_id, who in tasks.values_list("pk", "account_id", "assignee_id")
        if who in (None, owners[account_id]) and not _same(who, to)
    }
    return found


def _add_tasks(found: Plan, within: Q, owners: Mapping[int, int | None], to: Any) -> None:
    tasks = InterventionTask.objects.filter(within, state__in=InterventionTask.UNDONE_STATES)
    found.tasks = {
        pk: who
        for pk, plan_id, who in tasks.values_list("pk", "intervention_id", "assignee_id")
        if who in (None, owners[plan_id]) and not _same(who, to)
    }


@transaction.atomic
def assign(
    what: str,
    ids: Collection[int],
    *,
    to: Any,
    by: Any,
    at: datetime,
    on: date,
    seen: str,
    with_accounts: bool = True,
    reason: str = "",
    word: str = "",
) -> Assignment:
    """Give what `plan` lists to `to`; `word` is what the new owner should know. Both sides are told.

    Raises AssignmentError when something else than what was seen (`Plan.mark`) would move, naming who was
    first, when nothing would, and for somebody who may not have it.
    """
    if not (to.is_active and may_write(to)) or not receivers(by).filter(pk=to.pk).exists():
        raise AssignmentError("Choose a colleague of your teams who works on accounts.")
    found = plan(what, ids, to=to, by=by, with_accounts=with_accounts, lock=True)
    if found.mark != seen:
        raise AssignmentError(_who_was_first(found.account_ids))
    if found.is_empty:
        raise AssignmentError(f"{to} has all of it already.")
    row = Assignment.objects.create(
        to=to,
        by=by,
        at=at,
        on=on,
        reason=reason[:255],
        with_accounts=with_accounts and what == "accounts",
        moved=found.stored(),
    )
    batch = batch_of(row)
    _move_accounts(found, to, on)
    _move_work(found, to, by=by, at=at, on=on, batch=batch, reason=reason)
    Handover.objects.bulk_create(
        [
            Handover(
                account_id=pk, assignment=row, previous_id=previous, to=to, on=on, at=at, word=word
            )
            for pk, previous in found.accounts.items()
        ]
    )
    _tell(row, found, at)
    attention.refresh(found.account_ids, at=at)
    return row


def batch_of(row: Assignment) -> UUID:
    """What the changes of an assignment have in common."""
    return uuid5(_SPACE, str(row.pk))


def _who_was_first(account_ids: Collection[int]) -> str:
    wanted = {str(pk) for pk in account_ids}
    for last in Assignment.objects.select_related("by", "to")[:20]:
        if wanted & set(last.moved.get("accounts", {})) or not wanted:
            return (
                f"{last.by or 'Somebody'} gave some of these accounts to {last.to or 'somebody'} before you. "
                "Nothing was changed: look at the preview again."
            )
    return (
        "Some of this work has changed hands or ended since you looked. "
        "Nothing was changed: look at the preview again."
    )


def _move_accounts(found: Plan, to: Any, on: date) -> None:
    if not found.accounts:
        return
    Account.objects.filter(pk__in=list(found.accounts)).update(owner=to)
    if found.teams:
        team = to.teams.order_by("name").first()
        Account.objects.filter(pk__in=list(found.teams)).update(team=team)
    note_owners(dict.fromkeys(found.accounts, (to.pk, on)), previous=found.accounts)


def _move_work(
    found: Plan, to: Any, *, by: Any, at: datetime, on: date, batch: UUID, reason: str
) -> None:
    told = {"on": on, "at": at, "by": by, "batch": batch, "reason": reason[:255]}
    after = {"owner_id": to.pk}
    tasks = list(
        InterventionTask.objects.filter(pk__in=list(found.tasks)).values_list(
            "pk", "intervention_id", "account_id"
        )
    )
    of_plan: dict[int, list[int]] = defaultdict(list)
    for pk, plan_id, _ in tasks:
        of_plan[plan_id].append(pk)
    plans = Intervention.objects.filter(pk__in=list(found.interventions))
    changes = [
        InterventionChange(
            intervention_id=pk,
            account_id=account_id,
            kind=InterventionChange.Kind.ASSIGNED,
            before={"owner_id": found.interventions[pk], "tasks": of_plan.get(pk, [])},
            after=after,
            **told,
        )
        for pk, account_id in plans.values_list("pk", "account_id")
    ]
    changes += [
        InterventionChange(
            intervention_id=plan_id,
            account_id=account_id,
            task_id=pk,
            kind=InterventionChange.Kind.TASK_EDITED,
            before={"assignee_id": found.tasks[pk]},
            after={"assignee_id": to.pk},
            **told,
        )
        for pk, plan_id, account_id in tasks
        if plan_id not in found.interventions
    ]
    InterventionChange.objects.bulk_create(changes)
    plans.update(owner=to, assigned_by=by, version=F("version") + 1)
    InterventionTask.objects.filter(pk__in=list(found.tasks)).update(
        assignee=to, version=F("version") + 1
    )
    _move_alerts(found.alerts, to, told)
    Clock.objects.filter(pk__in=list(found.clocks)).update(owner=to)


def _move_alerts(moved: Owners, to: Any, told: Mapping[str, Any]) -> None:
    alerts = Alert.objects.filter(pk__in=list(moved))
    changes = []
    loose = []
    for alert in alerts.only("pk", "account_id", "owner_id", "taken_by_id", "taken_at"):
        before: dict[str, Any] = {"owner_id": alert.owner_id}
        after: dict[str, Any] = {"owner_id": to.pk}
        if alert.taken_by_id not in (None, to.pk):
            # Whoever had taken it has it no longer; the new owner takes it.
            loose.append(alert.pk)
            taken_at = alert.taken_at.isoformat() if alert.taken_at else None
            before |= {"taken_by_id": alert.taken_by_id, "taken_at": taken_at}
            after |= {"taken_by_id": None, "taken_at": None}
        changes.append(
            AlertChange(
                alert_id=alert.pk,
                account_id=alert.account_id,
                kind=AlertChange.Kind.ASSIGNED,
                before=before,
                after=after,
                **told,
            )
        )
    AlertChange.objects.bulk_create(changes)
    alerts.update(owner=to, version=F("version") + 1)
    Alert.objects.filter(pk__in=loose).update(taken_by=None, taken_at=None)


def _tell(row: Assignment, found: Plan, at: datetime) -> None:
    """The new owner of everything, the last ones of what they no longer have."""
    tellings = []
    if row.to_id != row.by_id and row.to_id is not None:
        if found.accounts:
            kind, text = (
                Notice.Kind.HANDOVER,
                f"{row.by} hands you {_count(found.accounts, 'account')}",
            )
        else:
            kind, text = Notice.Kind.ASSIGNED, f"{row.by} gives you {words(found)}"
        tellings.append(_telling(row, row.to_id, kind, text, found))
    lost: dict[int, int] = defaultdict(int)
    for previous in found.accounts.values():
        if previous is not None and previous not in (row.by_id, row.to_id):
            lost[previous] += 1
    for user_id, many in lost.items():
        text = f"{row.by} gave {_count(range(many), 'account')} of yours to {row.to}"
        tellings.append(_telling(row, user_id, Notice.Kind.HANDOVER, text, found))
    notices.tell(tellings, at=at)


def _telling(row: Assignment, user_id: int, kind: str, text: str, found: Plan) -> notices.Telling:
    only = next(iter(found.account_ids)) if len(found.account_ids) == 1 else None
    return notices.Telling(
        user_id=user_id,
        kind=kind,
        title=text,
        body=row.reason,
        url=f"/handover/{only}/" if only else "/handovers/",
        about=f"assignment:{row.pk}",
        account_id=only,
    )


def words(found: Plan) -> str:
    """ "3 accounts, 2 plans, 7 tasks, 4 alerts"."""
    named = (
        (found.accounts, "account"),
        (found.interventions, "plan"),
        (found.tasks, "task"),
        (found.alerts, "alert"),
    )
    return ", ".join(_count(each, noun) for each, noun in named if each) or "nothing"


def _count(each: Collection[Any], noun: str) -> str:
    return f"{len(each):,} {noun}{'' if len(each) == 1 else 's'}"


def all_of(user_id: int, *, by: Any) -> list[int]:
    """The accounts of a colleague that `by` may give to others."""
    found: Iterable[int] = (
        changeable_by(by).filter(owner=user_id).order_by("pk").values_list("pk", flat=True)
    )
    return list(found)
