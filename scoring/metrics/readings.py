"""Values sources reported, as of a date."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
from django.db import connection

from csm.lib.copy import among
from scoring.metrics.facts import Ids

# How far back a value still counts when newer readings leave it out; its age is shown on the page.
LOOK_BACK_DAYS = 400
# Feeds that bring readings.
FEEDS = ("metrics", "account_metrics", "accounts")
_CHUNK = 900

Reading = dict[str, Any]

_OLDER = """
SELECT account_id, "on", metrics FROM accounts_reading r
WHERE {accounts} AND "on" <= %s AND "on" > %s {good}{names}
ORDER BY account_id, "on" DESC, source
"""
# The keys that accounts' readings carry: whole readings of one account in a row, or each key once.
_CARRIED = {
    "sqlite": """
SELECT account_id, '[' || group_concat(metrics) || ']' FROM accounts_reading r
WHERE {accounts} AND "on" <= %s AND "on" > %s {good} GROUP BY account_id
""",
    "postgresql": """
SELECT DISTINCT key FROM accounts_reading r CROSS JOIN LATERAL jsonb_object_keys(r.metrics) key
WHERE {accounts} AND "on" <= %s AND "on" > %s {good}
""",
}
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
    lacking = _lacking(always, wanted, heard, readings)
    oldest = as_of - timedelta(days=LOOK_BACK_DAYS)
    span = [as_of, oldest, *good.values]
    by_account = {int(ids[place]): (place, missing) for place, missing in lacking.items()}
    _leave_carried(by_account, span, good)
    if not by_account:
        return {}
    accounts, values = among("account_id", by_account)
    keys = sorted(set().union(*(missing for _, missing in by_account.values())))
    names, named = _names(keys)
    sql = _OLDER.format(accounts=accounts, good=good.sql("r"), names=names)
    filled: dict[str, dict[int, date]] = {}
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *span, *named])
        while rows := cursor.fetchmany(_CHUNK):
            for account_id, on, packed in rows:
                place, missing = by_account[account_id]
                if any(text in packed for text in missing.values()):
                    older = orjson.loads(packed)
                    for key in [key for key in missing if key in older]:
                        readings[place][key] = older[key]
                        filled.setdefault(key, {})[place] = on
                        del missing[key]
    return filled


# Keys by the text they have in the stored JSON: most older readings lack them as well, and looking for that is
# many times cheaper than parsing the row.
_Missing = dict[str, str]


def _lacking(
    always: Sequence[str],
    wanted: Mapping[str, np.ndarray],
    heard: Sequence[bool],
    readings: Sequence[Reading],
) -> dict[int, _Missing]:
    """By place the keys an older reading is asked for."""
    here = np.array(heard, dtype=bool)
    found: dict[int, _Missing] = {}
    for key, needed in [*((key, here) for key in always), *wanted.items()]:
        text = f'"{key}"'
        for place in np.flatnonzero(needed & here).tolist():
            if key not in readings[place]:
                found.setdefault(place, {})[key] = text
    return found


def _leave_carried(
    lacking: dict[int, tuple[int, _Missing]], span: Sequence[Any], good: Good
) -> None:
    """Take out of `lacking` the keys no reading carries, and accounts without any other.

    Most keys are never reported: then no row needs to be searched for each of them.
    """
    if not lacking:
        return
    accounts, values = among("account_id", lacking)
    sql = _CARRIED[connection.vendor].format(accounts=accounts, good=good.sql("r"))
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *span])
        if connection.vendor == "postgresql":
            carried = {key for (key,) in cursor.fetchall()}
            for account_id, (place, missing) in list(lacking.items()):
                _keep(lacking, account_id, place, missing, carried)
            return
        while rows := cursor.fetchmany(_CHUNK):
            for account_id, packed in rows:
                told: set[str] = set().union(*orjson.loads(packed))
                _keep(lacking, account_id, *lacking[account_id], told)


def _keep(
    lacking: dict[int, tuple[int, _Missing]],
    account_id: int,
    place: int,
    missing: _Missing,
    carried: set[str],
) -> None:
    if left := {key: text for key, text in missing.items() if key in carried}:
        lacking[account_id] = (place, left)
    else:
        del lacking[account_id]


def _names(keys: Sequence[str]) -> tuple[str, list[str]]:
    """A reading names one of the keys: where none does, no row leaves the database."""
    if connection.vendor == "postgresql":
        return f" AND r.metrics ?| ARRAY[{', '.join(['%s'] * len(keys))}]", list(keys)
    return "", []


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
