"""What happened to a plan, in words."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.utils import timezone

from csm.lib import display
from playbooks.models import Intervention, InterventionChange, Risk
from playbooks.services.plan_changes import Kind

_FIELDS: Final = {
    "title": "title",
    "issue": "issue",
    "objectives": "objectives",
    "sponsor": "sponsor",
    "target_on": "target day",
    "exit_rule": "exit test",
    "exit_days": "days of the exit test",
    "guidance": "guidance",
    "due_on": "due day",
    "assignee": "assignee",
    "kpi": "KPI",
}
_ICONS: Final = {
    Kind.STARTED: "player-play",
    Kind.EDITED: "pencil",
    Kind.ASSIGNED: "user",
    Kind.CAUSE: "search",
    Kind.HOLDING: "circle-check",
    Kind.FAILING: "alert-circle",
    Kind.CLOSED: "lock",
    Kind.REOPENED: "refresh",
    Kind.MOVED: "arrow-right",
    Kind.TASK_ADDED: "plus",
    Kind.TASK_EDITED: "pencil",
    Kind.TASK_DONE: "check",
    Kind.TASK_APPROVED: "check",
    Kind.TASK_RETURNED: "arrow-left",
    Kind.TASK_SKIPPED: "minus",
    Kind.TASK_REOPENED: "refresh",
    Kind.RISK: "flag",
    Kind.SHARED: "external-link",
    Kind.UNDONE: "refresh",
}


class Told(NamedTuple):
    """One line of the story."""

    icon: str
    title: str
    detail: str
    on: date
    at: datetime
    who: str


def people_in(changes: Iterable[InterventionChange]) -> set[int]:
    """Ids of the colleagues the changes speak of."""
    found = set()
    for row in changes:
        for values in (row.before, row.after):
            for name in ("owner_id", "assignee", "sponsor"):
                if isinstance(values.get(name), int):
                    found.add(values[name])
    return found


def story(changes: Iterable[InterventionChange], names: Mapping[int, str]) -> list[Told]:
    """The changes as they came, newest first."""
    return [
        Told(
            icon=_ICONS.get(Kind(row.kind), "info-circle"),
            title=_title(row),
            detail=_detail(row, names),
            on=row.on,
            at=timezone.localtime(row.at),
            who=str(row.by) if row.by else "by the night",
        )
        for row in changes
    ]


def _title(row: InterventionChange) -> str:
    label = Kind(row.kind).label
    if row.kind == Kind.CLOSED:
        outcome = row.after.get("outcome", "")
        return f"Closed: {_outcome(outcome)}" if outcome else label
    if row.kind == Kind.SHARED and "revoked_at" in row.after:
        return "Link taken back"
    return f"{label}: {row.task.title}" if row.task else label


def _detail(row: InterventionChange, names: Mapping[int, str]) -> str:
    after, before = row.after, row.before
    match row.kind:
        case Kind.ASSIGNED:
            return f"{_person(before, 'owner_id', names)} → {_person(after, 'owner_id', names)}"
        case Kind.CAUSE:
            cause = Intervention.Cause(after["cause"]).label if after.get("cause") else ""
            return f"{cause}. {after.get('cause_text', '')}".strip(". ")
        case Kind.MOVED:
            return f"version {before.get('version')} → {after.get('version')}"
        case Kind.RISK:
            state = after.get("state", "")
            word = Risk.State(state).label.lower() if state in Risk.State.values else ""
            return f"{after.get('risk', '')} ({word})" if word else str(after.get("risk", ""))
        case Kind.EDITED | Kind.TASK_EDITED:
            return ", ".join(_edit(name, before, after, names) for name in after)
        case Kind.SHARED if "expires_at" in after:
            until = datetime.fromisoformat(after["expires_at"])
            return f"until {display.day(timezone.localtime(until))}"
        case Kind.FAILING:
            since = before.get("exit_since")
            return f"it had held since {_day(since)}" if since else ""
    return row.reason


def _edit(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], names: Mapping[int, str]
) -> str:
    label = _FIELDS.get(name, name)
    if name in ("assignee", "sponsor"):
        return f"{label} {_person(before, name, names)} → {_person(after, name, names)}"
    if name.endswith("_on"):
        return f"{label} {_day(before.get(name))} → {_day(after.get(name))}"
    if name in ("title", "exit_days"):
        return f"{label} {before.get(name)} → {after.get(name)}"
    if name == "kpi":
        return f"KPI {after[name]} added"
    return label if name in _FIELDS else ""


def _person(values: Mapping[str, Any], name: str, names: Mapping[int, str]) -> str:
    found = values.get(name)
    return names.get(found, "somebody") if isinstance(found, int) else "nobody"


def _day(text: Any) -> str:
    return display.day(date.fromisoformat(text)) if text else "none"


def _outcome(value: str) -> str:
    known = Intervention.Outcome
    return known(value).label.lower() if value in known.values else value
