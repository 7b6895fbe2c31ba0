"""Taking an assignment back: what has not changed since goes to where it was."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.access import changeable_by, may_assign
from accounts.models import Account
from accounts.services.changes import mark
from accounts.services.owners import note_owners
from playbooks.models import (
    Alert,
    AlertChange,
    Assignment,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
)
from playbooks.services import attention
from playbooks.services.assignment_plans import AssignmentError, Owners
from playbooks.services.assignments import batch_of


@dataclass(frozen=True)
class Undone:
    """How much went back, and how much has changed since and stayed."""

    back: int
    left: int


def may_undo(row: Assignment, user: Any) -> bool:
    """Whether `user` may take it back: who made it, and admins."""
    return may_assign(user) and (row.by_id == user.pk or user.is_admin)


@transaction.atomic
def undo(row: Assignment, *, by: Any, at: datetime, on: date) -> Undone:
    """Give everything back to whoever had it, except what has changed hands, ended or been taken since.

    Raises AssignmentError for another's, and when it was taken back already, naming who did.
    """
    if not may_undo(row, by):
        raise AssignmentError("An assignment is taken back by who made it, or an admin.")
    if not Assignment.objects.filter(pk=row.pk, undone_at=None).update(undone_at=at, undone_by=by):
        last = Assignment.objects.select_related("undone_by").get(pk=row.pk)
        raise AssignmentError(f"{last.undone_by or 'Somebody'} has taken this back already.")
    moved = {name: {int(pk): who for pk, who in each.items()} for name, each in row.moved.items()}
    told = {"on": on, "at": at, "by": by, "batch": batch_of(row)}
    touched: set[int] = set()
    back = sum(
        (
            _accounts(row, moved, told, touched),
            _plans(row, moved.get("interventions", {}), told, touched),
            _tasks(row, moved.get("tasks", {}), told, touched),
            _alerts(row, moved.get("alerts", {}), told, touched),
        )
    )
    for pks, previous in _by_owner(moved.get("clocks", {})):
        clocks = Clock.objects.filter(pk__in=pks, owner=row.to_id, state__in=Clock.OPEN_STATES)
        clocks.update(owner=previous)
    named = ("accounts", "interventions", "tasks", "alerts")
    every = sum(len(moved.get(name, {})) for name in named)
    attention.refresh(touched, at=at)
    return Undone(back, every - back)


def _by_owner(moved: Owners) -> list[tuple[list[int], int | None]]:
    found: dict[int | None, list[int]] = defaultdict(list)
    for pk, previous in moved.items():
        found[previous].append(pk)
    return [(pks, previous) for previous, pks in found.items()]


def _accounts(
    row: Assignment, moved: Mapping[str, Owners], told: Mapping[str, Any], touched: set[int]
) -> int:
    owners = moved.get("accounts", {})
    # A deleted colleague has no accounts to go back from.
    here = Account.objects.filter(pk__in=list(owners), owner=row.to_id, merged_into=None)
    theirs = here.filter(pk__in=changeable_by(told["by"]).order_by().values("pk"))
    ids = set(theirs.select_for_update(of=("self",)).values_list("pk", flat=True))
    mark(ids, at=told["at"])
    for pks, previous in _by_owner({pk: owners[pk] for pk in ids}):
        Account.objects.filter(pk__in=pks).update(owner=previous)
    teams = {pk: team for pk, team in moved.get("teams", {}).items() if pk in ids}
    for pks, team in _by_owner(teams):
        Account.objects.filter(pk__in=pks).update(team=team)
    if ids:
        note_owners(
            {pk: (owners[pk], told["on"]) for pk in ids}, previous=dict.fromkeys(ids, row.to_id)
        )
        Handover.objects.filter(assignment=row, account__in=ids).delete()
    touched |= ids
    return len(ids)


def _plans(row: Assignment, moved: Owners, told: Mapping[str, Any], touched: set[int]) -> int:
    open_ = Intervention.objects.filter(
        pk__in=list(moved), owner=row.to_id, state__in=Intervention.OPEN_STATES
    )
    accounts = dict(open_.select_for_update(of=("self",)).values_list("pk", "account_id"))
    for pks, previous in _by_owner({pk: moved[pk] for pk in accounts}):
        rows = Intervention.objects.filter(pk__in=pks)
        rows.update(owner=previous, version=F("version") + 1)
    InterventionChange.objects.bulk_create(
        [
            InterventionChange(
                intervention_id=pk,
                account_id=account_id,
                kind=InterventionChange.Kind.UNDONE,
                before={"owner_id": row.to_id},
                after={"owner_id": moved[pk]},
                **told,
            )
            for pk, account_id in accounts.items()
        ]
    )
    touched |= set(accounts.values())
    return len(accounts)


def _tasks(row: Assignment, moved: Owners, told: Mapping[str, Any], touched: set[int]) -> int:
    undone = InterventionTask.objects.filter(
        pk__in=list(moved), assignee=row.to_id, state__in=InterventionTask.UNDONE_STATES
    )
    accounts = dict(undone.select_for_update(of=("self",)).values_list("pk", "account_id"))
    for pks, previous in _by_owner({pk: moved[pk] for pk in accounts}):
        rows = InterventionTask.objects.filter(pk__in=pks)
        rows.update(assignee=previous, version=F("version") + 1)
    touched |= set(accounts.values())
    return len(accounts)


def _alerts(row: Assignment, moved: Owners, told: Mapping[str, Any], touched: set[int]) -> int:
    open_ = Alert.objects.filter(
        pk__in=list(moved), owner=row.to_id, state__in=Alert.OPEN_STATES
    ).exclude(taken_by=row.to_id)
    accounts = dict(open_.select_for_update(of=("self",)).values_list("pk", "account_id"))
    made = AlertChange.objects.filter(
        batch=batch_of(row), kind=AlertChange.Kind.ASSIGNED, alert__in=list(accounts)
    )
    before = dict(made.values_list("alert_id", "before"))
    for pks, previous in _by_owner({pk: moved[pk] for pk in accounts}):
        Alert.objects.filter(pk__in=pks).update(owner=previous, version=F("version") + 1)
    taken: dict[tuple[int, str], list[int]] = defaultdict(list)
    for pk, values in before.items():
        if values.get("taken_by_id"):
            taken[values["taken_by_id"], values["taken_at"]].append(pk)
    for (user_id, taken_at), pks in taken.items():
        Alert.objects.filter(pk__in=pks, taken_by=None).update(
            taken_by=user_id, taken_at=datetime.fromisoformat(taken_at)
        )
    made.update(undone_at=told["at"])
    AlertChange.objects.bulk_create(
        [
            AlertChange(
                alert_id=pk,
                account_id=account_id,
                kind=AlertChange.Kind.UNDONE,
                before={"owner_id": row.to_id},
                after=before.get(pk, {"owner_id": moved[pk]}),
                **told,
            )
            for pk, account_id in accounts.items()
        ]
    )
    touched |= set(accounts.values())
    return len(accounts)
