"""What every write to alerts does: lock them, ask whether it may be done, put down what happened."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Max
from django.utils import timezone

from csm.lib import display
from csm.lib.errors import WorkbenchError
from playbooks.models import Alert, AlertChange, Intervention
from playbooks.services import attention

Kind = AlertChange.Kind
State = Alert.State


class AlertError(WorkbenchError):
    """Something that cannot be done to an alert; the text says why, or who was first."""


@dataclass(frozen=True)
class Refusal:
    """An alert that was left as it is, and why."""

    alert_id: int
    account: str
    why: str


@dataclass(frozen=True)
class Result:
    """What became of one act on some alerts; `batch` undoes it.

    `plans` it started; `joined` are those that ran already and now answer the alerts too.
    """

    batch: UUID
    done: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()
    plans: tuple[Intervention, ...] = ()
    joined: tuple[Intervention, ...] = ()


def _never(alert: Alert) -> str:
    return ""


@dataclass(frozen=True)
class Deed:
    """One act: the values it gives an alert, and the sentence why it cannot be done ("" when it can)."""

    kind: Kind
    values: Callable[[Alert], dict[str, Any]]
    refuse: Callable[[Alert], str] = _never
    reason: str = ""
    # Undoing takes back that somebody acted.
    counts_as_acting: bool = True


@dataclass
class _Written:
    ids: dict[tuple[tuple[str, Any], ...], list[int]] = field(default_factory=dict)
    rows: list[AlertChange] = field(default_factory=list)


def locked(ids: Collection[int]) -> list[Alert]:
    """These alerts with all that sentences need, locked until the transaction ends."""
    names = ("account", "trigger", "taken_by", "ended_by", "intervention")
    rows = Alert.objects.select_for_update(of=("self",)).select_related(*names)
    return list(rows.filter(pk__in=ids).order_by("pk"))


def apply(
    alerts: Iterable[Alert],
    deed: Deed,
    *,
    by: Any,
    at: datetime,
    batch: UUID | None,
    seen: Mapping[int, int] | None = None,
) -> tuple[list[Alert], list[Refusal]]:
    """Do the deed to locked alerts where it can be done; those done, and the others with the reason.

    With `seen` (version by id) an alert that somebody else has changed since is refused. Constant
    statements however many alerts.
    """
    alerts = list(alerts)
    hindered = hindrances(alerts, deed.refuse, by=by, seen=seen)
    refused = [Refusal(a.pk, a.account.name, hindered[a.pk]) for a in alerts if a.pk in hindered]
    done = [alert for alert in alerts if alert.pk not in hindered]
    written = _Written()
    for alert in done:
        _note(alert, deed, by, at, batch, written)
    for values, ids in written.ids.items():
        Alert.objects.filter(pk__in=ids).update(version=F("version") + 1, **dict(values))
    AlertChange.objects.bulk_create(written.rows)
    if done:
        attention.refresh({alert.account_id for alert in done}, at=at)
    return done, refused


def hindrances(
    alerts: Collection[Alert],
    refuse: Callable[[Alert], str],
    *,
    by: Any,
    seen: Mapping[int, int] | None = None,
) -> dict[int, str]:
    """Why something cannot be done to some locked alerts, by id; those it can be done to are absent."""
    found = _outrun(alerts, by, seen or {})
    for alert in alerts:
        why = found.get(alert.pk) or refuse(alert)
        if why:
            found[alert.pk] = why
    return found


def _note(
    alert: Alert, deed: Deed, by: Any, at: datetime, batch: UUID | None, written: _Written
) -> None:
    values = deed.values(alert)
    if deed.counts_as_acting and alert.acted_at is None:
        values["acted_at"] = at
    before = {name: getattr(alert, name) for name in values}
    changed = {name: value for name, value in values.items() if before[name] != value}
    written.ids.setdefault(tuple(sorted(changed.items())), []).append(alert.pk)
    written.rows.append(
        AlertChange(
            alert=alert,
            account_id=alert.account_id,
            kind=deed.kind,
            on=timezone.localdate(at),
            at=at,
            by=by,
            before=_plain({name: before[name] for name in changed}),
            after=_plain(changed),
            reason=deed.reason,
            batch=batch,
        )
    )
    for name, value in changed.items():
        setattr(alert, name, value)
    alert.version += 1


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in values.items()
    }


def restored(before: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `AlertChange.before` as the alert holds them."""
    fields: Any = Alert._meta
    return {name: fields.get_field(name).to_python(value) for name, value in before.items()}


def last_changes(ids: Collection[int]) -> dict[int, AlertChange]:
    """The newest change of each alert, by alert id. Two queries."""
    newest = (
        AlertChange.objects.filter(alert__in=ids)
        .order_by()
        .values("alert")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    rows = AlertChange.objects.select_related("by").filter(pk__in=list(newest))
    return {row.alert_id: row for row in rows}


def _outrun(alerts: Collection[Alert], by: Any, seen: Mapping[int, int]) -> dict[int, str]:
    """A sentence for each alert that somebody else changed after it was seen."""
    moved = [alert for alert in alerts if seen.get(alert.pk, alert.version) != alert.version]
    if not moved:
        return {}
    last = last_changes([alert.pk for alert in moved])
    return {
        alert.pk: happened(alert, last.get(alert.pk))
        for alert in moved
        # One's own earlier click is no surprise; the rules below still hold.
        if alert.pk not in last or last[alert.pk].by_id != by.pk
    }


def happened(alert: Alert, change: AlertChange | None) -> str:
    """What somebody did to an alert last, for the one who came second."""
    if change is None:
        return "It has changed since you opened it: look at it again."
    when = moment(change.at)
    if change.by is None:
        return f"{Kind(change.kind).label} on {when}: look at it again."
    did = _DID[Kind(change.kind)]
    if change.kind == Kind.SNOOZED and alert.snoozed_until is not None:
        did = f"snoozed it until {display.day(alert.snoozed_until)}"
    return f"{change.by} {did} on {when}: look at it again before you change it."


_DID = {
    Kind.OPENED: "opened it",
    Kind.HELD: "held it",
    Kind.RELEASED: "released it",
    Kind.WITHDRAWN: "withdrew it",
    Kind.CLEARED: "cleared it",
    Kind.TAKEN: "took it",
    Kind.ASSIGNED: "gave it to somebody",
    Kind.SNOOZED: "snoozed it",
    Kind.WOKEN: "ended its snooze",
    Kind.DISMISSED: "marked it as not a risk",
    Kind.STARTED: "started a playbook for it",
    Kind.UNDONE: "undid a change of it",
}


def ended(alert: Alert) -> str:
    """Why nothing can be done to an alert that is over; "" while it is open."""
    if alert.is_open or alert.ended_at is None:
        return ""
    when = moment(alert.ended_at)
    if alert.state == State.DISMISSED:
        who = str(alert.ended_by) if alert.ended_by else "Somebody"
        return f"{who} marked it as not a risk on {when}."
    if alert.state == State.CLEARED:
        return f"It cleared by itself on {when}."
    return f"It was withdrawn on {when}."


def moment(at: datetime) -> str:
    """A time as sentences say it: 22 Nov 2026, 10:14."""
    local = timezone.localtime(at)
    return f"{display.day(local)}, {local:%H:%M}"
