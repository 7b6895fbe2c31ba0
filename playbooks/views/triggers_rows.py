"""The rows of the trigger editor as its template draws them: fields with their choices, units and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from csm.lib import display
from playbooks.forms.trigger_conditions import (
    CAME,
    CHANGES,
    COMPARE,
    IS,
    KINDS,
    KNOWN,
    LISTED,
    MORE,
    MOVED,
    WAYS,
    Part,
    Row,
    Words,
)
from playbooks.forms.triggers import Editor
from playbooks.models import Trigger
from scoring.metrics.metric import Metric

MATCHES: Final = (
    ("all", "all of these hold"),
    ("any", "one of these holds"),
    ("at_least", "at least so many hold"),
)
_SELECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "op": COMPARE,
    "more": MORE,
    "move": MOVED,
    "listed": LISTED,
    "known": KNOWN,
    "is": IS,
    "came": CAME,
    "way": WAYS,
    "change": CHANGES,
    "family": dict(Trigger.Family.choices),
}
# What a field is called for those who hear it.
_NAMES: Final = {
    "metric": "Metric",
    "other": "Other metric",
    "op": "Comparison",
    "more": "Comparison",
    "move": "Direction",
    "value": "Value",
    "values": "Values",
    "times": "Times",
    "listed": "Comparison",
    "known": "State",
    "is": "Is or is not",
    "came": "When",
    "way": "Direction",
    "change": "Measured in",
    "family": "Family",
    "component": "Component",
    "band": "Band",
    "by": "Points",
    "days": "Days",
}
# Words before a field, by kind and gap, or by gap.
_BEFORE: Final = {
    ("metric_change", "days"): "against",
    ("score_change", "days"): "within",
    ("band_moved", "days"): "within",
    ("falling", "by"): "by",
    ("falling", "days"): "within",
}
_AFTER: Final = {
    ("metric_change", "days"): "days before",
    ("falling", "by"): "points",
    ("metric_times", "times"): "×",
    ("score", "value"): "points",
    ("score_change", "value"): "points",
    ("component", "value"): "points",
    ("open", "value"): "alerts",
}


@dataclass(frozen=True)
class Choices:
    """What the book offers: components as (key, label), names of bands, the currency of amounts."""

    components: Sequence[tuple[str, str]]
    bands: Sequence[str]
    currency: str

    def of(self, gap: str) -> list[tuple[str, str]]:
        """(value, label) of a select; empty for a field that is typed."""
        if gap == "component":
            return [("any", "any component"), *self.components]
        if gap == "band":
            fixed = [("lowest", "the lowest"), ("highest", "the highest"), ("unknown", "unknown")]
            return [*fixed, *((name, name) for name in self.bands)]
        return list(_SELECTS.get(gap, {}).items())


def parts_shown(editor: Editor, choices: Choices) -> dict[str, dict[str, Any]]:
    """Rule and exit for the template: groups with their rows, rows with their cells."""
    return {
        name: {"name": name, "groups": _groups(name, part, editor.words, choices)}
        for name, part in editor.parts.items()
    }


def _groups(name: str, part: Part, words: Words, choices: Choices) -> list[dict[str, Any]]:
    return [
        {
            "prefix": f"{name}-{at}",
            "number": at,
            "match": group.match,
            "matches": MATCHES,
            "least": group.least,
            "error": group.error,
            "rows": [
                {
                    "prefix": f"{name}-{at}-{number}",
                    "number": number + 1,
                    "kind": row.kind,
                    "kinds": _KIND_GROUPS,
                    "has_unit": "value" in KINDS[row.kind].gaps,
                    "cells": _cells(f"{name}-{at}-{number}", row, words, choices),
                }
                for number, row in enumerate(group.rows)
            ],
        }
        for at, group in enumerate(part.groups)
    ]


_KIND_GROUPS: Final = [
    (label, [(kind.key, kind.label) for kind in kinds])
    for label, kinds in groupby(KINDS.values(), key=lambda kind: kind.group)
]


def _cells(prefix: str, row: Row, words: Words, choices: Choices) -> list[dict[str, Any]]:
    metric = words.metrics.get(words.key_of(row.values.get("metric", "")) or "")
    return [
        {
            "id": f"{prefix}-{gap}",
            "gap": gap,
            "label": _NAMES[gap],
            "type": _type(gap),
            "options": _options(gap, row, choices),
            "value": row.values.get(gap, ""),
            "before": _BEFORE.get((row.kind, gap), ""),
            "after": _after(row, gap, metric, choices.currency),
            "error": row.errors.get(gap, ""),
        }
        for gap in KINDS[row.kind].gaps
    ]


def _type(gap: str) -> str:
    if gap in ("metric", "other"):
        return "metric"
    if gap in ("value", "times", "days", "by"):
        return "number"
    return "text" if gap == "values" else "select"


def _options(gap: str, row: Row, choices: Choices) -> list[tuple[str, str]]:
    found = choices.of(gap)
    given = row.values.get(gap, "")
    # A component or band of a scorecard no longer in use stays what it was.
    if found and given and given not in dict(found):
        found.append((given, given))
    return found


def _after(row: Row, gap: str, metric: Metric | None, currency: str) -> str:
    if fixed := _AFTER.get((row.kind, gap)):
        return fixed
    if gap == "days":
        return "days"
    if gap != "value" or metric is None:
        return ""
    if row.kind == "metric_change" and row.values.get("change", "rate") == "rate":
        return ""
    units = {"money": display.SYMBOLS.get(currency, currency).strip(), "ratio": "%", "days": "days"}
    return units.get(metric.kind, metric.unit)
