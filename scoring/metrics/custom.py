"""Metrics admins defined: an aggregate over a window of a usage measure, or of a reported value.

`sum`, `mean` and `last` say what they are. `trend` is the slope of the least-squares line through the
dated values of the window, per 30 days: +5 means the value grows by 5 a month. It needs values on two days.
A sum of a usage measure can be 0 like any count; everything else without a value is unknown.
"""

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from accounts.models import MetricDefinition
from scoring.metrics.facts import Floats, Part
from scoring.metrics.metric import Metric, same
from scoring.metrics.usage import USAGE, last_of, mean_of, total_of

_MONTH = 30


def defined(keys: Collection[str] | None = None, *, active: bool = False) -> dict[str, Metric]:
    """The admins' metrics by key; all of them without `keys`, only switched-on ones with `active`."""
    rows = MetricDefinition.objects.all()
    if keys is not None:
        rows = rows.filter(key__in=set(keys))
    if active:
        rows = rows.filter(is_active=True)
    return {row.key: metric_of(row) for row in rows}


def metric_of(row: MetricDefinition) -> Metric:
    """A definition as a metric of the catalogue."""
    parts, value = _parts(row) if row.origin == MetricDefinition.Origin.USAGE else ((), same)
    words = dict(MetricDefinition.Aggregate.choices)[row.aggregate].lower()
    return Metric(
        key=row.key,
        label=row.label,
        kind="number",
        direction="up" if row.direction == MetricDefinition.Direction.UP else "down",
        description=row.description or f"{words.capitalize()} over {row.window_days} days.",
        unit=row.unit,
        window_days=row.window_days,
        signed=row.aggregate == MetricDefinition.Aggregate.TREND,
        parts=parts,
        value=value,
        over=row.aggregate if row.origin == MetricDefinition.Origin.REPORTED else "",
    )


def _parts(row: MetricDefinition) -> tuple[tuple[Part, ...], Callable[..., Floats]]:
    days, measure = row.window_days, row.measure
    if row.aggregate == MetricDefinition.Aggregate.SUM:
        return (total_of(measure, days),), same
    if row.aggregate == MetricDefinition.Aggregate.MEAN:
        return (mean_of(measure, days),), same
    if row.aggregate == MetricDefinition.Aggregate.LAST:
        return (last_of(measure, days),), same
    inside = f'f.measure_id = $m[{measure}] AND f."on" > $d{days}'
    x, y = '$ago[f."on"]', "f.value"
    sums = (y, x, f"{x} * {y}", f"{x} * {x}")
    parts = [
        Part(USAGE, f"SUM({what}) FILTER (WHERE {inside})", days=days, measure=measure)
        for what in sums
    ]
    count = Part(USAGE, f"COUNT(*) FILTER (WHERE {inside})", days=days, measure=measure)
    return (count, *parts), slope


def slope(n: Floats, y: Floats, x: Floats, xy: Floats, xx: Floats) -> Floats:
    """Least-squares slope per 30 days of values y on days that lie x days ago, from their sums."""
    spread = n * xx - x * x
    with np.errstate(invalid="ignore", divide="ignore"):
        per_day = -(n * xy - x * y) / spread
    return np.where((n >= 2) & (spread > 0), per_day * _MONTH, np.nan)


def over(values: pd.DataFrame, aggregate: str) -> pd.Series:
    """Reported values (columns account_id, ago, value; newest first) as one figure per account."""
    groups = values.groupby("account_id", sort=False)
    if aggregate == MetricDefinition.Aggregate.SUM:
        return groups["value"].sum()
    if aggregate == MetricDefinition.Aggregate.MEAN:
        return groups["value"].mean()
    if aggregate == MetricDefinition.Aggregate.LAST:
        return groups["value"].first()
    sums = values.assign(xy=values["ago"] * values["value"], xx=values["ago"] ** 2)
    found = sums.groupby("account_id", sort=False).agg(
        n=("value", "size"),
        y=("value", "sum"),
        x=("ago", "sum"),
        xy=("xy", "sum"),
        xx=("xx", "sum"),
    )
    columns = (found[name].to_numpy(dtype=np.float64) for name in ("n", "y", "x", "xy", "xx"))
    return pd.Series(slope(*columns), index=found.index)
