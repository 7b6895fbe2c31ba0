"""What an assignment would move, before anything does: shown to who asks, compared when they say yes."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet, Value

from accounts.access import changeable_by, may_assign
from accounts.models import Account
from csm.lib.errors import WorkbenchError
from playbooks.models import Alert, Clock, Intervention, InterventionTask

# What is given: accounts with their open work, plans with their tasks, alerts alone.
WHATS: Final = ("accounts", "plans", "alerts")
# Given in one go.
MOST: Final = 2_000


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

    `to` None plans without knowing who gets it. Six statements at most. Raises AssignmentError beyond
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
    for name, pk, account_id, who in _open_work(owners, lock):
        if who in (None, owners[account_id]) and not _same(who, to):
            getattr(found, name)[pk] = who
    return found


def _open_work(
    account_ids: Collection[int], lock: bool
) -> Iterable[tuple[str, int, int, int | None]]:
    """(field of `Plan`, id, account, whose) of all that is open on the accounts.

    One statement to look at it; to lock it (but for tasks, which their plans guard) one a kind, each in
    the order of ids.
    """
    on = {"account__in": list(account_ids)}
    kinds: list[tuple[str, str, QuerySet[Any]]] = [
        (
            "interventions",
            "owner_id",
            Intervention.objects.filter(state__in=Intervention.OPEN_STATES, **on),
        ),
        ("alerts", "owner_id", Alert.objects.filter(state__in=Alert.OPEN_STATES, **on)),
        ("clocks", "owner_id", Clock.objects.filter(state__in=Clock.OPEN_STATES, **on)),
        (
            "tasks",
            "assignee_id",
            InterventionTask.objects.filter(
                state__in=InterventionTask.UNDONE_STATES,
                intervention__state__in=Intervention.OPEN_STATES,
                **on,
            ),
        ),
    ]
    if lock:
        parts = [
            _locked(rows, name != "tasks").values_list(Value(name), "pk", "account_id", whose)
            for name, whose, rows in kinds
        ]
        return chain.from_iterable(parts)
    first, *others = (
        rows.order_by().values_list(Value(name), "pk", "account_id", whose)
        for name, whose, rows in kinds
    )
    return first.union(*others, all=True)


def _add_tasks(found: Plan, within: Q, owners: Mapping[int, int | None], to: Any) -> None:
    tasks = InterventionTask.objects.filter(within, state__in=InterventionTask.UNDONE_STATES)
    found.tasks = {
        pk: who
        for pk, plan_id, who in tasks.values_list("pk", "intervention_id", "assignee_id")
        if who in (None, owners[plan_id]) and not _same(who, to)
    }


def words(found: Plan) -> str:
    """ "3 accounts, 2 plans, 7 tasks, 4 alerts"."""
    named = (
        (found.accounts, "account"),
        (found.interventions, "plan"),
        (found.tasks, "task"),
        (found.alerts, "alert"),
    )
    return ", ".join(count(each, noun) for each, noun in named if each) or "nothing"


def count(each: Collection[Any], noun: str) -> str:
    """ "1 account", "2,000 accounts"."""
    return f"{len(each):,} {noun}{'' if len(each) == 1 else 's'}"


def all_of(user_id: int, *, by: Any) -> list[int]:
    """The accounts of a colleague that `by` may give to others."""
    found: Iterable[int] = (
        changeable_by(by).filter(owner=user_id).order_by("pk").values_list("pk", flat=True)
    )
    return list(found)
