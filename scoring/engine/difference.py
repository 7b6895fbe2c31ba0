"""Why a score differs between two snapshots, split exactly.

The change is walked in fixed steps, each scored: data that appeared or went missing, other
inputs, the population, the scorecard's version, caps. Each part is the difference between
two steps, so the parts add up to the whole change.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scoring.engine.definition import Measure, ScorecardSpec, Slot, categories, slots
from scoring.engine.pack import Packed
from scoring.engine.score import Scored, row_matrix, score
from scoring.engine.statistics import Stats

CAUSES = ("data", "inputs", "population", "version", "cap")


class State(NamedTuple):
    """One snapshot: the version it was scored with, its stored vector, its run's statistics."""

    spec: ScorecardSpec
    packed_row: npt.ArrayLike
    stats: Stats


@dataclass(frozen=True)
class Change:
    """One measure's part of a cause; `points` are points of the score."""

    cause: str
    key: str
    label: str
    points: float


@dataclass(frozen=True)
class Difference:
    """`total` = score after - score before = sum of `parts` over CAUSES.

    `total` is None if either side has no score (no data at all); the parts are then 0 and
    `appeared` / `went_missing` name the measures. `changes` add up to the parts data,
    inputs and population.
    """

    total: float | None
    parts: dict[str, float]
    changes: tuple[Change, ...]
    appeared: tuple[str, ...]
    went_missing: tuple[str, ...]


def _comparable(before: Measure, after: Measure) -> bool:
    """Whether both versions read the same inputs, so that stored values can be carried over."""
    same_metric = before.metric == after.metric and before.denominator == after.denominator
    return same_metric and before.normaliser == after.normaliser


def _carried(before: State, after: State) -> Packed:
    """The after vector in the layout of the before version.

    A slot the after version does not have keeps its old value: dropping it is then a change
    of version, not of the customer. Categories are matched by name.
    """
    old_slots = slots(before.spec)
    carried = row_matrix(before.spec, before.packed_row).copy()
    found: dict[tuple[str, str, str], float] = {}
    for slot, value in zip(
        slots(after.spec), row_matrix(after.spec, after.packed_row)[0], strict=True
    ):
        found[(slot.owner, slot.role, slot.column)] = float(value)
    old_measures = {measure.key: measure for measure in before.spec.measures}
    new_measures = {measure.key: measure for measure in after.spec.measures}
    for place, slot in enumerate(old_slots):
        value = found.get((slot.owner, slot.role, slot.column))
        if value is None:
            continue
        if slot.role != "cap":
            old, new = old_measures[slot.owner], new_measures.get(slot.owner)
            if new is None or not _comparable(old, new):
                continue
            if slot.role == "category":
                value = _category(old, new, value)
        carried[0, place] = value
    return carried


def _category(old: Measure, new: Measure, value: float) -> float:
    names = categories(new)
    if math.isnan(value) or not 0 <= value < len(names):
        return math.nan
    known = categories(old)
    name = names[int(value)]
    return float(known.index(name)) if name in known else math.nan


def _population(measure: Measure) -> tuple[object, bool]:
    """What decides which values the statistics saw: peers, and log1p leaving out -1 and less."""
    return measure.params.get("peer_group"), measure.params.get("transform") == "log1p"


def _stats_for(before: State, after: State) -> Stats:
    """The after population as far as it fits the before version's measures."""
    if before.spec == after.spec:
        return after.stats
    new_measures = {measure.key: measure for measure in after.spec.measures}
    entries = dict(before.stats.measures)
    for measure in before.spec.measures:
        new = new_measures.get(measure.key)
        if (
            new is not None
            and _comparable(measure, new)
            and _population(measure) == _population(new)
            and measure.key in after.stats.measures
        ):
            entries[measure.key] = after.stats.measures[measure.key]
    return Stats(after.stats.accounts, entries)


def _filled(spec: ScorecardSpec, stats: Stats, later: Stats) -> Stats:
    """The before population, completed by the later one where it had no data at all.

    The first value ever of a measure can then be scored on the way, and counts as data that
    appeared and not as a population that moved.
    """
    entries = dict(stats.measures)
    for measure in spec.measures:
        if stats.of(measure).count == 0:
            entries[measure.key] = later.of(measure)
    return Stats(stats.accounts, entries)


def _places(layout: tuple[Slot, ...], key: str) -> list[int]:
    return [i for i, slot in enumerate(layout) if slot.owner == key and slot.role != "cap"]


def _per_measure(cause: str, spec: ScorecardSpec, before: Scored, after: Scored) -> list[Change]:
    moved = after.points[0] - before.points[0]
    return [
        Change(cause, measure.key, measure.label, float(points))
        for measure, points in zip(spec.measures, moved, strict=True)
        if points != 0.0
    ]


def difference(before: State, after: State) -> Difference:
    """Split `score(after) - score(before)` by cause; parts add up to it within 1e-9.

    Measures are matched by key across versions. A measure only one version has is part of
    `version`. Raises ValueError if a vector does not fit its version.
    """
    spec, layout = before.spec, slots(before.spec)
    row = row_matrix(spec, before.packed_row)
    first = score(spec, row, before.stats)
    last = score(after.spec, row_matrix(after.spec, after.packed_row), after.stats)
    target = _carried(before, after)
    moved_stats = _stats_for(before, after)
    start_stats = _filled(spec, before.stats, moved_stats)
    reached = score(spec, target, start_stats)
    had, has = ~np.isnan(first.normalised[0]), ~np.isnan(reached.normalised[0])
    turned = [
        (m, bool(now)) for m, was, now in zip(spec.measures, had, has, strict=True) if was != now
    ]
    appeared = tuple(measure.key for measure, now in turned if now)
    went_missing = tuple(measure.key for measure, now in turned if not now)
    parts = dict.fromkeys(CAUSES, 0.0)
    if math.isnan(first.score[0]) or math.isnan(last.score[0]):
        return Difference(None, parts, (), appeared, went_missing)

    changes: list[Change] = []
    current = float(first.computed[0])
    # Data that appears comes before data that goes, so that the walk never runs out of data
    # on its way between two scores.
    stage = first
    for measure, _ in sorted(turned, key=lambda pair: not pair[1]):
        for place in _places(layout, measure.key):
            row[0, place] = target[0, place]
        stage = score(spec, row, start_stats)
        reading = float(stage.computed[0])
        if not math.isnan(reading):
            changes.append(Change("data", measure.key, measure.label, reading - current))
            parts["data"] += reading - current
            current = reading

    # Nothing may be left to compare where a new version reads other measures altogether.
    if not math.isnan(reached.computed[0]):
        changes += _per_measure("inputs", spec, stage, reached)
        parts["inputs"] = float(reached.computed[0]) - current
        current = float(reached.computed[0])
        moved = score(spec, target, moved_stats)
        if not math.isnan(moved.computed[0]):
            changes += _per_measure("population", spec, reached, moved)
            parts["population"] = float(moved.computed[0]) - current
            current = float(moved.computed[0])
    parts["version"] = float(last.computed[0]) - current
    before_cap = float(first.score[0]) - float(first.computed[0])
    parts["cap"] = (float(last.score[0]) - float(last.computed[0])) - before_cap
    return Difference(
        float(last.score[0]) - float(first.score[0]),
        parts,
        tuple(changes),
        appeared,
        went_missing,
    )
