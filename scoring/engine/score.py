"""Scores of a shard: an exact function of the stored inputs, the scorecard and the statistics."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.engine.definition import UNKNOWN_BAND, ScorecardSpec, slots
from scoring.engine.normalise import NEUTRAL, normalise, single, warnings
from scoring.engine.pack import Floats, Packed, measure_inputs, read_column, slot_width
from scoring.engine.statistics import Stats

Bands = npt.NDArray[np.int8]

NO_CAP = -1
_IMPUTED = {"redistribute": 0.0, "neutral": NEUTRAL, "worst": 0.0}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}


@dataclass(frozen=True, eq=False)
class Scored:
    """Results for n accounts, m measures (order of `spec.measures`) and c components.

    normalised (n, m): 0-100, NaN where the input is missing.
    weights (n, m): effective weight in percent of the score, after the missing policies.
    points (n, m): weights * value / 100; a row adds up to `computed`.
    component_scores (n, c): 0-100, NaN where nothing of the component could be scored.
    computed (n,): 0-100 before caps. score (n,): after caps. NaN without any data.
    cap_index (n,): the cap that lowered the score, -1 for none.
    coverage (n,): share of the original weight that had data, 0-1.
    band (n,): index into `spec.bands`, -1 for Unknown.
    clipped (m,): values a non-population normaliser had to clip.
    """

    normalised: Floats
    weights: Floats
    points: Floats
    component_scores: Floats
    computed: Floats
    score: Floats
    cap_index: Bands
    coverage: Floats
    band: Bands
    clipped: npt.NDArray[np.int64]
    warnings: tuple[str, ...]


def band_index(
    spec: ScorecardSpec, score: npt.ArrayLike, coverage: npt.ArrayLike | None = None
) -> Bands:
    """Index into `spec.bands` per score, -1 for NaN or coverage below the scorecard's minimum.

    The one place that turns a score into a band. Scores are rounded to four decimals first:
    inputs carry seven digits, so a score that should be exactly 80 may be 79.9999995.
    """
    scores = np.asarray(score, dtype=np.float64)
    lows = np.array([band.low for band in spec.bands[1:]])
    found = np.searchsorted(lows, np.round(scores, 4), side="right").astype(np.int8)
    unknown = np.isnan(scores)
    if coverage is not None:
        unknown = unknown | (np.asarray(coverage) < spec.min_coverage)
    return np.where(unknown, np.int8(UNKNOWN_BAND), found)


def _apply_caps(spec: ScorecardSpec, packed: Packed, computed: Floats) -> tuple[Floats, Bands]:
    score = computed.copy()
    index = np.full(len(score), NO_CAP, dtype=np.int8)
    first = sum(slot_width(measure) for measure in spec.measures)
    for number, cap in enumerate(spec.caps):
        values = read_column(packed, first + number)
        lowered = _OPERATORS[cap.op](values, single(cap.value)) & (score > cap.limit)
        score[lowered] = cap.limit
        index[lowered] = number
    return score, index


def row_matrix(spec: ScorecardSpec, packed_row: npt.ArrayLike) -> Packed:
    """A stored vector as a matrix of one row; raises ValueError if its length is another."""
    row = np.asarray(packed_row, dtype=np.float32).reshape(1, -1)
    wanted = len(slots(spec))
    if row.shape[1] != wanted:
        raise ValueError(f"The vector has {row.shape[1]} entries, '{spec.key}' stores {wanted}.")
    return row


def score(spec: ScorecardSpec, packed: Packed, stats: Stats) -> Scored:
    """Score a packed matrix (n, slots) with the statistics of its run.

    Sums run measure by measure, never through BLAS, so a row's result does not depend on
    the rows around it. A quantity all rows share stays a plain number and gives the same
    bits as the column it stands for.
    """
    rows, total = len(packed), len(spec.measures)
    normalised = np.empty((rows, total), order="F")
    points = np.empty((rows, total), order="F")
    weights = np.empty((rows, total), order="F")
    parts = np.empty((rows, len(spec.components)), order="F")
    clipped = np.zeros(total, dtype=np.int64)
    notes: list[str] = []

    filled: list[Floats] = []
    present: list[Any] = []  # 1.0, or a column of 0.0 and 1.0
    for place, (measure, columns) in enumerate(measure_inputs(spec, packed)):
        entry = stats.of(measure)
        values, clipped[place] = normalise(measure, columns, entry)
        notes += warnings(measure, entry)
        normalised[:, place] = values
        missing = np.isnan(values)
        if missing.any():
            filled.append(np.where(missing, _IMPUTED[measure.missing], values))
            present.append((~missing).astype(np.float64))
        else:
            filled.append(values)
            present.append(1.0)

    active: list[Any] = []  # share of the component that counts, per measure
    shares: list[Any] = []  # their sum, per component
    scored_weight: Any = 0.0
    coverage: Any = 0.0
    place = 0
    for component in spec.components:
        whole = sum(measure.weight for measure in component.measures)
        share: Any = 0.0
        for measure in component.measures:
            counts = present[place] if measure.missing == "redistribute" else 1.0
            active.append(measure.weight * counts)
            share = share + active[place]
            coverage = coverage + component.weight * (measure.weight / whole) * present[place]
            place += 1
        shares.append(share)
        scored_weight = scored_weight + component.weight * np.greater(share, 0.0)
    coverage = np.round(
        np.broadcast_to(coverage, rows) / sum(component.weight for component in spec.components),
        9,
    )

    computed = np.zeros(rows)
    place = 0
    for number, component in enumerate(spec.components):
        share = shares[number]
        earned: Any = np.zeros(rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(share > 0.0, 100.0 * component.weight / (share * scored_weight), 0.0)
            for _ in component.measures:
                weight = active[place] * factor
                weights[:, place] = weight
                value = weight * filled[place]
                value /= 100.0
                points[:, place] = value
                computed += value
                earned += active[place] * filled[place]
                place += 1
            parts[:, number] = np.clip(np.where(share > 0.0, earned / share, np.nan), 0.0, 100.0)

    np.clip(computed, 0.0, 100.0, out=computed)
    empty = coverage == 0.0
    if empty.any():
        # Policies stand in for single gaps; an account without any data has no score.
        computed[empty] = np.nan
        points[empty] = np.nan
        parts[empty] = np.nan
        weights[empty] = 0.0
    final, cap_index = _apply_caps(spec, packed, computed)
    return Scored(
        normalised=normalised,
        weights=weights,
        points=points,
        component_scores=parts,
        computed=computed,
        score=final,
        cap_index=cap_index,
        coverage=coverage,
        band=band_index(spec, final, coverage),
        clipped=clipped,
        warnings=tuple(notes),
    )
