"""The narrow row of open work per account, for lists: rebuilt, never edited."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Account
from csm.lib.copy import bulk_insert
from playbooks.models import (
    AccountWork,
    Alert,
    Clock,
    ClockRule,
    Intervention,
    InterventionTask,
    Trigger,
)
from playbooks.urgency import alert_points, clock_points, total
from scoring.models import AccountHealth

# Accounts rebuilt in one transaction: bounds memory, and how long others wait.
CHUNK: Final = 2_000


# A range of ids or a list of them, as look-ups: {"in": [...]} or {"gt": first, "lte": last}.
Piece = dict[str, Any]


def refresh(account_ids: Collection[int] | None, *, at: datetime) -> int:
    """Rebuild `AccountWork` of these accounts, or of all; returns how many of them have open work.

    Eight statements per `CHUNK` accounts. Call it at the end of the transaction that changed alerts, plans,
    tasks or clocks: of two at once the second waits and then sees what the first did.
    """
    return sum(_rebuild(piece, at) for piece in _pieces(account_ids))


def _pieces(account_ids: Collection[int] | None) -> Iterator[Piece]:
    if account_ids is not None:
        ids = sorted(set(account_ids))
        for start in range(0, len(ids), CHUNK):
            yield {"in": ids[start : start + CHUNK]}
        return
    first = 0
    while True:
        ahead = Account.objects.filter(pk__gt=first).order_by("pk").values_list("pk", flat=True)
        last = next(iter(ahead[CHUNK - 1 : CHUNK]), None)
        if last is None:
            yield {"gt": first}
            return
        yield {"gt": first, "lte": last}
        first = last


def _of(piece: Piece, column: str = "account_id") -> Q:
    return Q(**{f"{column}__{lookup}": value for lookup, value in piece.items()})


@dataclass
class _Work:
    """The columns of `AccountWork`, in the order they are written."""

    account_id: int
    alerts_open: int = 0
    alerts_untaken: int = 0
    severity: int | None = None
    top_alert_id: int | None = None
    top_alert_name: str = ""
    plans_open: int = 0
    plan_id: int | None = None
    plan_title: str = ""
    next_task_id: int | None = None
    next_task_title: str = ""
    next_due_on: date | None = None
    tasks_overdue: int = 0
    clock_id: int | None = None
    clock_label: str = ""
    clock_due_at: datetime | None = None
    clock_broken: bool = False
    alert_points: float = 0.0
    clock_points: float = 0.0
    priority: float = 0.0

    def stored(self) -> list[Any]:
        """The values as the database takes them."""
        ops = connection.ops
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["next_due_on"] = ops.adapt_datefield_value(self.next_due_on)
        values["clock_due_at"] = ops.adapt_datetimefield_value(self.clock_due_at)
        return list(values.values())


_COLUMNS: Final = tuple(field.name.removesuffix("_id") for field in fields(_Work))
_Found = dict[int, _Work]


@transaction.atomic
def _rebuild(piece: Piece, at: datetime) -> int:
    if connection.features.has_select_for_update:
        accounts = Account.objects.filter(_of(piece, "pk")).order_by("pk")
        list(accounts.select_for_update(no_key=True).values_list("pk", flat=True))
    found: _Found = {}
    _alerts(piece, found, at)
    _plans(piece, found, timezone.localdate(at))
    _clocks(piece, found, at)
    health = AccountHealth.objects.filter(_of(piece))
    points = dict(health.values_list("account_id", "priority")) if found else {}
    for account_id, work in found.items():
        work.priority = total(points.get(account_id), work.alert_points, work.clock_points)
    AccountWork.objects.filter(_of(piece)).delete()
    if found:
        bulk_insert(AccountWork, _COLUMNS, [found[pk].stored() for pk in sorted(found)])
    return len(found)


def _row(found: _Found, account_id: int) -> _Work:
    return found.setdefault(account_id, _Work(account_id))


def _alerts(piece: Piece, found: _Found, at: datetime) -> None:
    """Held alerts are left out: nobody is told of them until an admin has looked."""
    today = timezone.localdate(at)
    # The loudest comes first; among equals the one nobody has taken, then the newest.
    rows = (
        Alert.objects.filter(_of(piece), state=Alert.State.OPEN)
        .order_by("account_id", "-severity", F("taken_at").asc(nulls_first=True), "-id")
        .values_list(
            "account_id",
            "id",
            "severity",
            "trigger__name",
            "trigger__family",
            "taken_at",
            "snoozed_until",
        )
    )
    loudest: set[int] = set()
    risky: set[int] = set()
    for account_id, pk, severity, name, family, taken_at, snoozed_until in rows:
        work = _row(found, account_id)
        asleep = snoozed_until is not None and snoozed_until > today
        untaken = taken_at is None and not asleep
        work.alerts_open += 1
        work.alerts_untaken += untaken
        if not work.top_alert_id or (not asleep and account_id not in loudest):
            work.severity, work.top_alert_id, work.top_alert_name = severity, pk, name
        if asleep:
            continue
        loudest.add(account_id)
        if family != Trigger.Family.OPPORTUNITY and account_id not in risky:
            risky.add(account_id)
            work.alert_points = alert_points(severity, untaken=untaken)


def _plans(piece: Piece, found: _Found, today: date) -> None:
    """Open plans and what is to be done next; the plan named is that of the next task."""
    plans = Intervention.objects.filter(_of(piece), state__in=Intervention.OPEN_STATES)
    titles: dict[int, str] = {}
    for account_id, pk, title in plans.order_by("account_id", "target_on", "id").values_list(
        "account_id", "id", "title"
    ):
        work = _row(found, account_id)
        titles[pk] = title
        work.plans_open += 1
        if work.plan_id is None:
            work.plan_id, work.plan_title = pk, title
    tasks = (
        InterventionTask.objects.filter(
            _of(piece),
            state__in=InterventionTask.UNDONE_STATES,
            intervention__state__in=Intervention.OPEN_STATES,
        )
        .order_by("account_id", F("due_on").asc(nulls_last=True), "position", "id")
        .values_list("account_id", "id", "intervention_id", "title", "due_on", "state")
    )
    ready: set[int] = set()
    for account_id, pk, plan_id, title, due_on, state in tasks:
        work = _row(found, account_id)
        work.tasks_overdue += due_on is not None and due_on < today
        # One that waits for another is next only where nothing can be done at once.
        first = state != InterventionTask.State.WAITING and account_id not in ready
        if work.next_task_id is None or first:
            work.next_task_id, work.next_task_title, work.next_due_on = pk, title, due_on
            work.plan_id, work.plan_title = plan_id, titles.get(plan_id, work.plan_title)
        if first:
            ready.add(account_id)


def _clocks(piece: Piece, found: _Found, at: datetime) -> None:
    """The clock that presses most: broken ones first, then the one due next."""
    rows = (
        Clock.objects.filter(_of(piece), state__in=Clock.OPEN_STATES)
        .order_by("account_id", "state", "due_at", "id")
        .values_list("account_id", "id", "rule__key", "state", "due_at")
    )
    labels = dict(ClockRule.Key.choices)
    for account_id, pk, key, state, due_at in rows:
        work = _row(found, account_id)
        if work.clock_id is not None:
            continue
        work.clock_id, work.clock_label, work.clock_due_at = pk, labels.get(key, key), due_at
        work.clock_broken = state == Clock.State.BROKEN or due_at <= at
        work.clock_points = clock_points(due_at, broken=work.clock_broken, at=at)
