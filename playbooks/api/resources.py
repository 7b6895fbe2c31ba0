"""Alerts, plans and tasks as lists of the API: what rows hold, what they can be asked for, what can be done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.db.models import Q, QuerySet

from accounts.api.fields import ReadField, Schema
from accounts.api.filters import Filter, choice, day_of, exact, identity
from playbooks import access
from playbooks.api import acts, fields
from playbooks.api.acts import Act
from playbooks.models import Alert, Intervention, InterventionTask, Severity

Rows = QuerySet[Any]

_TEXT: Final[Schema] = {"type": "string", "maxLength": 120, "pattern": r"^[^\u0000]*$"}
_ID: Final[Schema] = {"type": "integer", "minimum": 1}
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_SEVERITIES: Final = {label.lower(): value for value, label in Severity.choices}


@dataclass(frozen=True, eq=False)
class Work:
    """One list: its fields, who sees its rows, and what a POST below a row does."""

    key: str
    noun: str
    fields: tuple[ReadField, ...]
    seen_by: Callable[[Any], Rows]
    acts: dict[str, Act]
    states: list[str]
    days: tuple[str, ...]
    further: dict[str, Filter] = field(default_factory=dict)
    # What a POST to the list itself does.
    start: Act | None = None

    @cached_property
    def filters(self) -> dict[str, Filter]:
        """Parameters of the list by name."""
        found = {
            "account": Filter(_ID, "This workbench's id of the account.", identity("account")),
            "account_id": Filter(
                _TEXT, "The account's id in its source.", exact("account__external_id")
            ),
            "state": Filter(
                {"type": "string", "enum": self.states},
                f"One of {', '.join(self.states)}.",
                choice("state", self.states),
            ),
        }
        for name in self.days:
            words = "YYYY-MM-DD, this day included."
            found[f"{name}_from"] = Filter(_DAY, f"`{name}` from: {words}", day_of(f"{name}__gte"))
            found[f"{name}_to"] = Filter(_DAY, f"`{name}` up to: {words}", day_of(f"{name}__lte"))
        return found | self.further

    def as_json(self, rows: Rows) -> list[dict[str, Any]]:
        """Rows as dictionaries for an answer, `id` first; one query."""
        found = []
        for values in rows.values_list(*(each.path for each in self.fields)):
            row = {}
            for each, value in zip(self.fields, values, strict=True):
                row[each.name] = value if each.convert is None else each.convert(value)
            found.append(row)
        return found


def _severity(text: str) -> Q:
    if text not in _SEVERITIES:
        raise ValueError("It is none of the values there are.")
    return Q(severity__gte=_SEVERITIES[text])


_LOUD = Filter({"type": "string", "enum": list(_SEVERITIES)}, "This severity or louder.", _severity)
ALERTS: Final = Work(
    key="alerts",
    noun="alert",
    fields=fields.ALERT,
    seen_by=access.alerts_seen_by,
    acts=acts.ALERT,
    states=list(Alert.State.values),
    days=("opened_on", "ended_on"),
    further={
        "trigger": Filter(_TEXT, "The trigger's key.", exact("trigger__key")),
        "owner": Filter(_TEXT, "The owner's user name.", exact("owner__username")),
        "severity_from": _LOUD,
    },
)
INTERVENTIONS: Final = Work(
    key="interventions",
    noun="plan",
    fields=fields.INTERVENTION,
    seen_by=access.interventions_seen_by,
    acts=acts.INTERVENTION,
    start=acts.START,
    states=list(Intervention.State.values),
    days=("started_on", "target_on", "closed_on"),
    further={
        "playbook": Filter(_TEXT, "The playbook's key.", exact("playbook_version__playbook__key")),
        "owner": Filter(_TEXT, "The owner's user name.", exact("owner__username")),
    },
)
TASKS: Final = Work(
    key="tasks",
    noun="task",
    fields=fields.TASK,
    seen_by=access.tasks_seen_by,
    acts=acts.TASK,
    states=list(InterventionTask.State.values),
    days=("due_on",),
    further={
        "intervention": Filter(_ID, "The plan's id.", identity("intervention")),
        "assignee": Filter(_TEXT, "The assignee's user name.", exact("assignee__username")),
    },
)
WORK: Final = (ALERTS, INTERVENTIONS, TASKS)
