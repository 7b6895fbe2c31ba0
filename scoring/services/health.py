"""Current health: computed again from what the snapshots stored, and how a night's whole is written."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import OperationalError, connection, transaction

from csm.lib.copy import Column, among, read_columns, write_columns
from csm.lib.money import in_own_currency, per_unit
from scoring.engine import codec, statistics
from scoring.engine.pack import Floats, Packed
from scoring.engine.revenue import tier_by_amount, tier_by_quantile
from scoring.engine.score import score as score_packed
from scoring.engine.spec import ScorecardSpec, slots
from scoring.models import AccountHealth, ScoreRun
from scoring.priority import priority
from scoring.services.populations import Plan

TABLE = AccountHealth._meta.db_table
Cuts = tuple[float, float]

HEALTH_FIELDS = (
    "account",
    "as_of",
    "version",
    "run",
    "score",
    "band",
    "band_name",
    "tone",
    "coverage",
    "components",
    "change_7d",
    "change_30d",
    "top_driver",
    "top_driver_lost",
    "priority",
    "predicted_6m_amount",
    "tier",
)

# One stretch of the snapshots' primary key per night.
_NIGHT = """
SELECT a.id, s.score, s.band, s.coverage, s.components, s.inputs, s.predicted_6m_amount,
       week.score, month.score, {arr}, a.renewal_on
FROM accounts_account a
JOIN scoring_snapshot s ON s.account_id = a.id AND s.as_of = %s AND s.version_id = %s AND s.run_id = %s
LEFT JOIN scoring_snapshot week
  ON week.account_id = a.id AND week.as_of = %s AND week.version_id = s.version_id
LEFT JOIN scoring_snapshot month
  ON month.account_id = a.id AND month.as_of = %s AND month.version_id = s.version_id
WHERE {accounts}
ORDER BY a.id
"""


@dataclass(frozen=True, eq=False)
class _Stored:
    """What the snapshots of n accounts stored and what their accounts say: money in minor units, NaN unknown.

    components (n, bytes of one row). renewal_days: from the night on. week, month: the score then.
    """

    ids: np.ndarray
    score: Floats
    band: np.ndarray
    coverage: Floats
    components: np.ndarray
    packed: Packed
    predicted: Floats
    week: Floats
    month: Floats
    arr: Floats
    renewal_days: Floats


def night_rows_of(
    run: ScoreRun, version_id: int, account_ids: Collection[int]
) -> list[tuple[Any, ...]]:
    """Some snapshots of a night with their accounts: what `health_rows` is made of."""
    return _night_rows(run, version_id, *among("a.id", account_ids))


def _night_rows(
    run: ScoreRun, version_id: int, accounts: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    week, month = _before(run.as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            _NIGHT.format(accounts=accounts, arr=in_own_currency("a.arr_amount", "a.currency")),
            [run.as_of, version_id, run.pk, week, month, *values],
        )
        return cursor.fetchall()


def _before(as_of: date) -> tuple[date, date]:
    return as_of - timedelta(days=7), as_of - timedelta(days=30)


def health_rows(
    run: ScoreRun,
    version_id: int,
    spec: ScorecardSpec,
    cuts: Cuts | None,
    rows: Sequence[tuple[Any, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Current health in the order of `HEALTH_FIELDS`, from rows of `night_rows_of`.

    The night computes the same for everybody; this is for the few accounts that are scored again by day.
    """
    if not rows:
        return iter(())
    stored = _of_rows(rows, run.as_of, len(slots(spec)))
    columns = _columns(run, version_id, spec, cuts, stored)
    return zip(*(column.plain() for column in columns), strict=True)


def _of_rows(rows: Sequence[tuple[Any, ...]], as_of: date, width: int) -> _Stored:
    ids, scores, bands, coverage, components, inputs, predicted, week, month, arr, renewal = zip(
        *rows, strict=True
    )
    packed = b"".join(bytes(row) for row in components)
    return _Stored(
        ids=np.array(ids, dtype=np.int64),
        score=_floats(scores),
        band=np.array(bands, dtype=np.int64),
        coverage=_floats(coverage),
        components=np.frombuffer(packed, dtype=np.uint8).reshape(len(rows), -1),
        packed=codec.decode_inputs(inputs, width),
        predicted=_floats(predicted),
        week=_floats(week),
        month=_floats(month),
        arr=_floats(arr),
        renewal_days=_days_until(renewal, as_of),
    )


def _floats(values: Sequence[float | int | None]) -> Floats:
    return np.array(values, dtype=np.float64)


def _days_until(days: Sequence[Any], as_of: date) -> Floats:
    """Days from `as_of`; NaN where there is no date. SQLite hands dates over as text."""
    parsed = (date.fromisoformat(day) if isinstance(day, str) else day for day in days)
    return np.array(
        [np.nan if day is None else (day - as_of).days for day in parsed], dtype=np.float64
    )


def _columns(
    run: ScoreRun, version_id: int, spec: ScorecardSpec, cuts: Cuts | None, stored: _Stored
) -> list[Column]:
    """Current health as columns, in the order of `HEALTH_FIELDS`."""
    stats = statistics.Stats.from_json(run.statistics[str(version_id)])
    scored = score_packed(spec, stored.packed, stats)
    score = stored.score
    change_7d, change_30d = score - stored.week, score - stored.month
    lost = np.where(np.isfinite(scored.points), scored.weights - scored.points, -1.0)
    driver = lost.argmax(axis=1)
    most = lost[np.arange(len(lost)), driver]
    labels = [measure.label for measure in spec.measures]
    attention = priority(score, change_30d, stored.renewal_days, stored.arr / per_unit()).total
    words = spec.band_words
    # -1, Unknown, is the last of the words.
    place = stored.band % len(words)
    tiers, tier = np.unique(_tiers(spec, stored.predicted, cuts), return_inverse=True)
    size = len(stored.ids)
    return [
        Column("account_id", "int8", stored.ids),
        Column.same("as_of", "date", run.as_of, size),
        Column.same("version_id", "int8", version_id, size),
        Column.same("run_id", "int8", run.pk, size),
        Column.floats("score", score),
        Column("band", "int2", stored.band),
        Column("band_name", "text", place, words=[name for name, _ in words]),
        Column("tone", "text", place, words=[tone for _, tone in words]),
        Column("coverage", "float8", stored.coverage),
        Column("components", "bytea", stored.components),
        Column.floats("change_7d", change_7d),
        Column.floats("change_30d", change_30d),
        Column("top_driver", "text", np.where(most > 0, driver, len(labels)), words=[*labels, ""]),
        Column.floats("top_driver_lost", np.where(most > 0, most, np.nan)),
        Column("priority", "float8", attention),
        Column.whole("predicted_6m_amount", stored.predicted),
        Column("tier", "text", tier, words=tiers.tolist()),
    ]


def _tiers(spec: ScorecardSpec, amounts: Floats, cuts: Cuts | None) -> np.ndarray:
    """Tier letters or numbers; `amounts` and `cuts` in minor units."""
    if spec.revenue.tiers == "amount":
        return tier_by_amount(amounts / per_unit())
    if cuts is None:
        return np.full(len(amounts), "")
    return tier_by_quantile(amounts, cuts)


# --- The whole night -------------------------------------------------------------------------------


def replace(run: ScoreRun, plan: Plan, cuts: Mapping[int, Cuts | None]) -> None:
    """Current health becomes this night's; an account the night did not score keeps its last row.

    The caller holds the transaction and `by_day_lock.one_writer`. Memory is bounded by a shard. On
    PostgreSQL the new night is a table of its own until the last moment: readers see the old one.
    """
    ranges = list(run.shards.order_by("number").values_list("first_id", "last_id"))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id()::text")
            # A name no other table has had.
            new = f"{TABLE}_{run.pk}_{cursor.fetchone()[0]}"
            cursor.execute(f"CREATE TABLE {new} (LIKE {TABLE} INCLUDING DEFAULTS)")
        for first_id, last_id in ranges:
            for version_id, spec in plan:
                stored = _of_columns(run, version_id, first_id, last_id, len(slots(spec)))
                if len(stored.ids):
                    columns = _columns(run, version_id, spec, cuts[version_id], stored)
                    write_columns(new, columns)
        _swap(new)
        return
    for first_id, last_id in ranges:
        _delete_scored(run, plan, first_id, last_id)
        for version_id, spec in plan:
            rows = _night_rows(run, version_id, "a.id BETWEEN %s AND %s", [first_id, last_id])
            if rows:
                stored = _of_rows(rows, run.as_of, len(slots(spec)))
                write_columns(TABLE, _columns(run, version_id, spec, cuts[version_id], stored))


def _delete_scored(run: ScoreRun, plan: Plan, first_id: int, last_id: int) -> None:
    """Clear the rows about to be replaced."""
    marks = ", ".join(["%s"] * len(plan))
    with connection.cursor() as cursor:
        # All of the snapshots' primary key is named: half of it would read the night once per account.
        cursor.execute(
            f"DELETE FROM {TABLE} WHERE account_id IN (SELECT s.account_id "
            f"FROM scoring_snapshot s WHERE s.as_of = %s AND s.version_id IN ({marks}) "
            "AND s.account_id BETWEEN %s AND %s AND s.run_id = %s)",
            [run.as_of, *(version_id for version_id, _ in plan), first_id, last_id, run.pk],
        )


def _of_columns(run: ScoreRun, version_id: int, first_id: int, last_id: int, width: int) -> _Stored:
    """Range by range of each table's own index, put together here: nothing for a planner to get wrong."""
    inside = [first_id, last_id]
    snapshots = read_columns(
        "SELECT account_id, score, band, coverage, components, inputs, predicted_6m_amount "
        "FROM scoring_snapshot WHERE as_of = %s AND version_id = %s AND run_id = %s "
        "AND account_id BETWEEN %s AND %s ORDER BY account_id",
        [run.as_of, version_id, run.pk, *inside],
        {
            "account_id": "int8",
            "score": "float8",
            "band": "int8",
            "coverage": "float8",
            "components": "bytea",
            "inputs": "bytea",
            "predicted_6m_amount": "float8",
        },
    )
    accounts = read_columns(
        f"SELECT id, {in_own_currency('arr_amount')} AS arr_amount, "
        "renewal_on - %s::date AS renewal FROM accounts_account "
        "WHERE id BETWEEN %s AND %s ORDER BY id",
        [run.as_of, *inside],
        {"id": "int8", "arr_amount": "float8", "renewal": "float8"},
    )
    ids = snapshots["account_id"]
    there = np.isin(ids, accounts["id"], assume_unique=True)
    known = ids[there]
    week, month = (
        read_columns(
            "SELECT account_id AS id, score FROM scoring_snapshot WHERE as_of = %s AND version_id = %s "
            "AND account_id BETWEEN %s AND %s ORDER BY account_id",
            [day, version_id, *inside],
            {"id": "int8", "score": "float8"},
        )
        for day in _before(run.as_of)
    )
    components = np.frombuffer(snapshots["components"], dtype=np.uint8)
    return _Stored(
        ids=known,
        score=snapshots["score"][there],
        band=snapshots["band"][there],
        coverage=snapshots["coverage"][there],
        components=components.reshape(len(ids), -1)[there] if len(ids) else components,
        packed=codec.joined_inputs(snapshots["inputs"], len(ids), width)[there],
        predicted=snapshots["predicted_6m_amount"][there],
        week=_at(known, week, "score"),
        month=_at(known, month, "score"),
        arr=_at(known, accounts, "arr_amount"),
        renewal_days=_at(known, accounts, "renewal"),
    )


def _at(ids: np.ndarray, columns: Mapping[str, Any], name: str) -> Floats:
    """A column by account, NaN where it has no row."""
    found = np.full(len(ids), np.nan)
    place = np.searchsorted(columns["id"], ids)
    near = np.minimum(place, len(columns["id"]) - 1)
    if len(columns["id"]):
        here = columns["id"][near] == ids
        found[here] = columns[name][near[here]]
    return found


def _swap(new: str) -> None:
    """Make the table `new` the one partition of current health.

    Indexes are built when the rows are there, which is cheaper than keeping them up. What else refers to the
    table (indexes' names, views, grants) stays with the partitioned table.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {new} SELECT h.* FROM {TABLE} h "
            f"WHERE NOT EXISTS (SELECT FROM {new} n WHERE n.account_id = h.account_id) "
            # No constraint does: an account deleted while a night was published would be carried for ever.
            "AND EXISTS (SELECT FROM accounts_account a WHERE a.id = h.account_id)"
        )
        cursor.execute(f"ALTER TABLE {new} ADD PRIMARY KEY (account_id)")
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
            "WHERE indrelid = %s::regclass AND NOT indisprimary",
            [TABLE],
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(
                re.sub(r" \S+ ON (ONLY )?\S+ USING", f" ON {new} USING", definition, count=1)
            )
        # A sample of 9,000 rows tells a planner of these columns what 30,000 do, in a third of the time.
        cursor.execute("SET LOCAL default_statistics_target = 30")
        cursor.execute(f"ANALYZE {new}")
        cursor.execute("SET LOCAL default_statistics_target TO DEFAULT")
        if not _alone():
            # Somebody reads for long: readers would queue behind us. Row by row disturbs nobody.
            cursor.execute(f"DELETE FROM {TABLE}")
            cursor.execute(f"INSERT INTO {TABLE} SELECT * FROM {new}")
            cursor.execute(f"DROP TABLE {new}")
            return
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass",
            [TABLE],
        )
        for (old,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {TABLE} DETACH PARTITION {old}")
            cursor.execute(f"DROP TABLE {old}")
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {new} FOR VALUES FROM (MINVALUE) TO (MAXVALUE)"
        )


def _alone() -> bool:
    """The table is ours until the transaction ends; False when somebody kept it for two seconds."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError:
        return False
    return True


def analyse_once() -> None:
    """Let PostgreSQL's planner know the whole of current health.

    Nobody analyses a partitioned table by itself; once done it holds across swaps. After the transaction, so
    that no reader waits.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stats WHERE schemaname = current_schema() "
            "AND tablename = %s AND inherited)",
            [TABLE],
        )
        if not cursor.fetchone()[0]:
            cursor.execute(f"ANALYZE {TABLE}")
