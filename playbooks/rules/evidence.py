"""What a rule saw of an account: one row per condition, in the order they are written."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from playbooks.rules import columns
from playbooks.rules.conditions import (
    BandIs,
    BandMoved,
    ComponentIs,
    ComponentLight,
    ComponentsFalling,
    Condition,
    MetricAgainst,
    MetricChange,
    MetricIn,
    MetricIs,
    MetricKnown,
    OpenTriggers,
    ScoreChange,
    ScoreIs,
)
from playbooks.rules.document import Rule
from playbooks.rules.judge import figure, holds
from playbooks.rules.words import Label, Labels, limit, of, phrase, plain
from playbooks.rules.words import figure as shown

_HOLDS: Final = {1: True, 0: False, -1: None}
_SCORE: Final = Label("Score", "score")
_POINTS: Final = Label("Points", unit="points")


def evidence(
    rule: Rule, row: Mapping[str, Any], labels: Labels | None = None
) -> list[dict[str, Any]]:
    """The evidence of one account: `row` is a row of a frame that `judge` accepts.

    Each entry: {"label", "key", "value" (number, word or None), "text" (value as people read it), "op",
    "threshold", "limit" (threshold as people read it), "holds" (true, false, None unknown), "unit",
    "window" (days or None)}.
    """
    return evidences(rule, pd.DataFrame([dict(row)]), labels)[0]


def evidences(
    rule: Rule, frame: pd.DataFrame, labels: Labels | None = None
) -> list[list[dict[str, Any]]]:
    """The evidence of every row of a frame, as `evidence` gives it."""
    told = labels or {}
    each = [_rows(condition, frame, told) for condition in rule.conditions]
    return [list(row) for row in zip(*each, strict=True)]


def _rows(condition: Condition, frame: pd.DataFrame, labels: Labels) -> list[dict[str, Any]]:
    fixed, values, texts = _told(condition, frame, labels)
    truths = holds(condition, frame).tolist()
    return [
        {**fixed, "value": value, "text": text, "holds": _HOLDS[truth]}
        for value, text, truth in zip(values, texts, truths, strict=True)
    ]


Told = tuple[dict[str, Any], list[Any], list[str]]


def _told(condition: Condition, frame: pd.DataFrame, labels: Labels) -> Told:
    """What is the same for all rows; each row's value and text."""
    match condition:
        case MetricIs():
            label = of(condition.metric, labels)
            fixed = _fixed(label, condition.metric, condition.op, condition.value)
            return _numbers(fixed, figure(condition, frame), label)
        case MetricAgainst():
            label = of(condition.metric, labels)
            whole = condition.times * frame[condition.of].to_numpy(dtype=np.float64)
            limits = [None if limit != limit else limit for limit in whole.tolist()]
            fixed = _fixed(label, condition.metric, condition.op, None)
            # One account's limit is not another's: it is told in words beside the figure.
            whole_label = of(condition.of, labels).label
            fixed["threshold"] = fixed["limit"] = f"{plain(condition.times)} × {whole_label}"
            _, values, texts = _numbers(fixed, figure(condition, frame), label)
            beside = [
                f"{text} against {shown(limit, label)}"
                for text, limit in zip(texts, limits, strict=True)
            ]
            return fixed, values, beside
        case MetricChange():
            label = of(condition.metric, labels)
            unit = Label(label.label, "ratio") if condition.change == "rate" else label
            fixed = _fixed(unit, condition.metric, condition.op, condition.value, condition.days)
            fixed["label"] = f"{label.label}, change over {condition.days} days"
            return _numbers(fixed, figure(condition, frame), unit)
        case MetricIn() | MetricKnown():
            return _words(condition, frame, of(condition.metric, labels))
        case ScoreIs():
            return _numbers(
                _fixed(_SCORE, "score", condition.op, condition.value),
                figure(condition, frame),
                _SCORE,
            )
        case ScoreChange():
            fixed = _fixed(_POINTS, "score", condition.op, condition.value, condition.days)
            fixed["label"] = f"Score, change over {condition.days} days"
            return _numbers(fixed, figure(condition, frame), _POINTS)
        case ComponentIs() | ComponentLight() | ComponentsFalling():
            return _component(condition, frame, labels)
        case BandIs():
            names = frame[columns.BAND_NAME].tolist()
            texts = [name if isinstance(name, str) and name else "—" for name in names]
            fixed = _fixed(Label("Band", ""), "band", condition.op, condition.band)
            return fixed, [None if text == "—" else text for text in texts], texts
        case BandMoved():
            label = Label("Band", unit="bands")
            fixed = _fixed(label, "band", condition.direction, 0, condition.days)
            fixed["limit"] = "lower" if condition.direction == "down" else "higher"
            fixed["label"] = f"Band, change over {condition.days} days"
            return _numbers(fixed, figure(condition, frame), label)
        case OpenTriggers():
            label = Label(f"Open {condition.family} triggers", "count")
            fixed = _fixed(label, condition.family, condition.op, condition.value)
            return _numbers(fixed, figure(condition, frame), label)


def _fixed(
    label: Label, key: str, op: str, threshold: Any, window: int | None = None
) -> dict[str, Any]:
    units = {"ratio": "%", "days": "days", "money": label.prefix.strip()}
    return {
        "label": label.label,
        "key": key,
        "op": op,
        "threshold": threshold,
        "limit": limit(op, threshold, label) if isinstance(threshold, float) else str(threshold),
        "unit": units.get(label.kind, label.unit),
        "window": window if window is not None else label.window_days,
    }


def _numbers(fixed: dict[str, Any], figures: np.ndarray, label: Label) -> Told:
    # Many accounts share few figures: each is put into words once.
    write: Callable[[float], str] = _remembered(label)
    numbers = figures.tolist()
    values = [None if value != value else round(value, 6) for value in numbers]
    return fixed, values, [write(value) if value == value else "—" for value in numbers]


def _remembered(label: Label) -> Callable[[float], str]:
    known: dict[float, str] = {}

    def write(value: float) -> str:
        if value not in known:
            known[value] = shown(value, label)
        return known[value]

    return write


def _words(condition: MetricIn | MetricKnown, frame: pd.DataFrame, label: Label) -> Told:
    wanted = ", ".join(condition.values) if isinstance(condition, MetricIn) else condition.op
    fixed = _fixed(label, condition.metric, condition.op, wanted)
    values = frame[condition.metric].tolist()
    if isinstance(condition, MetricKnown) and label.kind != "category":
        return _numbers(fixed, frame[condition.metric].to_numpy(dtype=np.float64), label)
    told = [value if isinstance(value, str) and value else None for value in values]
    return fixed, told, [value or "—" for value in told]


def _component(
    condition: ComponentIs | ComponentLight | ComponentsFalling,
    frame: pd.DataFrame,
    labels: Labels,
) -> Told:
    if isinstance(condition, ComponentsFalling):
        label, key = Label("Components falling", "count"), "components"
    else:
        label, key = Label("Component", "score"), f"component:{condition.component}"
    wanted: Any = "lowest" if isinstance(condition, ComponentLight) else condition.value
    fixed = _fixed(label, key, condition.op, wanted, getattr(condition, "days", None))
    words = phrase(condition, labels)
    fixed["label"] = words[:1].upper() + words[1:]
    _, values, texts = _numbers(fixed, figure(condition, frame), label)
    names = frame[columns.which(condition)].tolist()
    return (
        fixed,
        values,
        [f"{name} ({text})" if name else text for text, name in zip(texts, names, strict=True)],
    )
