"""Values sources reported, as of a date."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
from django.db import connection

from csm.lib.copy import among
from scoring.metrics.facts import Ids, within

# How far back a value still counts when newer readings leave it out; its age is shown on the page.
LOOK_BACK_DAYS = 400
# Feeds that bring readings.
FEEDS = ("metrics", "account_metrics", "accounts")
_CHUNK = 900

Reading = dict[str, Any]
Values = npt.NDArray[Any]

_OLDER = """
SELECT account_id, "on", metrics FROM accounts_reading r
WHERE {accounts} AND "on" <= %s AND "on" > %s {good}{names}
ORDER BY account_id, "on" DESC, source
"""
_OF = """
FROM accounts_reading r WHERE {accounts} AND "on" <= %s AND "on" > %s {good}
"""
_WINDOW = """
SELECT r.account_id, r."on", r.metrics FROM accounts_account a
JOIN accounts_reading r ON r.account_id = a.id AND r."on" <= %s AND r."on" > %s {good}
WHERE {accounts}
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


def is_unknown(column: Values) -> npt.NDArray[np.bool_]:
    """Where a column of numbers is NaN, of texts None."""
    found: npt.NDArray[np.bool_] = pd.isna(column) if column.dtype == object else np.isnan(column)
    return found


def fill_from_older(
    lacking: Mapping[str, npt.NDArray[np.bool_]],
    ids: Ids,
    columns: Mapping[str, Values],
    as_of: date,
    good: Good,
) -> dict[str, dict[int, date]]:
    """Put into `columns` what the newest reading left out, from older ones.

    `lacking` says per key which accounts need it. Returns the day of what was added: key → place → day.
    """
    lacking = {key: lacks for key, lacks in lacking.items() if lacks.any()}
    if not lacking:
        return {}
    span = [as_of, as_of - timedelta(days=LOOK_BACK_DAYS), *good.values]
    asked = ids[np.logical_or.reduce(list(lacking.values()))]
    by_account = _carried(lacking, asked, ids, span, good)
    if not by_account:
        return {}
    accounts, values = _among(by_account)
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
                        if older[key] is not None:
                            columns[key][place] = older[key]
                        filled.setdefault(key, {})[place] = on
                        del missing[key]
    return filled


def _among(ids: Iterable[int]) -> tuple[str, list[Any]]:
    if connection.vendor == "postgresql":
        # As text: many times cheaper to send than a list of numbers.
        return "account_id = ANY(%s::bigint[])", ["{" + ",".join(map(str, ids)) + "}"]
    return among("account_id", list(ids))


# Place and, by key, the text it has in the stored JSON: most older readings lack the keys as well, and looking
# for that is many times cheaper than parsing the row.
_Missing = dict[int, tuple[int, dict[str, str]]]


def _carried(
    lacking: Mapping[str, npt.NDArray[np.bool_]],
    asked: Ids,
    ids: Ids,
    span: Sequence[Any],
    good: Good,
) -> _Missing:
    """By account what it lacks and an older reading may carry.

    Most keys are never reported: then no row needs to be searched for each of them.
    """
    accounts, values = _among(asked.tolist())
    keys = list(lacking)
    told: dict[int, set[str]] | None = None
    if connection.vendor == "postgresql":
        tests = ", ".join(["bool_or(r.metrics ? %s)"] * len(keys))
        sql = f"SELECT {tests} {_OF.format(accounts=accounts, good=good.sql('r'))}"
        with connection.cursor() as cursor:
            cursor.execute(sql, [*keys, *values, *span])
            keys = [key for key, has in zip(keys, cursor.fetchone(), strict=True) if has]
    else:
        sql = f"SELECT account_id, '[' || group_concat(metrics) || ']' {_OF} GROUP BY account_id"
        told = {}
        with connection.cursor() as cursor:
            cursor.execute(sql.format(accounts=accounts, good=good.sql("r")), [*values, *span])
            while rows := cursor.fetchmany(_CHUNK):
                for account_id, packed in rows:
                    told[account_id] = set().union(*orjson.loads(packed))
    found: _Missing = {}
    for key in keys:
        text = f'"{key}"'
        places = np.flatnonzero(lacking[key])
        for place, account_id in zip(places.tolist(), ids[places].tolist(), strict=True):
            if told is None or key in told.get(account_id, ()):
                found.setdefault(account_id, (place, {}))[1][key] = text
    return found


def _names(keys: Sequence[str]) -> tuple[str, list[str]]:
    """A reading names one of the keys: where none does, no row leaves the database."""
    if connection.vendor == "postgresql":
        return f" AND r.metrics ?| ARRAY[{', '.join(['%s'] * len(keys))}]", list(keys)
    return "", []


def window(
    keys: Collection[str],
    *,
    after: date,
    until: date,
    first_id: int,
    last_id: int,
    good: Good,
    only: Sequence[int] = (),
) -> Iterator[tuple[int, date, Reading]]:
    """Readings dated in (after, until] that name one of `keys`: by account, newest first."""
    texts = [f'"{key}"' for key in keys]
    sql = _WINDOW.format(good=good.sql("r"), accounts=within("a.id", first_id, last_id, only))
    with connection.cursor() as cursor:
        cursor.execute(sql, [until, after, *good.values])
        while rows := cursor.fetchmany(20_000):
            for account_id, on, packed in rows:
                if any(text in packed for text in texts):
                    yield account_id, on, orjson.loads(packed)
