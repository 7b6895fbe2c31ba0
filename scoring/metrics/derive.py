"""Metrics from dated facts, for a range of accounts at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from scoring.metrics.facts import Clock, Floats, Ids, Newest, Part, newest, read
from scoring.metrics.metric import Metric


@dataclass(frozen=True)
class Derived:
    """A metric's values per account (NaN unknown), and the newest day of its feeds over the whole book."""

    values: Floats
    on: date


def parts_of(metrics: Iterable[Metric]) -> list[Part]:
    """What the metrics read, each part once."""
    return list(dict.fromkeys(part for metric in metrics for part in metric.parts))


def derive(
    metrics: Iterable[Metric],
    *,
    clock: Clock,
    ids: Ids,
    first_id: int,
    last_id: int,
    days: Newest | None = None,
    only: Sequence[int] = (),
) -> dict[str, Derived]:
    """The metrics that dated facts give, by key, for `ids` (ascending, within the range).

    A metric none of whose feeds has a fact by the night is left out. Reads only the tables the metrics
    need: one statement per table, at most one more to tell 0 from unknown, one for the newest days unless
    `days` of these metrics are given. With `only`, `ids` are among these accounts of the range.
    """
    wanted = [metric for metric in metrics if metric.is_derived]
    if not wanted or not len(ids):
        return {}
    parts = parts_of(wanted)
    if days is None:
        days = newest(parts, clock)
    if not days:
        return {}
    values = read(
        parts, clock=clock, ids=ids, first_id=first_id, last_id=last_id, newest=days, only=only
    )
    found = {}
    for metric in wanted:
        places = [(part.table.name, part.measure) for part in metric.parts]
        told = [days[place] for place in places if place in days]
        if told:
            value = metric.value(*(values[part] for part in metric.parts))
            found[metric.key] = Derived(np.where(np.isfinite(value), value, np.nan), max(told))
    return found
