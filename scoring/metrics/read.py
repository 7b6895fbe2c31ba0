"""Metrics of a range of accounts as of a date: set-based, no look-ahead, constant queries.

A metric comes from dated facts (`derive`) or from what a source reported (`readings`). The newer wins: a
reported value has the day of its reading, a derived one the newest day of its feed over the whole book; on
the same day the reported one. What is known one way only comes that way; what is known neither way may
stand in the account's own record (`Metric.attribute`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
from django.db import connection

from scoring.engine.spec import baseline_column
from scoring.metrics import custom, readings, standing
from scoring.metrics.catalogue import metrics_of
from scoring.metrics.derive import Derived, derive, parts_of
from scoring.metrics.facts import Clock, Floats, Frozen, Ids, newest
from scoring.metrics.metric import Metric
from scoring.metrics.origins import Origin, origins, own_figure
from scoring.metrics.readings import LOOK_BACK_DAYS, Good, Reading

__all__ = ["ATTRIBUTES", "LOOK_BACK_DAYS", "Frozen", "Origin", "frame", "origins"]

# Attributes of the account that a scorecard may use like a metric.
ATTRIBUTES = ("industry", "size_segment", "lifecycle_stage")
# Days of a baseline's window on which a derived metric is computed.
_BASELINE_DAYS = 4
_LONG_AGO = date(1, 1, 1)

# The newest reading per account comes by one index seek each; a join over all readings would read the
# whole history every night.
_NEWEST = """
SELECT a.id, a.industry, a.size_segment, a.lifecycle_stage, a.tags,
       a.owner_id, a.team_id, a.arr_amount, {churned}, {dates}, {told}, r.metrics
FROM accounts_account a
LEFT JOIN accounts_reading r ON r.account_id = a.id AND r."on" = (
    SELECT MAX(x."on") FROM accounts_reading x WHERE x.account_id = a.id AND x."on" <= %s {good_x}
) {good_r}
WHERE a.id BETWEEN %s AND %s AND a.merged_into_id IS NULL
  AND (a.customer_since IS NULL OR a.customer_since <= %s) {here}
ORDER BY a.id, r.source
"""
_HERE = "AND (a.churned_on IS NULL OR a.churned_on > %s)"


@dataclass(frozen=True)
class _Book:
    """The customers of a range on the day, and what was last reported of each."""

    ids: Ids
    attributes: Sequence[Sequence[Any]]
    readings: list[Reading]
    # The day of each one's newest reading, where that decides; and whether there is one.
    days: Sequence[date]
    heard: Sequence[bool]
    history: standing.History


def frame(
    metrics: Collection[str],
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    baselines: Collection[tuple[str, int]] = (),
    frozen: Frozen | None = None,
) -> pd.DataFrame:
    """One row per account that is a customer on `as_of`, indexed by id and ordered by it.

    Columns: every key of `metrics` and `metric@baselineN` of `baselines` as float64 (NaN unknown), the
    attributes of `ATTRIBUTES` as text (None unknown), `tags` as lists, `owner_id`, `team_id` and
    `arr_amount` (minor units) as float64. Reported values count for `LOOK_BACK_DAYS`. Feeds of `frozen` are
    read as of their last good day.
    """
    keys = [key for key in metrics if key not in ATTRIBUTES]
    known = metrics_of([*keys, *(key for key, _ in baselines)])
    clock, good = Clock.of_night(as_of, frozen), Good.of(frozen)
    wanted = [known[key] for key in keys if key in known]
    latest = newest(parts_of(wanted), clock)
    book = _customers(
        as_of,
        first_id,
        last_id,
        good,
        # Parsing dates costs as much as parsing readings: only where they decide something.
        dates=any(metric.attribute for metric in wanted),
        told=bool(latest),
    )
    derived = derive(
        wanted, clock=clock, ids=book.ids, first_id=first_id, last_id=last_id, days=latest
    )
    columns: dict[str, Any] = _merged(keys, known, book, derived, as_of, good)
    for metric in wanted:
        if metric.over:
            columns[metric.key] = _over(metric, book.ids, as_of, first_id, last_id, good)
        if metric.attribute and metric.key in columns:
            own = _attribute(metric.attribute, book, as_of)
            columns[metric.key] = np.where(np.isnan(columns[metric.key]), own, columns[metric.key])
    columns |= _attributes(book)
    for key, days in baselines:
        columns[baseline_column(key, days)] = _baseline(
            key, known.get(key), days, book.ids, clock, good, first_id, last_id
        )
    return pd.DataFrame(columns, index=pd.Index(book.ids, name="account_id", dtype=np.int64))


def _customers(
    as_of: date, first_id: int, last_id: int, good: Good, *, dates: bool, told: bool
) -> _Book:
    history = standing.history(as_of, first_id, last_id)
    stages = history.stages
    # An event may say the account came back after it churned; without any the database can leave it out.
    sql = _NEWEST.format(
        churned="a.churned_on" if stages else "NULL",
        told='r."on"' if told else "NULL",
        dates="a.renewal_on, a.customer_since" if dates else "NULL, NULL",
        good_x=good.sql("x"),
        good_r=good.sql("r"),
        here="" if stages else _HERE,
    )
    values = [as_of, *good.values, *good.values, first_id, last_id, as_of]
    with connection.cursor() as cursor:
        cursor.execute(sql, values if stages else [*values, as_of])
        rows = cursor.fetchall()
    ids: list[int] = []
    attributes: list[Sequence[Any]] = []
    found: list[Reading] = []
    days: list[date] = []
    heard: list[bool] = []
    for account_id, *attribute, churned_on, renewal_on, since, on, packed in rows:
        if stages and stages.get(account_id, standing.Stage()).is_gone(churned_on, as_of):
            continue
        reading = orjson.loads(packed) if packed else {}
        if ids and ids[-1] == account_id:  # two sources spoke on the same day
            found[-1] = reading | found[-1]
        else:
            ids.append(account_id)
            attributes.append((*attribute, renewal_on, since))
            found.append(reading)
            days.append(on or _LONG_AGO)
            heard.append(packed is not None)
    return _Book(np.array(ids, dtype=np.int64), attributes, found, days, heard, history)


def _merged(
    keys: Sequence[str],
    known: Mapping[str, Metric],
    book: _Book,
    derived: Mapping[str, Derived],
    as_of: date,
    good: Good,
) -> dict[str, np.ndarray]:
    """Reported and derived as one column per key."""
    heard = np.array(book.heard, dtype=bool)
    last = np.array(book.days, dtype="datetime64[D]") if derived else None
    wanted: dict[str, np.ndarray] = {}
    always: list[str] = []
    for key in keys:
        found = derived.get(key)
        if found is None or last is None:
            always.append(key)
        else:
            # A derived value at least as new as the newest reading is newer than all before it.
            wanted[key] = heard & (np.isnan(found.values) | (last > np.datetime64(found.on)))
    filled = readings.fill_from_older(
        always, wanted, book.ids, book.heard, book.readings, as_of, good
    )
    columns = {}
    for key in keys:
        metric = known.get(key)
        values = [reading.get(key) for reading in book.readings]
        if metric is not None and metric.is_category:
            columns[key] = np.array(values, dtype=object)
            continue
        column = np.array(values, dtype=np.float64)
        found = derived.get(key)
        if found is not None and last is not None:
            on = last.copy()
            for place, day in filled.get(key, {}).items():
                on[place] = day
            takes = np.isnan(column) | (~np.isnan(found.values) & (on < np.datetime64(found.on)))
            column = np.where(takes, found.values, column)
        columns[key] = column
    return columns


def _attributes(book: _Book) -> dict[str, Any]:
    rows = book.attributes
    industry, size, stage, tags, owner, team, arr, *_ = (
        zip(*rows, strict=True) if rows else ((),) * 9
    )
    if stages := book.history.stages:
        told = zip(book.ids.tolist(), stage, strict=True)
        stage = tuple(stages[account].stage if account in stages else own for account, own in told)
    if owners := book.history.owners:
        told = zip(book.ids.tolist(), owner, strict=True)
        owner = tuple(owners.get(account, own) for account, own in told)
    return {
        "industry": np.array([text or None for text in industry], dtype=object),
        "size_segment": np.array([text or None for text in size], dtype=object),
        "lifecycle_stage": np.array([text or None for text in stage], dtype=object),
        "tags": [orjson.loads(text) if text and text != "[]" else [] for text in tags],
        "owner_id": np.array(owner, dtype=np.float64),
        "team_id": np.array(team, dtype=np.float64),
        "arr_amount": np.array(arr, dtype=np.float64),
    }


def _attribute(name: str, book: _Book, as_of: date) -> Floats:
    """What the account's own record says of a metric."""
    return np.array(
        [
            own_figure(name, arr=row[6], renewal_on=row[7], since=row[8], as_of=as_of)
            for row in book.attributes
        ],
        dtype=np.float64,
    )


def _over(metric: Metric, ids: Ids, as_of: date, first_id: int, last_id: int, good: Good) -> Floats:
    """An admin's aggregate of the values reported over its window."""
    days = timedelta(days=metric.window_days or LOOK_BACK_DAYS)
    told = readings.window(
        [metric.key],
        after=as_of - days,
        until=as_of,
        first_id=first_id,
        last_id=last_id,
        good=good,
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
) -> Floats:
    """The account's own average of a metric over the `days` before the night; NaN without a value.

    The mean of what was reported in them and of the metric as facts give it on four evenly spaced days:
    for 90 days, as of 22, 45, 68 and 90 days before.
    """
    total, n = np.zeros(len(ids)), np.zeros(len(ids))
    until = clock.as_of - timedelta(days=1)
    after = until - timedelta(days=days)
    told = readings.window(
        [key], after=after, until=until, first_id=first_id, last_id=last_id, good=good
    )
    rows = [(account, reading.get(key)) for account, _, reading in told]
    if seen := [row for row in rows if row[1] is not None]:
        values = pd.DataFrame(seen, columns=["account_id", "value"]).groupby("account_id")["value"]
        total += values.sum().reindex(ids, fill_value=0.0).to_numpy(dtype=np.float64)
        n += values.size().reindex(ids, fill_value=0).to_numpy(dtype=np.float64)
    if metric is not None and metric.is_derived:
        for number in range(1, _BASELINE_DAYS + 1):
            past = clock.ago(max(1, round(days * number / _BASELINE_DAYS)))
            found = derive([metric], clock=past, ids=ids, first_id=first_id, last_id=last_id)
            if key in found:
                known = ~np.isnan(found[key].values)
                total += np.where(known, found[key].values, 0.0)
                n += known
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
