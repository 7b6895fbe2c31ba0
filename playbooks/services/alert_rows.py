"""Alerts as rows, many at a time: the bulk writes of an evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson
import pandas as pd
from django.db import connection
from django.db.models import Exists, OuterRef, Q

from csm.lib.copy import among, bulk_insert
from playbooks.models import Absence, Alert, AlertChange, Trigger
from playbooks.rules import Labels, Rule, evidences

# Values in the order of `_FIELDS`, without what is the same for all.
Row = tuple[Any, ...]

_FIELDS: Final = (
    "account",
    "trigger",
    "trigger_revision",
    "state",
    "severity",
    "evidence",
    "score",
    "band_name",
    "tone",
    "arr_amount",
    "owner",
    "opened_on",
    "opened_at",
    "last_held_on",
    "snooze_reason",
    "end_reason",
    "overflow",
    "version",
)
_CHANGE_FIELDS: Final = ("alert", "account", "kind", "on", "at", "before", "after", "reason")


@dataclass(frozen=True)
class Open:
    """An open alert, as much as deciding on it takes.

    `place` is the row of its account in the frame, −1 where it is no customer any more.
    """

    id: int
    account_id: int
    state: str
    exit_since: date | None
    snoozed_until: date | None
    place: int

    @property
    def is_held(self) -> bool:
        return self.state == Alert.State.HELD


def covers(on: date) -> dict[int, int]:
    """Who stands in for whom on a day: absent colleague → cover."""
    away = Absence.objects.filter(first_on__lte=on, last_on__gte=on, cover__isnull=False)
    return dict(away.order_by("id").values_list("user_id", "cover_id"))


def rows(
    trigger: Trigger,
    rule: Rule,
    hits: pd.DataFrame,
    state: str,
    labels: Labels,
    covering: dict[int, int],
) -> list[Row]:
    """New alerts of a trigger, one per row of a frame of `readings`."""
    told = evidences(rule, hits, labels)
    size = len(hits)
    owners = [_whole(owner) for owner in hits["owner_id"].tolist()]
    return list(
        zip(
            hits.index.tolist(),
            [trigger.pk] * size,
            [trigger.revision] * size,
            [str(state)] * size,
            [int(trigger.severity)] * size,
            (orjson.dumps(evidence).decode() for evidence in told),
            (None if score != score else score for score in hits["score"].tolist()),
            hits["band_name"].tolist(),
            hits["tone"].tolist(),
            (_whole(amount) for amount in hits["arr_amount"].tolist()),
            (None if owner is None else covering.get(owner, owner) for owner in owners),
            strict=True,
        )
    )


def _whole(value: float) -> int | None:
    return None if value != value else int(value)


def insert(new: Sequence[Row], as_of: date, at: datetime, inside: Q) -> None:
    """Write new alerts and, of each, the change that tells of it. The caller holds the transaction."""
    if not new:
        return
    same = (as_of, _stamp(at), as_of, "", "", False, 1)
    bulk_insert(Alert, _FIELDS, ((*row, *same) for row in new))
    told = AlertChange.objects.filter(alert=OuterRef("pk"))
    fresh = Alert.objects.filter(
        inside, ~Exists(told), state__in=Alert.OPEN_STATES, opened_on=as_of, opened_at=at
    )
    ids, accounts, states = zip(
        *fresh.order_by("id").values_list("id", "account_id", "state"), strict=True
    )
    kinds = (
        AlertChange.Kind.HELD if state == Alert.State.HELD else AlertChange.Kind.OPENED
        for state in states
    )
    stamp = _stamp(at)
    bulk_insert(
        AlertChange,
        _CHANGE_FIELDS,
        (
            (pk, account, kind.value, as_of, stamp, "{}", "{}", "")
            for pk, account, kind in zip(ids, accounts, kinds, strict=True)
        ),
    )


def _stamp(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)


class Changes:
    """What an evaluation does to alerts that are there, gathered and written with few statements."""

    def __init__(self, as_of: date, at: datetime) -> None:
        self.as_of, self.at = as_of, at
        self._held: list[int] = []
        self._begun: list[int] = []
        self._broken: list[int] = []
        self._woken: list[int] = []
        self._released: list[int] = []
        self._ended: dict[tuple[str, str], list[int]] = {}
        self._log: list[tuple[Any, ...]] = []

    def refresh(self, alert: Open) -> None:
        """Its rule held today."""
        self._held.append(alert.id)

    def exit_begun(self, alert: Open) -> None:
        if alert.exit_since is None:
            self._begun.append(alert.id)

    def exit_broken(self, alert: Open) -> None:
        if alert.exit_since is not None:
            self._broken.append(alert.id)

    def wake(self, alert: Open) -> None:
        """Its snooze is over."""
        self._woken.append(alert.id)
        until = alert.snoozed_until
        before = {"snoozed_until": until.isoformat() if until else None}
        self._note(alert, AlertChange.Kind.WOKEN, before, {"snoozed_until": None})

    def release(self, alert: Open) -> None:
        """Its source is believed again and the rule holds."""
        self._released.append(alert.id)
        before, after = {"state": alert.state}, {"state": Alert.State.OPEN.value}
        self._note(alert, AlertChange.Kind.RELEASED, before, after)

    def clear(self, alert: Open, reason: str) -> None:
        self._end(alert, Alert.State.CLEARED, AlertChange.Kind.CLEARED, reason)

    def withdraw(self, alert: Open, reason: str) -> None:
        self._end(alert, Alert.State.WITHDRAWN, AlertChange.Kind.WITHDRAWN, reason)

    def _end(self, alert: Open, state: Alert.State, kind: AlertChange.Kind, reason: str) -> None:
        self._ended.setdefault((state.value, reason), []).append(alert.id)
        self._note(alert, kind, {"state": alert.state}, {"state": state.value}, reason)

    def _note(
        self,
        alert: Open,
        kind: AlertChange.Kind,
        before: dict[str, Any],
        after: dict[str, Any],
        reason: str = "",
    ) -> None:
        told = orjson.dumps(before).decode(), orjson.dumps(after).decode()
        self._log.append(
            (alert.id, alert.account_id, kind.value, self.as_of, _stamp(self.at), *told, reason)
        )

    def write(self) -> None:
        """Write it all. The caller holds the transaction and the rows."""
        _update(self._held, "last_held_on = %s", [self.as_of])
        _update(self._begun, "exit_since = %s", [self.as_of])
        _update(self._broken, "exit_since = NULL", [])
        _update(self._woken, "snoozed_until = NULL, version = version + 1", [])
        _update(self._released, "state = %s, version = version + 1", [Alert.State.OPEN.value])
        for (state, reason), ids in self._ended.items():
            sets = "state = %s, ended_on = %s, ended_at = %s, end_reason = %s"
            values = [state, self.as_of, _stamp(self.at), reason]
            _update(ids, f"{sets}, version = version + 1", values)
        if self._log:
            bulk_insert(AlertChange, _CHANGE_FIELDS, self._log)


def _update(ids: list[int], sets: str, values: list[Any]) -> None:
    if ids:
        where, params = among("id", ids)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {Alert._meta.db_table} SET {sets} WHERE {where}", [*values, *params]
            )


def spread_overflow(as_of: date, cap: int, *, keep: bool = False) -> int:
    """Beyond the cap an owner's alerts of a day are overflow, the loudest first; returns how many are.

    Those released on the day count as well. Louder: of higher severity, then of more contract value. `keep`
    leaves those told of in their place.
    """
    # A source that comes back may release weeks of alerts at once.
    released = AlertChange.objects.filter(
        kind=AlertChange.Kind.RELEASED, on=as_of, alert__state__in=Alert.OPEN_STATES
    )
    opened = (
        Alert.objects.filter(
            Q(opened_on=as_of) | Q(pk__in=list(released.values_list("alert", flat=True))),
            owner__isnull=False,
        )
        .exclude(state__in=(Alert.State.HELD, Alert.State.WITHDRAWN))
        .order_by()
        .values_list("id", "owner_id", "severity", "arr_amount", "overflow")
    )
    ranked = sorted(opened, key=lambda row: (keep and row[4], -row[2], -(row[3] or 0), row[0]))
    seen: dict[int, int] = {}
    over: list[int] = []
    under: list[int] = []
    total = 0
    for pk, owner_id, _, _, overflow in ranked:
        seen[owner_id] = seen.get(owner_id, 0) + 1
        beyond = seen[owner_id] > cap
        total += beyond
        if beyond != overflow:
            (over if beyond else under).append(pk)
    _update(over, "overflow = %s", [True])
    _update(under, "overflow = %s", [False])
    return total
