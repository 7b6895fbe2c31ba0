"""The normalisers of scoring/README.md: columns of inputs in, 0-100 out, NaN for missing."""

from collections.abc import Callable
from typing import Any

import numpy as np

from scoring.engine.definition import POPULATION_NORMALISERS, Measure, categories
from scoring.engine.pack import Floats
from scoring.engine.statistics import EVERYONE, MeasureStats

Columns = tuple[Floats, ...]
NEUTRAL = 50.0


def single(value: Any) -> float:
    """A parameter at the precision of the stored inputs.

    An input of exactly the threshold must reach it: 0.35 stored as float32 is a little
    less than the float64 0.35.
    """
    return float(np.float32(value))


def _counted(values: Floats) -> tuple[Floats, int]:
    """Clip to 0-100 and count the values that needed it."""
    clipped = int(np.count_nonzero((values < 0.0) | (values > 100.0)))
    return (np.clip(values, 0.0, 100.0) if clipped else values), clipped


def _min_max(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    values = columns[0]
    if stats.minimum is None or stats.maximum is None:
        return np.full(len(values), np.nan), 0
    transform = measure.params.get("transform", "none")
    limits = np.array([stats.minimum, stats.maximum])
    if transform == "log1p":
        values, limits = np.log1p(values), np.log1p(limits)
    low, high = float(limits[0]), float(limits[1])
    if not high > low:
        return np.where(np.isnan(values), np.nan, NEUTRAL), 0
    part = (high - values) if measure.params.get("invert") else (values - low)
    part /= high - low
    # An account scored by day, after the statistics, can lie outside the population.
    np.clip(part, 0.0, 1.0, out=part)
    if transform == "sqrt":
        np.sqrt(part, out=part)
    part *= 100.0
    return part, 0


def _percentile_rank(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    values = columns[0]
    everyone = stats.ranks.get(EVERYONE)
    if everyone is None:
        return np.full(len(values), np.nan), 0
    ranks = everyone.percentiles(values)
    if len(columns) > 1:
        groups = columns[1]
        for code in np.unique(groups[~np.isnan(groups)]):
            peers = stats.ranks.get(int(code))
            if peers is not None:
                chosen = groups == code
                ranks[chosen] = peers.percentiles(values[chosen])
    if measure.params.get("invert"):
        ranks = 100.0 - ranks
    return np.clip(ranks, 0.0, 100.0), 0


def _linear(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    zero, full = single(measure.params["zero_at"]), single(measure.params["full_at"])
    if zero == full:
        # Limits that differ by less than float32 can tell make a threshold, not a slope.
        rising = measure.params["full_at"] > measure.params["zero_at"]
        reached = columns[0] >= full if rising else columns[0] <= full
        return np.where(np.isnan(columns[0]), np.nan, reached * 100.0), 0
    # Signs are turned so that `full` itself gives exactly 100.
    return _counted(100.0 * ((columns[0] - zero) / (full - zero)))


def _steps(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    steps = [(single(threshold), float(points)) for threshold, points in measure.params["steps"]]
    falling = len(steps) > 1 and steps[-1][0] < steps[0][0]
    sign = -1.0 if falling else 1.0
    thresholds = np.array([sign * threshold for threshold, _ in steps])
    points = np.array([0.0, *(earned for _, earned in steps)])
    reached = points[np.searchsorted(thresholds, sign * columns[0], side="right")]
    return np.where(np.isnan(columns[0]), np.nan, reached), 0


def _share(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    # `usable` has already turned rows with a denominator of 0 into missing ones.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return _counted(100.0 * (columns[0] / columns[1]))


def _mapping(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    names = categories(measure)
    points = {str(name): float(earned) for name, earned in measure.params["points"].items()}
    table = np.array([*(points[name] for name in names), np.nan])
    codes = columns[0]
    with np.errstate(invalid="ignore"):
        known = (codes >= 0) & (codes < len(names))
    places = np.where(known, codes, len(names)).astype(np.intp)
    return table[places], 0


_NORMALISERS: dict[str, Callable[[Measure, Columns, MeasureStats], tuple[Floats, int]]] = {
    "min_max": _min_max,
    "percentile_rank": _percentile_rank,
    "linear": _linear,
    "steps": _steps,
    "share": _share,
    "mapping": _mapping,
    # The denominator is the account's own average.
    "own_baseline": _share,
}


def normalise(measure: Measure, columns: Columns, stats: MeasureStats) -> tuple[Floats, int]:
    """A measure's value per account, 0-100 or NaN, and how many values had to be clipped.

    `columns` are the usable inputs (n,) of `pack.measure_inputs`. Population normalisers
    never count as clipped: their limits come from the data. Without any population they
    give NaN, since there is nothing to compare with.
    """
    return _NORMALISERS[measure.normaliser](measure, columns, stats)


def is_constant(measure: Measure, stats: MeasureStats) -> bool:
    """Whether the population has one single value, so that the measure cannot tell it apart."""
    return (
        measure.normaliser in POPULATION_NORMALISERS
        and stats.minimum is not None
        and stats.minimum == stats.maximum
    )


def warnings(measure: Measure, stats: MeasureStats) -> list[str]:
    """Sentences an admin should see about a measure's population; the same in every shard."""
    if measure.normaliser not in POPULATION_NORMALISERS:
        return []
    if stats.count == 0:
        return [f"{measure.label}: no account has a value, so it counts as missing for all."]
    if is_constant(measure, stats):
        sentence = (
            f"{measure.label}: all {stats.count} accounts with a value have the same one, "
            "so each gets 50 and it tells nobody apart."
        )
        return [sentence]
    return []
