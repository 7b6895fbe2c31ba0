"""One account's score line by line; every figure adds up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.engine.definition import (
    UNKNOWN_BAND,
    UNKNOWN_KEY,
    UNKNOWN_NAME,
    Measure,
    ScorecardSpec,
    Slot,
    categories,
    slots,
)
from scoring.engine.normalise import is_constant
from scoring.engine.score import NO_CAP, row_matrix, score
from scoring.engine.statistics import EVERYONE, Stats


@dataclass(frozen=True)
class Input:
    """A stored input: `value` is a number, a category or group name, or None if missing."""

    role: str
    column: str
    value: float | str | None


@dataclass(frozen=True)
class Line:
    """What one measure did. `weight` and `original_weight` are percent of the score;
    `points + points_lost = weight`. `normalised` is None where the input is missing."""

    key: str
    label: str
    component: str
    component_label: str
    metric: str
    inputs: tuple[Input, ...]
    normalised: float | None
    weight: float
    original_weight: float
    points: float
    points_lost: float
    missing: bool
    note: str = ""


@dataclass(frozen=True)
class CapLine:
    """A cap that lowered the score; `points` is what it took off, negative."""

    key: str
    label: str
    limit: float
    points: float


@dataclass(frozen=True)
class Explanation:
    """All lines of one score: `computed` is the sum of their points, `score` after the cap.

    Without any data `score` is None, every line is missing and has no points.
    """

    lines: tuple[Line, ...]
    cap: CapLine | None
    computed: float | None
    score: float | None
    coverage: float
    band_key: str
    band_name: str
    component_scores: dict[str, float | None]


def optional(value: float) -> float | None:
    """The number, or None for NaN."""
    return None if math.isnan(value) else float(value)


def _input(slot: Slot, measure: Measure, value: float, stats: Stats) -> Input:
    shown: float | str | None = optional(value)
    if shown is not None and slot.role == "category":
        names = categories(measure)
        known = 0 <= value < len(names)
        shown = names[int(value)] if known else None
    elif shown is not None and slot.role == "peer_group":
        shown = stats.of(measure).names.get(int(value))
    return Input(slot.role, slot.column, shown)


_MISSING_NOTES = {
    "redistribute": "No data: its weight went to the others.",
    "neutral": "No data: counted as 50.",
    "worst": "No data: counted as 0.",
}


def _note(measure: Measure, missing: bool, row: dict[str, float], stats: Stats) -> str:
    entry = stats.of(measure)
    if missing:
        return _MISSING_NOTES[measure.missing]
    if is_constant(measure, entry):
        return "Every account has the same value: counted as 50."
    group = row.get("peer_group")
    if group is not None and (math.isnan(group) or int(group) not in entry.ranks):
        everyone = entry.ranks[EVERYONE].count
        return f"Too few peers: ranked among all {everyone} accounts with a value."
    return ""


def explain(spec: ScorecardSpec, packed_row: npt.ArrayLike, stats: Stats) -> Explanation:
    """Recompute one account from its stored vector and say where every point came from."""
    row = row_matrix(spec, packed_row)
    scored = score(spec, row, stats)
    layout = list(zip(slots(spec), row[0].astype(np.float64).tolist(), strict=True))
    empty = bool(np.isnan(scored.computed[0]))
    lines: list[Line] = []
    for component in spec.components:
        for measure in component.measures:
            place = len(lines)
            own = [pair for pair in layout if pair[0].owner == measure.key]
            own = [pair for pair in own if pair[0].role != "cap"]
            normalised = optional(scored.normalised[0, place])
            weight = float(scored.weights[0, place])
            points = 0.0 if empty else float(scored.points[0, place])
            whole = sum(other.weight for other in component.measures)
            note = _note(
                measure,
                normalised is None,
                {slot.role: value for slot, value in own},
                stats,
            )
            lines.append(
                Line(
                    key=measure.key,
                    label=measure.label,
                    component=component.key,
                    component_label=component.label,
                    metric=measure.metric,
                    inputs=tuple(_input(slot, measure, value, stats) for slot, value in own),
                    normalised=normalised,
                    weight=weight,
                    original_weight=component.weight * measure.weight / whole,
                    points=points,
                    points_lost=weight - points,
                    missing=normalised is None,
                    note="No data for this account at all: no score." if empty else note,
                )
            )
    computed, total = float(scored.computed[0]), float(scored.score[0])
    capped = int(scored.cap_index[0])
    cap = None
    if capped != NO_CAP:
        rule = spec.caps[capped]
        cap = CapLine(rule.key, rule.label, rule.limit, total - computed)
    index = int(scored.band[0])
    band = None if index == UNKNOWN_BAND else spec.bands[index]
    return Explanation(
        lines=tuple(lines),
        cap=cap,
        computed=optional(computed),
        score=optional(total),
        coverage=float(scored.coverage[0]),
        band_key=band.key if band else UNKNOWN_KEY,
        band_name=band.name if band else UNKNOWN_NAME,
        component_scores={
            component.key: optional(scored.component_scores[0, place])
            for place, component in enumerate(spec.components)
        },
    )


def display_points(values: Sequence[float], total: float, decimals: int) -> list[float]:
    """Figures rounded to `decimals` that still add up to the rounded total.

    Largest remainder: each figure is rounded down and the units left over go to those that
    lost most, so no figure moves by a whole unit. `values` must add up to `total` (include
    the cap line); raises ValueError if they are further off than rounding can explain.
    """
    unit = 10**decimals
    scaled = [value * unit for value in values]
    # The total as it is printed: 0.15 is a little less than 0.15 and prints as 0.1, while
    # 0.15 * 10 is exactly 1.5.
    wanted = round(round(total, decimals) * unit)
    # 2.9999999999 units are 3: arithmetic noise must not look like a remainder of 0.99.
    floors = [math.floor(value + 1e-7) for value in scaled]
    left = wanted - sum(floors)
    if not 0 <= left <= len(floors):
        raise ValueError(f"The figures add up to {math.fsum(values)}, not to {total}.")
    order: list[int] = sorted(range(len(scaled)), key=lambda i: (floors[i] - scaled[i], i))
    for place in order[:left]:
        floors[place] += 1
    return [floor / unit for floor in floors]


def as_json(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain JSON values."""
    from_line = [
        {**vars(line), "inputs": [vars(entry) for entry in line.inputs]}
        for line in explanation.lines
    ]
    cap = vars(explanation.cap) if explanation.cap else None
    return {**vars(explanation), "lines": from_line, "cap": cap}
