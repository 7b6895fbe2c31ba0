"""What each act changes of an alert, and when it cannot be done."""

from collections.abc import Callable, Collection
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from accounts.access import may_assign, may_write, visible_to
from playbooks.access import covered_by
from playbooks.models import Alert
from playbooks.services.alert_changes import AlertError, Deed, Kind, State, ended, moment

LONGEST_SNOOZE: Final = timedelta(days=180)
REASON: Final = 255

Refuse = Callable[[Alert], str]


def take(by: Any, at: datetime) -> Deed:
    """Own it."""

    def refuse(alert: Alert) -> str:
        if alert.taken_by_id == by.pk and alert.owner_id == by.pk:
            return ended(alert) or "You have taken it already."
        return ended(alert) or ("" if alert.taken_by_id == by.pk else _taken(alert))

    return Deed(
        Kind.TAKEN,
        lambda alert: {"taken_by_id": by.pk, "taken_at": at, "owner_id": by.pk},
        refuse,
    )


def assign(to: Any, account_ids: Collection[int], reason: str) -> Deed:
    """Give it to a colleague; whoever had taken it has it no longer. Raises AlertError for nobody who works."""
    if to is None or not (to.is_active and may_write(to)):
        raise AlertError("Choose a colleague who works on accounts.")
    seen = set(visible_to(to).filter(pk__in=account_ids).values_list("pk", flat=True))

    def values(alert: Alert) -> dict[str, Any]:
        # Whoever had taken it has it no longer; the new owner takes it.
        found: dict[str, Any] = {"owner_id": to.pk}
        if alert.taken_by_id not in (None, to.pk):
            found |= {"taken_by_id": None, "taken_at": None}
        return found

    def refuse(alert: Alert) -> str:
        if alert.account_id not in seen:
            return f"{to} does not see this account: it belongs to another team."
        if alert.owner_id == to.pk and alert.taken_by_id in (None, to.pk):
            return ended(alert) or f"{to} has it already."
        return ended(alert)

    # To hand on is not to act: nothing has been done for the customer yet.
    return Deed(Kind.ASSIGNED, values, refuse, _short(reason), counts_as_acting=False)


def snooze(until: date, reason: str, by: Any, at: datetime) -> Deed:
    """Let it sleep until a day. Raises AlertError when the day or the reason will not do."""
    on = timezone.localdate(at)
    if until <= on:
        raise AlertError("Snooze it until a day after today.")
    if until > on + LONGEST_SNOOZE:
        raise AlertError(f"An alert sleeps for {LONGEST_SNOOZE.days} days at most.")
    why = _required(reason, "Say why it can wait.")
    return Deed(
        Kind.SNOOZED,
        lambda alert: {"snoozed_until": until, "snooze_reason": why},
        theirs(by, on),
        why,
    )


def wake(by: Any, at: datetime) -> Deed:
    """End its snooze."""
    on = timezone.localdate(at)
    allowed = theirs(by, on)

    def refuse(alert: Alert) -> str:
        if alert.is_open and (alert.snoozed_until is None or alert.snoozed_until <= on):
            return "It is not snoozed."
        return allowed(alert)

    return Deed(Kind.WOKEN, lambda alert: {"snoozed_until": None, "snooze_reason": ""}, refuse)


def dismiss(reason: str, by: Any, at: datetime) -> Deed:
    """It is no risk: over. Raises AlertError without a reason."""
    why = _required(reason, "Say why it is no risk: that teaches the trigger.")
    on = timezone.localdate(at)
    return Deed(
        Kind.DISMISSED,
        lambda alert: {
            "state": State.DISMISSED.value,
            "ended_on": on,
            "ended_at": at,
            "ended_by_id": by.pk,
            "end_reason": why,
            "snoozed_until": None,
            "snooze_reason": "",
        },
        theirs(by, on),
        why,
    )


def unanswered(by: Any, at: datetime) -> Refuse:
    """Refuses an alert that is over, another's, or answered by a plan that runs."""
    allowed = theirs(by, timezone.localdate(at))

    def refuse(alert: Alert) -> str:
        plan = alert.intervention
        if plan is not None and plan.is_open:
            return ended(alert) or f"The plan “{plan.title}” answers it already."
        return allowed(alert)

    return refuse


def taking(alert: Alert, by: Any, at: datetime) -> dict[str, Any]:
    """What makes an alert nobody has taken that of `by`."""
    if alert.taken_by_id is not None:
        return {}
    return {"taken_by_id": by.pk, "taken_at": at, "owner_id": alert.owner_id or by.pk}


def theirs(by: Any, on: date) -> Refuse:
    """Refuses what is over, and what a colleague has taken: only managers and covers act for them."""
    own = {by.pk, *covered_by(by, on=on)}
    leads = may_assign(by)

    def refuse(alert: Alert) -> str:
        taken = alert.taken_by_id is not None and alert.taken_by_id not in own and not leads
        return ended(alert) or (_taken(alert) if taken else "")

    return refuse


def _taken(alert: Alert) -> str:
    if alert.taken_by is None or alert.taken_at is None:
        return ""
    return f"{alert.taken_by} took it on {moment(alert.taken_at)}."


def _required(text: str, fault: str) -> str:
    if not text.strip():
        raise AlertError(fault)
    return _short(text)


def _short(text: str) -> str:
    text = text.strip()
    if len(text) > REASON:
        raise AlertError(f"Keep the reason to {REASON} letters.")
    return text
