"""Metrics of a range of accounts as of a date: set-based, no look-ahead, constant queries."""

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pandas as pd
from django.db import connection

from scoring.engine.spec import baseline_column
from scoring.metrics.catalogue import CATALOGUE

# How far back a value still counts when newer readings leave it out; its age is shown on the page.
LOOK_BACK_DAYS = 400
# Attributes of the account that a scorecard may use like a metric.
ATTRIBUTES = ("industry", "size_segment", "lifecycle_stage")
_CHUNK = 900

# The newest reading per account comes by one index seek each; a join over all readings would read the
# whole history every night.
_NEWEST = """
SELECT a.id, a.industry, a.size_segment, a.lifecycle_stage, a.tags,
       a.owner_id, a.team_id, a.arr_amount, r.metrics
FROM accounts_account a
LEFT JOIN accounts_reading r ON r.account_id = a.id AND r."on" = (
    SELECT MAX(x."on") FROM accounts_reading x WHERE x.account_id = a.id AND x."on" <= %s)
WHERE a.id BETWEEN %s AND %s
  AND (a.churned_on IS NULL OR a.churned_on > %s)
  AND (a.customer_since IS NULL OR a.customer_since <= %s)
ORDER BY a.id, r.source
"""
_OLDER = """
SELECT account_id, metrics FROM accounts_reading
WHERE account_id IN ({ids}) AND "on" <= %s AND "on" > %s
ORDER BY account_id, "on" DESC, source
"""
_WINDOW = """
SELECT r.account_id, r.metrics FROM accounts_account a
JOIN accounts_reading r ON r.account_id = a.id AND r."on" < %s AND r."on" >= %s
WHERE a.id BETWEEN %s AND %s
"""


def frame(
    metrics: Collection[str],
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    baselines: Collection[tuple[str, int]] = (),
) -> pd.DataFrame:
    """One row per account that is a customer on `as_of`, indexed by id and ordered by it.

    Columns: every key of `metrics` and `metric@baselineN` of `baselines` as float64 (NaN unknown), the
    attributes of `ATTRIBUTES` as text (None unknown), `tags` as lists, `owner_id`, `team_id` and
    `arr_amount` (minor units) as float64. A metric is the value in the
    newest reading on or before `as_of` that names it, at most `LOOK_BACK_DAYS` old.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [as_of, first_id, last_id, as_of, as_of])
        rows = cursor.fetchall()
    ids: list[int] = []
    attributes: list[Sequence[Any]] = []
    readings: list[dict[str, Any]] = []
    for account_id, *attribute, packed in rows:
        reading = orjson.loads(packed) if packed else {}
        if ids and ids[-1] == account_id:  # two sources spoke on the same day
            readings[-1] = reading | readings[-1]
        else:
            ids.append(account_id)
            attributes.append(attribute)
            readings.append(reading)
    keys = [key for key in metrics if key not in ATTRIBUTES]
    _fill_from_older(keys, ids, readings, as_of)
    columns: dict[str, Any] = {key: _column(readings, key) for key in keys}
    industry, size, stage, tags, owner, team, arr = (
        zip(*attributes, strict=True) if attributes else ((),) * 7
    )
    columns |= {
        "industry": np.array([text or None for text in industry], dtype=object),
        "size_segment": np.array([text or None for text in size], dtype=object),
        "lifecycle_stage": np.array([text or None for text in stage], dtype=object),
        "tags": [orjson.loads(text) if text and text != "[]" else [] for text in tags],
        "owner_id": np.array(owner, dtype=np.float64),
        "team_id": np.array(team, dtype=np.float64),
        "arr_amount": np.array(arr, dtype=np.float64),
    }
    for metric, days in baselines:
        columns[baseline_column(metric, days)] = _baseline(
            metric, days, ids, as_of, first_id, last_id
        )
    return pd.DataFrame(columns, index=pd.Index(ids, name="account_id", dtype=np.int64))


def _column(readings: list[dict[str, Any]], key: str) -> np.ndarray:
    values = [reading.get(key) for reading in readings]
    return np.array(values, dtype=object if CATALOGUE[key].is_category else np.float64)


def _fill_from_older(
    keys: Sequence[str], ids: list[int], readings: list[dict[str, Any]], as_of: date
) -> None:
    """Add to `readings` what their newest reading left out, from older ones."""
    lacking: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for account_id, reading in zip(ids, readings, strict=True):
        # Each missing key as it stands in the stored JSON: most older readings lack it as well, and
        # looking for the text is many times cheaper than parsing the row.
        if missing := {key: f'"{key}"' for key in keys if key not in reading}:
            lacking[account_id] = (reading, missing)
    oldest = as_of - timedelta(days=LOOK_BACK_DAYS)
    account_ids = list(lacking)
    for start in range(0, len(account_ids), _CHUNK):
        chunk = account_ids[start : start + _CHUNK]
        marks = ", ".join(["%s"] * len(chunk))
        with connection.cursor() as cursor:
            cursor.execute(_OLDER.format(ids=marks), [*chunk, as_of, oldest])
            for account_id, packed in cursor.fetchall():
                reading, missing = lacking[account_id]
                if any(text in packed for text in missing.values()):
                    older = orjson.loads(packed)
                    for key in [key for key in missing if key in older]:
                        reading[key] = older[key]
                        del missing[key]


def _baseline(
    metric: str, days: int, ids: list[int], as_of: date, first_id: int, last_id: int
) -> np.ndarray:
    """The account's own average of `metric` over the `days` before `as_of`; NaN without a reading."""
    with connection.cursor() as cursor:
        cursor.execute(_WINDOW, [as_of, as_of - timedelta(days=days), first_id, last_id])
        pairs = [(row[0], orjson.loads(row[1]).get(metric)) for row in cursor.fetchall()]
    seen = pd.DataFrame(pairs, columns=["account_id", "value"]).dropna()
    means = seen.groupby("account_id")["value"].mean()
    return means.reindex(ids).to_numpy(dtype=np.float64)
