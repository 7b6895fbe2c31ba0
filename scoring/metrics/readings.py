"""Values sources reported, as of a date."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
from django.db import connection

from scoring.metrics.facts import Ids

# How far back a value still counts when newer readings leave it out; its age is shown on the page.
LOOK_BACK_DAYS = 400
# Feeds that bring readings.
FEEDS = ("metrics", "account_metrics", "accounts")
_CHUNK = 900

Reading = dict[str, Any]

_OLDER = """
SELECT account_id, "on", metrics FROM accounts_reading r
WHERE account_id IN ({ids}) AND "on" <= %s AND "on" > %s {good} AND ({names})
ORDER BY account_id, "on" DESC, source
"""
_WINDOW = """
SELECT r.account_id, r."on", r.metrics FROM accounts_account a
JOIN accounts_reading r ON r.account_id = a.id AND r."on" <= %s AND r."on" > %s {good}
WHERE a.id BETWEEN %s AND %s
ORDER BY r.account_id, r."on" DESC, r.source
"""


@dataclass(frozen=True)
class Good:
    """Frozen sources: what they reported after their last good day is not read."""

    days: Mapping[str, date]

    @classmethod
    def of(cls, frozen: Mapping[tuple[str, str], date] | None) -> "Good":
        days: dict[str, date] = {}
        for (source, feed), on in (frozen or {}).items():
            if feed in FEEDS:
                days[source] = min(on, days.get(source, on))
        return cls(days)

    def sql(self, alias: str) -> str:
        one = f' AND NOT ({alias}.source = %s AND {alias}."on" > %s)'
        return one * len(self.days)

    @property
    def values(self) -> list[Any]:
        return [value for pair in self.days.items() for value in pair]


def fill_from_older(
    always: Sequence[str],
    wanted: Mapping[str, np.ndarray],
    ids: Ids,
    heard: Sequence[bool],
    readings: Sequence[Reading],
    as_of: date,
    good: Good,
) -> dict[str, dict[int, date]]:
    """Add to `readings` what their newest one left out, from older ones.

    All accounts with a reading need the keys `always`; `wanted` says per further key which do.
    Returns the day of what was added: key → place → day.
    """
    lacking: dict[int, tuple[int, dict[str, str]]] = {}
    # Each missing key as it stands in the stored JSON: most older readings lack it as well, and looking for
    # the text is many times cheaper than parsing the row.
    texts = {key: f'"{key}"' for key in always}
    masks = [(key, f'"{key}"', needed.tolist()) for key, needed in wanted.items()]
    for place, (account_id, reading) in enumerate(zip(ids.tolist(), readings, strict=True)):
        if not heard[place]:
            continue
        missing = {key: text for key, text in texts.items() if key not in reading}
        for key, text, needed in masks:
            if needed[place] and key not in reading:
                missing[key] = text
        if missing:
            lacking[account_id] = (place, missing)
    oldest = as_of - timedelta(days=LOOK_BACK_DAYS)
    filled: dict[str, dict[int, date]] = {}
    account_ids = list(lacking)
    for start in range(0, len(account_ids), _CHUNK):
        chunk = account_ids[start : start + _CHUNK]
        keys = sorted(set().union(*(lacking[account_id][1] for account_id in chunk)))
        sql = _OLDER.format(
            ids=", ".join(["%s"] * len(chunk)), good=good.sql("r"), names=_names(len(keys))
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [*chunk, as_of, oldest, *good.values, *_named(keys)])
            for account_id, on, packed in cursor.fetchall():
                place, missing = lacking[account_id]
                if any(text in packed for text in missing.values()):
                    older = orjson.loads(packed)
                    for key in [key for key in missing if key in older]:
                        readings[place][key] = older[key]
                        filled.setdefault(key, {})[place] = on
                        del missing[key]
    return filled


def _names(keys: int) -> str:
    """A reading names one of so many keys: where nobody reports them, no row leaves the database."""
    if connection.vendor == "postgresql":
        return f"r.metrics ?| ARRAY[{', '.join(['%s'] * keys)}]"
    return " OR ".join(["instr(r.metrics, %s) > 0"] * keys)


def _named(keys: Sequence[str]) -> list[str]:
    return list(keys) if connection.vendor == "postgresql" else [f'"{key}"' for key in keys]


def window(
    keys: Collection[str], *, after: date, until: date, first_id: int, last_id: int, good: Good
) -> Iterator[tuple[int, date, Reading]]:
    """Readings dated in (after, until] that name one of `keys`: by account, newest first."""
    texts = [f'"{key}"' for key in keys]
    sql = _WINDOW.format(good=good.sql("r"))
    with connection.cursor() as cursor:
        cursor.execute(sql, [until, after, *good.values, first_id, last_id])
        while rows := cursor.fetchmany(20_000):
            for account_id, on, packed in rows:
                if any(text in packed for text in texts):
                    yield account_id, on, orjson.loads(packed)
