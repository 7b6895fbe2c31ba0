"""The hand-over pack: what somebody who takes over an account must know, on one page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import F, QuerySet

from accounts.access import visible_to
from accounts.models import Account, Activity, Contact, OwnerPeriod
from playbooks.models import (
    Alert,
    AlertChange,
    Clock,
    Handover,
    Intervention,
    InterventionChange,
    InterventionTask,
    Note,
)
from scoring.models import AccountHealth, BandChange, ScoreRun
from scoring.services import explanations

HISTORY: Final = 10
OWNERS: Final = 5
CONTACTS: Final = 8
DRIVERS: Final = 5


@dataclass(frozen=True)
class Event:
    """One thing that happened, `who` did it (empty: nobody of us)."""

    on: date
    what: str
    who: str = ""


@dataclass(frozen=True)
class Pack:
    """Everything of one account; lists are in the order they are read."""

    account: Account
    health: AccountHealth | None
    # (label, points lost), the most first, on the scale of 0–100.
    drivers: Sequence[tuple[str, float]]
    alerts: Sequence[Alert]
    plans: Sequence[Intervention]
    tasks: Sequence[InterventionTask]
    clocks: Sequence[Clock]
    promises: Sequence[Note]
    contacts: Sequence[Contact]
    events: Sequence[Event]
    owners: Sequence[OwnerPeriod]


def pack(account: Account, *, on: date) -> Pack:
    """The pack of an account (with its owner, team and health), in a constant number of queries."""
    return Pack(
        account=account,
        health=getattr(account, "health", None),
        drivers=_drivers(account),
        alerts=list(
            Alert.objects.filter(account=account, state__in=Alert.OPEN_STATES)
            .select_related("trigger", "taken_by")
            .order_by("-severity", "-opened_on", "-pk")
        ),
        plans=list(
            Intervention.objects.filter(
                account=account, state__in=Intervention.OPEN_STATES
            ).select_related("owner")
        ),
        tasks=list(
            InterventionTask.objects.filter(
                account=account,
                state__in=InterventionTask.UNDONE_STATES,
                intervention__state__in=Intervention.OPEN_STATES,
            )
            .select_related("assignee", "intervention")
            .order_by("due_on", "position", "pk")
        ),
        clocks=list(
            Clock.objects.filter(account=account, state__in=Clock.OPEN_STATES).select_related(
                "rule"
            )
        ),
        promises=list(
            Note.objects.filter(account=account, kind=Note.Kind.PROMISE, kept_on=None)
            .select_related("by")
            .order_by("due_on", "pk")
        ),
        contacts=_contacts(account),
        events=_events(account, on),
        owners=list(
            OwnerPeriod.objects.filter(account=account)
            .select_related("owner")
            .order_by("-valid_from")[:OWNERS]
        ),
    )


def _drivers(account: Account) -> list[tuple[str, float]]:
    explained = explanations.explanation(account.pk)
    if explained is None:
        return []
    lines = [
        line for line in explained.explanation.lines if not line.missing and line.points_lost > 0
    ]
    lines.sort(key=lambda line: -line.points_lost)
    return [(line.label, line.points_lost) for line in lines[:DRIVERS]]


def _contacts(account: Account) -> list[Contact]:
    """Those who matter first, then who was active last."""
    here = Contact.objects.filter(account=account, left_on=None)
    return list(
        here.order_by(
            "-is_executive_sponsor",
            "-is_champion",
            "-is_stakeholder",
            "-last_active_on",
            "name",
            "pk",
        )[:CONTACTS]
    )


def _events(account: Account, on: date) -> list[Event]:
    """The newest of everything, at most `HISTORY`; one query each."""
    of = {"account": account}
    found: list[Event] = []
    for alert in AlertChange.objects.filter(**of).select_related("alert__trigger", "by")[:HISTORY]:
        text = f"Alert “{alert.alert.trigger.name}”: {alert.get_kind_display().lower()}"
        found.append(Event(alert.on, text, str(alert.by or "")))
    changes = InterventionChange.objects.filter(**of).select_related("intervention", "task", "by")
    for change in changes[:HISTORY]:
        about = change.task.title if change.task else change.intervention.title
        found.append(
            Event(
                change.on, f"“{about}”: {change.get_kind_display().lower()}", str(change.by or "")
            )
        )
    for note in Note.objects.filter(**of).select_related("by")[:HISTORY]:
        text = " ".join(note.body.split())
        text = text if len(text) <= 140 else f"{text[:139]}…"
        found.append(Event(note.on, f"{note.get_kind_display()}: {text}", str(note.by or "")))
    touches = Activity.objects.filter(on__lte=on, **of).order_by("-on", "-pk")[:HISTORY]
    for touch in touches:
        kind = touch.get_kind_display()
        named = touch.subject.casefold().startswith(kind.casefold())
        said = touch.subject if named else f"{kind}: {touch.subject}" if touch.subject else kind
        found.append(Event(touch.on, said))
    moves = BandChange.objects.filter(run__state=ScoreRun.State.DONE, **of).order_by("-as_of")[
        :HISTORY
    ]
    found += [
        Event(move.as_of, f"Band {move.old_band_name} → {move.new_band_name}") for move in moves
    ]
    return _newest(found)


def _newest(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.on, reverse=True)[:HISTORY]


def handovers_to(user: Any) -> QuerySet[Handover]:
    """Accounts handed to `user` that they still see, unread first, then the newest."""
    seen = visible_to(user).order_by().values("pk")
    rows = Handover.objects.filter(to=user, account__in=seen)
    return rows.select_related("account", "previous").order_by(
        F("read_at").desc(nulls_first=True), "-pk"
    )
