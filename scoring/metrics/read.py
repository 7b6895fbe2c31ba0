"""Metrics of a range of accounts as of a date: set-based, no look-ahead, constant queries.

A metric comes from dated facts (`derive`) or from what a source reported (`readings`). The newer wins: a
reported value has the day of its reading, a derived one the newest day of its feed over the whole book; on
the same day the reported one. What is known one way only comes that way; what is known neither way may
stand in the account's own record (`Metric.attribute`).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from scoring.engine.spec import baseline_column
from scoring.metrics import custom, readings
from scoring.metrics.book import Book, customers
from scoring.metrics.catalogue import metrics_of
from scoring.metrics.derive import Derived, derive, parts_of
from scoring.metrics.facts import Clock, Floats, Frozen, Ids, newest
from scoring.metrics.metric import Metric
from scoring.metrics.origins import Origin, origins
from scoring.metrics.readings import LOOK_BACK_DAYS, Good

__all__ = ["ATTRIBUTES", "LOOK_BACK_DAYS", "Frozen", "Origin", "frame", "origins"]

# Attributes of the account that a scorecard may use like a metric.
ATTRIBUTES = ("industry", "size_segment", "lifecycle_stage")
# Days of a baseline's window on which a derived metric is computed.
_BASELINE_DAYS = 4


def frame(
    metrics: Collection[str],
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    baselines: Collection[tuple[str, int]] = (),
    frozen: Frozen | None = None,
    only: Sequence[int] = (),
) -> pd.DataFrame:
    """One row per account that is a customer on `as_of`, indexed by id and ordered by it.

    Columns: every key of `metrics` and `metric@baselineN` of `baselines` as float64 (NaN unknown), the
    attributes of `ATTRIBUTES` as text (None unknown), `tags` as lists, `owner_id`, `team_id` and
    `arr_amount` (minor units) as float64. Reported values count for `LOOK_BACK_DAYS`. Feeds of `frozen` are
    read as of their last good day. With `only`, these accounts of the range and no others.
    """
    keys = [key for key in metrics if key not in ATTRIBUTES]
    known = metrics_of([*keys, *(key for key, _ in baselines)])
    clock, good = Clock.of_night(as_of, frozen), Good.of(frozen)
    wanted = [known[key] for key in keys if key in known]
    latest = newest(parts_of(wanted), clock)
    texts = [key for key in keys if key in known and known[key].is_category]
    book = customers(
        [key for key in keys if key not in texts],
        texts,
        as_of=as_of,
        first_id=first_id,
        last_id=last_id,
        good=good,
        dates=any(metric.attribute for metric in wanted),
        only=only,
    )
    derived = derive(
        wanted,
        clock=clock,
        ids=book.ids,
        first_id=first_id,
        last_id=last_id,
        days=latest,
        only=only,
    )
    columns: dict[str, Any] = _merged(keys, book, derived, as_of, good)
    for metric in wanted:
        if metric.over:
            columns[metric.key] = _over(metric, book.ids, as_of, first_id, last_id, good, only)
        if metric.attribute and metric.key in columns:
            own = book.own_figure(metric.attribute)
            columns[metric.key] = np.where(np.isnan(columns[metric.key]), own, columns[metric.key])
    columns |= _attributes(book)
    for key, days in baselines:
        columns[baseline_column(key, days)] = _baseline(
            key, known.get(key), days, book.ids, clock, good, first_id, last_id, only
        )
    return pd.DataFrame(columns, index=pd.Index(book.ids, name="account_id", dtype=np.int64))


def _merged(
    keys: Sequence[str],
    book: Book,
    derived: Mapping[str, Derived],
    as_of: date,
    good: Good,
) -> dict[str, np.ndarray]:
    """Reported and derived as one column per key."""
    wanted: dict[str, np.ndarray] = {}
    for key in keys:
        found = derived.get(key)
        lacks = book.heard & readings.is_unknown(book.values[key])
        if found is not None:
            # A derived value at least as new as the newest reading is newer than all before it.
            lacks &= np.isnan(found.values) | (book.days > np.datetime64(found.on))
        wanted[key] = lacks
    filled = readings.fill_from_older(wanted, book.ids, book.values, as_of, good)
    columns = {}
    for key in keys:
        column = book.values[key]
        found = derived.get(key)
        if found is not None and column.dtype != object:
            on = book.days.copy()
            for place, day in filled.get(key, {}).items():
                on[place] = day
            takes = np.isnan(column) | (~np.isnan(found.values) & (on < np.datetime64(found.on)))
            column = np.where(takes, found.values, column)
        columns[key] = column
    return columns


def _attributes(book: Book) -> dict[str, Any]:
    stage, owner = book.lifecycle_stage, book.owner_id
    if stages := book.history.stages:
        told = zip(book.ids.tolist(), stage, strict=True)
        stage = [stages[account].stage if account in stages else own for account, own in told]
    if owners := book.history.owners:
        pairs = zip(book.ids.tolist(), owner.tolist(), strict=True)
        owner = np.array([owners.get(account, own) for account, own in pairs], dtype=np.float64)
    return {
        "industry": _texts(book.industry),
        "size_segment": _texts(book.size_segment),
        "lifecycle_stage": _texts(stage),
        "tags": book.tags,
        "owner_id": owner,
        "team_id": book.team_id,
        "arr_amount": book.arr_amount,
    }


def _texts(values: Sequence[str | None]) -> np.ndarray:
    # Each text once in memory: thousands of accounts share it.
    once: dict[str, str] = {}
    return np.array(
        [once.setdefault(text, text) if text else None for text in values], dtype=object
    )


def _over(
    metric: Metric,
    ids: Ids,
    as_of: date,
    first_id: int,
    last_id: int,
    good: Good,
    only: Sequence[int],
) -> Floats:
    """An admin's aggregate of the values reported over its window."""
    days = timedelta(days=metric.window_days or LOOK_BACK_DAYS)
    told = readings.window(
        [metric.key],
        after=as_of - days,
        until=as_of,
        first_id=first_id,
        last_id=last_id,
        good=good,
        only=only,
    )
    rows = [
        (account, (as_of - on).days, reading[metric.key])
        for account, on, reading in told
        if reading.get(metric.key) is not None
    ]
    if not rows:
        return np.full(len(ids), np.nan)
    values = pd.DataFrame(rows, columns=["account_id", "ago", "value"])
    return custom.over(values, metric.over).reindex(ids).to_numpy(dtype=np.float64)


def _baseline(
    key: str,
    metric: Metric | None,
    days: int,
    ids: Ids,
    clock: Clock,
    good: Good,
    first_id: int,
    last_id: int,
    only: Sequence[int],
) -> Floats:
    """The account's own average of a metric over the `days` before the night; NaN without a value.

    The mean of what was reported in them and of the metric as facts give it on four evenly spaced days:
    for 90 days, as of 22, 45, 68 and 90 days before.
    """
    total, n = np.zeros(len(ids)), np.zeros(len(ids))
    until = clock.as_of - timedelta(days=1)
    after = until - timedelta(days=days)
    told = readings.window(
        [key],
        after=after,
        until=until,
        first_id=first_id,
        last_id=last_id,
        good=good,
        only=only,
    )
    rows = [(account, reading.get(key)) for account, _, reading in told]
    if seen := [row for row in rows if row[1] is not None]:
        values = pd.DataFrame(seen, columns=["account_id", "value"]).groupby("account_id")["value"]
        total += values.sum().reindex(ids, fill_value=0.0).to_numpy(dtype=np.float64)
        n += values.size().reindex(ids, fill_value=0).to_numpy(dtype=np.float64)
    if metric is not None and metric.is_derived:
        for number in range(1, _BASELINE_DAYS + 1):
            past = clock.ago(max(1, round(days * number / _BASELINE_DAYS)))
            found = derive(
                [metric], clock=past, ids=ids, first_id=first_id, last_id=last_id, only=only
            )
            if key in found:
                known = ~np.isnan(found[key].values)
                total += np.where(known, found[key].values, 0.0)
                n += known
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
