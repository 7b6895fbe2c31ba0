"""Who is a customer on a day, what their own record says and what was last reported of them: as columns."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from django.db import connection

from csm.lib.copy import read_columns
from csm.lib.money import in_own_currency, per_unit
from scoring.metrics import standing
from scoring.metrics.facts import Floats, Ids, within
from scoring.metrics.readings import Good, Reading

_EPOCH = date(1970, 1, 1)
_LONG_AGO = (date(1, 1, 1) - _EPOCH).days
_FROM = """
FROM accounts_account a
{newest}
WHERE {accounts} AND a.merged_into_id IS NULL
  AND (a.customer_since IS NULL OR a.customer_since <= %s) {here}
ORDER BY a.id, r.source
"""
# The newest readings per account come by one index seek each; a join over all readings would read the
# whole history every night.
_NEWEST = {
    "sqlite": """
LEFT JOIN accounts_reading r ON r.account_id = a.id AND r."on" = (
    SELECT MAX(x."on") FROM accounts_reading x WHERE x.account_id = a.id AND x."on" <= %s {good_x}
) {good_r}""",
    "postgresql": """
LEFT JOIN LATERAL (
    SELECT x.source, x."on", x.metrics FROM accounts_reading x
    WHERE x.account_id = a.id AND x."on" <= %s {good_x}
    ORDER BY x."on" DESC FETCH FIRST 1 ROW WITH TIES
) r ON TRUE""",
}
_HERE = "AND (a.churned_on IS NULL OR a.churned_on > %s)"


@dataclass(frozen=True, eq=False)
class Book:
    """The customers of a range on the day, ordered by id: n accounts.

    values: per key what the newest reading says, float64 (NaN unknown) or texts (None unknown). days: day of
    that reading, heard: whether there is one. tenure_days and renewal_days count to the night, NaN unknown.
    """

    ids: Ids
    industry: Sequence[str | None]
    size_segment: Sequence[str | None]
    lifecycle_stage: Sequence[str | None]
    tags: Sequence[Sequence[str]]
    owner_id: Floats
    team_id: Floats
    arr_amount: Floats
    renewal_days: Floats
    tenure_days: Floats
    values: dict[str, npt.NDArray[Any]]
    days: npt.NDArray[np.datetime64]
    heard: npt.NDArray[np.bool_]
    history: standing.History

    def own_figure(self, name: str) -> Floats:
        """What the account's own record says of a metric: money in major units, the others in days."""
        if name == "arr":
            return self.arr_amount / per_unit()
        return self.renewal_days if name == "renewal_days_left" else self.tenure_days


def customers(
    numbers: Collection[str],
    texts: Collection[str],
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    good: Good,
    dates: bool,
    only: Sequence[int] = (),
) -> Book:
    """The book of a range: reported values of the keys `numbers` and, as text, `texts`.

    With `only`, these accounts of the range and no others.
    Without `dates` tenure and renewal may be left out. Two queries.
    """
    history = standing.history(as_of, first_id, last_id, only)
    # An event may say the account came back after it churned; without any the database can leave it out.
    here = [] if history.stages else [as_of]
    sql = _FROM.format(
        newest=_NEWEST[connection.vendor].format(good_x=good.sql("x"), good_r=good.sql("r")),
        here=_HERE if here else "",
        accounts=within("a.id", first_id, last_id, only),
    )
    if connection.vendor == "postgresql":
        rest = [as_of, *good.values, as_of, *here]
        found = _from_columns(sql, rest, numbers, texts, as_of, history)
    else:
        rest = [as_of, *good.values, *good.values, as_of, *here]
        found = _from_rows(sql, rest, numbers, texts, as_of, history, dates=dates)
    return found


# --- PostgreSQL: the database takes the readings apart ---------------------------------------------

_ATTRIBUTES = {
    "id": "int8",
    "industry": "json",
    "size_segment": "json",
    "lifecycle_stage": "json",
    "tags": "json",
    "owner_id": "float8",
    "team_id": "float8",
    "arr_amount": "float8",
    "renewal_days": "float8",
    "tenure_days": "float8",
    "churned": "float8",
    "told": "float8",
}


def _from_columns(
    sql: str,
    values: Sequence[Any],
    numbers: Collection[str],
    texts: Collection[str],
    as_of: date,
    history: standing.History,
) -> Book:
    names = {f"v{place}": key for place, key in enumerate([*numbers, *texts])}
    casts = ["::float8"] * len(numbers) + [""] * len(texts)
    parts = ", ".join(
        f"(r.metrics->>%s){cast} AS {name}" for name, cast in zip(names, casts, strict=True)
    )
    select = (
        "SELECT a.id, a.industry, a.size_segment, a.lifecycle_stage, a.tags, a.owner_id, a.team_id, "
        f"{in_own_currency('a.arr_amount', 'a.currency')} AS arr_amount, "
        f"a.renewal_on - '{as_of}'::date AS renewal_days, "
        f"'{as_of}'::date - a.customer_since AS tenure_days, a.churned_on - '{as_of}'::date AS churned, "
        f"r.\"on\" - '{_EPOCH}'::date AS told{', ' if parts else ''}{parts} {sql}"
    )
    kinds = dict(_ATTRIBUTES)
    kinds |= {name: "float8" if cast else "json" for name, cast in zip(names, casts, strict=True)}
    columns = read_columns(select, [*names.values(), *values], kinds)
    columns = _merged(columns, names)
    columns = _without_gone(columns, as_of, history.stages)
    heard = ~np.isnan(columns["told"])
    return Book(
        ids=columns["id"],
        **{name: columns[name] for name in _ATTRIBUTES if name not in ("id", "churned", "told")},
        values={
            key: np.array(columns[name], dtype=object if kinds[name] == "json" else np.float64)
            for name, key in names.items()
        },
        days=np.where(heard, columns["told"], _LONG_AGO).astype("datetime64[D]"),
        heard=heard,
        history=history,
    )


def _merged(columns: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """One row per account: where several sources spoke on the same day, the first that names a key counts."""
    ids = columns["id"]
    new = np.ones(len(ids), dtype=bool)
    new[1:] = ids[1:] != ids[:-1]
    if new.all():
        return columns
    first = np.maximum.accumulate(np.where(new, np.arange(len(ids)), 0))
    for row in np.flatnonzero(~new).tolist():
        for name in names:
            column = columns[name]
            own = column[first[row]]
            if own is None or own != own:
                column[first[row]] = column[row]
    return _only(columns, new)


def _without_gone(
    columns: dict[str, Any], as_of: date, stages: dict[int, standing.Stage]
) -> dict[str, Any]:
    if not stages:
        return columns
    gone = columns["churned"] <= 0
    for place in np.flatnonzero(np.isin(columns["id"], list(stages))).tolist():
        days = columns["churned"][place]
        churned_on = None if np.isnan(days) else as_of + timedelta(days=int(days))
        gone[place] = stages[int(columns["id"][place])].is_gone(churned_on, as_of)
    return _only(columns, ~gone)


def _only(columns: dict[str, Any], wanted: npt.NDArray[np.bool_]) -> dict[str, Any]:
    if wanted.all():
        return columns
    places = np.flatnonzero(wanted).tolist()
    return {
        name: column[wanted]
        if isinstance(column, np.ndarray)
        else [column[place] for place in places]
        for name, column in columns.items()
    }


# --- SQLite: rows, readings as JSON ----------------------------------------------------------------


def _from_rows(
    sql: str,
    values: Sequence[Any],
    numbers: Collection[str],
    texts: Collection[str],
    as_of: date,
    history: standing.History,
    *,
    dates: bool,
) -> Book:
    stages = history.stages
    # Parsing dates costs as much as parsing readings: only where they decide something.
    select = (
        "SELECT a.id, a.industry, a.size_segment, a.lifecycle_stage, a.tags, a.owner_id, a.team_id, "
        f"{in_own_currency('a.arr_amount', 'a.currency')}, "
        f"{'a.renewal_on, a.customer_since' if dates else 'NULL, NULL'}, "
        f'{"a.churned_on" if stages else "NULL"}, r."on", r.metrics {sql}'
    )
    with connection.cursor() as cursor:
        cursor.execute(select, values)
        rows = cursor.fetchall()
    kept: list[tuple[Any, ...]] = []
    found: list[Reading] = []
    for row in rows:
        account_id, churned_on, packed = row[0], row[-3], row[-1]
        if stages and stages.get(account_id, standing.Stage()).is_gone(churned_on, as_of):
            continue
        reading = orjson.loads(packed) if packed else {}
        if kept and kept[-1][0] == account_id:  # two sources spoke on the same day
            found[-1] = reading | found[-1]
        else:
            kept.append(row)
            found.append(reading)
    columns = list(zip(*kept, strict=True)) if kept else [()] * 13
    ids, industry, size, stage, tags, owner, team, arr, renewal, since, _, on, packed = columns
    today = (as_of - _EPOCH).days
    told = np.array(
        [_LONG_AGO if day is None else (day - _EPOCH).days for day in on], dtype=np.int64
    )
    return Book(
        ids=np.array(ids, dtype=np.int64),
        industry=industry,
        size_segment=size,
        lifecycle_stage=stage,
        tags=[orjson.loads(text) if text and text != "[]" else [] for text in tags],
        owner_id=np.array(owner, dtype=np.float64),
        team_id=np.array(team, dtype=np.float64),
        arr_amount=np.array(arr, dtype=np.float64),
        renewal_days=_days(renewal) - today,
        tenure_days=today - _days(since),
        values={
            key: np.array([reading.get(key) for reading in found], dtype=kind)
            for keys, kind in ((numbers, np.float64), (texts, object))
            for key in keys
        },
        days=told.astype("datetime64[D]"),
        heard=np.array([one is not None for one in packed], dtype=bool),
        history=history,
    )


def _days(dates: Sequence[date | None]) -> Floats:
    return np.array(
        [np.nan if day is None else (day - _EPOCH).days for day in dates], dtype=np.float64
    )
