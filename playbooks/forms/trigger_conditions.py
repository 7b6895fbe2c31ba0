"""The conditions of a rule as rows of an editor: each kind a sentence with a few gaps.

Every change reads "fell by more than 10" instead of "is below −10", shares are written in percent, metrics by
their label. `trigger_documents` makes rule documents of rows and rows of documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from csm.lib.errors import WorkbenchError
from scoring.metrics.metric import Metric

COMPARE: Final = {
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "==": "is exactly",
    "!=": "is not",
}
# Of a change: the sign is in the word. (operator, sign of the document's value)
MOVES: Final = {
    "fell": ("<", -1),
    "fell_least": ("<=", -1),
    "rose": (">", 1),
    "rose_least": (">=", 1),
}
MOVED: Final = {
    "fell": "fell by more than",
    "fell_least": "fell by at least",
    "rose": "rose by more than",
    "rose_least": "rose by at least",
} | {op: f"change {words}" for op, words in COMPARE.items()}
LISTED: Final = {"in": "is one of", "not_in": "is none of"}
MORE: Final = {
    ">=": "is at least",
    ">": "is above",
    "<=": "is at most",
    "<": "is below",
}
KNOWN: Final = {"unknown": "is unknown", "known": "is known"}
IS: Final = {"is": "is", "is_not": "is not"}
CAME: Final = {"is": "came to it within", "is_not": "did not come to it within"}
WAYS: Final = {"down": "down", "up": "up"}
CHANGES: Final = {"rate": "percent", "absolute": "amount"}


@dataclass(frozen=True)
class Kind:
    """What a row asks: `gaps` are the names of its fields in reading order."""

    key: str
    group: str
    label: str
    gaps: tuple[str, ...]


KINDS: Final = {
    kind.key: kind
    for kind in (
        Kind("metric", "A metric", "Value of a metric", ("metric", "op", "value")),
        Kind(
            "metric_change",
            "A metric",
            "Change of a metric",
            ("metric", "move", "value", "change", "days"),
        ),
        Kind(
            "metric_times",
            "A metric",
            "A metric against another",
            ("metric", "op", "times", "other"),
        ),
        Kind("metric_listed", "A metric", "Category of a metric", ("metric", "listed", "values")),
        Kind("metric_known", "A metric", "Whether a metric is known", ("metric", "known")),
        Kind("score", "Health", "Health score", ("op", "value")),
        Kind("score_change", "Health", "Change of the score", ("move", "value", "days")),
        Kind("component", "Health", "Score of a component", ("component", "op", "value")),
        Kind(
            "component_light",
            "Health",
            "A component reaching its lowest light",
            ("component", "came", "days"),
        ),
        Kind("component_lowest", "Health", "Lowest light of a component", ("component", "is")),
        Kind("falling", "Health", "Number of falling components", ("more", "value", "by", "days")),
        Kind("band", "Health", "Health band", ("is", "band")),
        Kind("band_moved", "Health", "Move to another band", ("way", "days")),
        Kind("open", "Alerts", "Other open alerts", ("family", "op", "value")),
    )
}


@dataclass
class Row:
    """One condition as typed: texts by gap, and a sentence for every gap that cannot stay so."""

    kind: str = "metric"
    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


@dataclass
class Group:
    """Rows and how many of them must hold: `match` is all, any or at_least (`least` of them)."""

    match: str = "all"
    least: str = "2"
    rows: list[Row] = field(default_factory=lambda: [Row()])
    error: str = ""


@dataclass
class Part:
    """A rule: its first group holds the conditions, the others stand among them as one each."""

    groups: list[Group] = field(default_factory=lambda: [Group()])

    @property
    def has_errors(self) -> bool:
        return any(group.error or any(row.errors for row in group.rows) for group in self.groups)


class NotEditable(WorkbenchError):
    """A rule this editor cannot show without losing something; `str()` says what."""


@dataclass(frozen=True)
class Words:
    """What names mean: metrics by key, and the labels people write, without regard to case."""

    metrics: Mapping[str, Metric]

    def key_of(self, text: str) -> str | None:
        """The key of a metric written by label or key."""
        asked = text.strip().casefold()
        if text.strip() in self.metrics:
            return text.strip()
        return next(
            (key for key, metric in self.metrics.items() if metric.label.casefold() == asked), None
        )

    def label_of(self, key: str) -> str:
        metric = self.metrics.get(key)
        return metric.label if metric else key

    def is_share(self, key: str | None) -> bool:
        metric = self.metrics.get(key or "")
        return metric is not None and metric.kind == "ratio"
