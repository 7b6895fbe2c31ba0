"""Rows of the trigger pages that several of them show."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final

from django.urls import reverse
from django.utils.html import format_html

from csm.lib import display, markup
from playbooks.models import Alert, Replay, TriggerChange
from playbooks.models.trigger import Severity, Trigger
from playbooks.rules import Labels, Rule, RuleError, sentence
from playbooks.selectors.triggers import scope_text
from playbooks.services.replays import DAILY_DAYS, SPANS

_STATE_TONES: Final = {"open": "poor", "held": "unknown", "cleared": "good"}
_REPLAY_TONES: Final = {"done": "good", "failed": "poor"}
_FIELDS: Final = {
    "name": "Name",
    "description": "What it means",
    "family": "Family",
    "severity": "Severity",
    "rule": "Fires when",
    "exit_rule": "Over when",
    "exit_days": "Nights in a row",
    "scope": "For",
    "cooldown_days": "Cool-down, days",
    "playbook_id": "Playbook",
    "is_active": "Switched",
}


def tabs(user: Any, here: str) -> list[dict[str, Any]]:
    """The tabs of the trigger pages; nobody else needs any."""
    if not manages(user):
        return []
    return [
        {"label": label, "url": reverse(name), "active": name == here}
        for name, label in (("triggers", "Triggers"), ("trigger_load", "Load"))
    ]


def manages(user: Any) -> bool:
    """Whether `user` may see who has how much to do."""
    return bool(user.is_admin or user.role == "manager")


def alert_row(alert: Alert, on: date) -> list[tuple[str, Any]]:
    """An alert: account, day, state, owner, days it has been or was open."""
    url = reverse("account", kwargs={"pk": alert.account_id})
    until = alert.ended_on or on
    return [
        ("wrap", markup.link(url, alert.account.name)),
        ("num", markup.day(alert.opened_on)),
        (
            "",
            markup.band(
                alert.get_state_display(), _STATE_TONES.get(alert.state, "unknown"), plain=True
            ),
        ),
        ("", markup.owner(str(alert.owner) if alert.owner else "")),
        ("r", f"{max(0, (until - alert.opened_on).days)} d"),
    ]


def replay_row(replay: Replay) -> list[tuple[str, Any]]:
    """A replay: span, state, what it found, who asked."""
    found = replay.result if replay.state == Replay.State.DONE else {}
    return [
        (
            "",
            markup.link(
                reverse("replay", args=[replay.pk]),
                f"{replay.days} days to {replay.as_of:%-d %b %Y}",
            ),
        ),
        (
            "",
            markup.band(
                replay.get_state_display(), _REPLAY_TONES.get(replay.state, "unknown"), plain=True
            ),
        ),
        ("r", display.number(found["fired"]) if found else ""),
        ("r", display.number(found["accounts"]) if found else ""),
        ("", str(replay.asked_by or "")),
    ]


def change_rows(changes: Iterable[TriggerChange], labels: Labels) -> list[dict[str, Any]]:
    """Changes in words, the newest first: {change, lines: [(field, before, after)]}."""
    return [
        {
            "change": change,
            "lines": [
                (_FIELDS.get(name, name), _said(name, before, labels), _said(name, after, labels))
                for name, (before, after) in change.changed.items()
            ]
            # Of a new trigger everything is new: its page says it.
            if any(before is not None for before, _ in change.changed.values())
            else [],
        }
        for change in changes
    ]


def _said(name: str, value: Any, labels: Labels) -> str:
    if name in ("rule", "exit_rule"):
        if not value:
            return "the rule no longer holds"
        try:
            return sentence(Rule.parse(value), labels)
        except RuleError:
            return "a rule that cannot be read"
    if name == "scope":
        return scope_text(value or {})
    if name == "severity":
        return str(Severity(value).label) if value in Severity.values else str(value)
    if name == "family":
        return str(dict(Trigger.Family.choices).get(value, value))
    if name == "is_active":
        return "on" if value else "off"
    if name == "playbook_id":
        return "none" if value is None else f"number {value}"
    return "nothing" if value in (None, "") else str(value)


def evidence_text(rows: Iterable[dict[str, Any]]) -> str:
    """The evidence that held, e.g. "Score 28; Logins 0", or all of it where nothing is said to hold."""
    told = list(rows)
    held = [row for row in told if row.get("holds")] or told
    return "; ".join(f"{row['label']}: {row['text']}" for row in held)


def spans() -> list[tuple[int, str]]:
    """Lengths of a replay as a select offers them."""
    return [
        (days, f"{days} days" + ("" if days <= DAILY_DAYS else ", one night a week"))
        for days in SPANS
    ]


def account_link(pk: int, name: str) -> Any:
    return format_html(
        '<a class="row-link" href="{}">{}</a>', reverse("account", kwargs={"pk": pk}), name
    )
