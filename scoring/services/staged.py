"""How a night's whole becomes current health.

On PostgreSQL workers put what they have scored into a table of the run's own, shard by shard, so that
publishing only fills in tiers, builds indexes and swaps. That table is not logged: a server that fell over
empties it. It is therefore counted before it is trusted, and what is not whole is computed again from the
snapshots; so is everything on SQLite, where the night is one process's work.
"""

import re
from collections.abc import Mapping
from typing import Final

from django.db import OperationalError, connection, transaction

from csm.lib.copy import columns_of, read_columns, write_columns
from scoring.engine.pack import Floats
from scoring.engine.revenue import QUANTILE_TIERS, quantile_cuts
from scoring.engine.score import Scored
from scoring.models import AccountHealth, ScoreRun, Snapshot
from scoring.services import health
from scoring.services.health import Cuts
from scoring.services.populations import Group, Plan

TABLE: Final = AccountHealth._meta.db_table
# Followed by the run's number.
_STAGED: Final = f"{TABLE}_night_"


def begin(run: ScoreRun) -> None:
    """An empty table for what the run's workers score. The caller holds the transaction."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {_STAGED}{run.pk}")
            cursor.execute(
                f"CREATE UNLOGGED TABLE {_STAGED}{run.pk} (LIKE {TABLE} INCLUDING DEFAULTS)"
            )


def is_begun(run: ScoreRun) -> bool:
    return run.pk in _begun()


def add(
    run: ScoreRun, group: Group, scored: Scored, predicted: Floats, first_id: int, last_id: int
) -> None:
    """Put what was scored into the run's table; `predicted` as the snapshots store it.

    In the transaction that stores the snapshots and marks the shard: so each account is in it once.
    """
    columns = health.columns_of_scored(run, group, scored, predicted, first_id, last_id)
    write_columns(f"{_STAGED}{run.pk}", columns)


def _begun() -> set[int]:
    """Runs that have a table."""
    if connection.vendor != "postgresql":
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ^@ %s AND relkind = 'r' "
            "AND relnamespace = current_schema()::regnamespace",
            [_STAGED],
        )
        ends = [name.removeprefix(_STAGED) for (name,) in cursor.fetchall()]
    return {int(end) for end in ends if end.isdecimal()}


def is_whole(run: ScoreRun) -> bool:
    """Whether the run's table holds every account its shards report."""
    if not is_begun(run):
        return False
    reports = run.shards.values_list("report", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {_STAGED}{run.pk}")
        return cursor.fetchone()[0] == sum(report.get("accounts", 0) for report in reports)


def drop_ended() -> None:
    """Remove the tables of runs that are over."""
    begun = _begun()
    opened = ScoreRun.objects.filter(pk__in=begun, state__in=ScoreRun.OPEN_STATES)
    with connection.cursor() as cursor:
        for pk in begun - set(opened.values_list("pk", flat=True)):
            cursor.execute(f"DROP TABLE IF EXISTS {_STAGED}{pk}")


def cuts_of(run: ScoreRun, version_id: int, *, whole: bool) -> Cuts | None:
    """Q25 and Q75 of predicted revenue in minor units, exact: 8 bytes an account are read for them."""
    kinds = {"predicted_6m_amount": "float8"}
    if whole:
        statement = (
            f"SELECT predicted_6m_amount FROM {_STAGED}{run.pk} "
            "WHERE version_id = %s AND predicted_6m_amount IS NOT NULL"
        )
        found = read_columns(statement, [version_id], kinds)
    else:
        known = Snapshot.objects.filter(
            as_of=run.as_of, version_id=version_id, run=run, predicted_6m_amount__isnull=False
        )
        found = columns_of(known.order_by(), kinds)
    amounts: Floats = found["predicted_6m_amount"]
    return quantile_cuts(amounts) if len(amounts) else None


def replace(run: ScoreRun, plan: Plan, cuts: Mapping[int, Cuts | None], *, whole: bool) -> None:
    """Current health becomes this night's; an account the night did not score keeps its last row.

    The caller holds the transaction and `by_day_lock.one_writer`. Memory is bounded by a shard. On
    PostgreSQL the new night is a table of its own until the last moment: readers see the old one.
    """
    ranges = list(run.shards.order_by("number").values_list("first_id", "last_id"))
    if connection.vendor != "postgresql":
        for first_id, last_id in ranges:
            _delete_scored(run, plan, first_id, last_id)
            _write_stored(TABLE, run, plan, cuts, first_id, last_id)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        # A name no other table has had.
        new = f"{TABLE}_{run.pk}_{cursor.fetchone()[0]}"
        cursor.execute(f"CREATE TABLE {new} (LIKE {TABLE} INCLUDING DEFAULTS)")
    if whole:
        _write_staged(new, run, plan, cuts)
    else:
        for first_id, last_id in ranges:
            _write_stored(new, run, plan, cuts, first_id, last_id)
    _swap(new)


def _write_stored(
    table: str,
    run: ScoreRun,
    plan: Plan,
    cuts: Mapping[int, Cuts | None],
    first_id: int,
    last_id: int,
) -> None:
    for version_id, spec in plan:
        columns = health.columns_of_stored(
            run, version_id, spec, cuts[version_id], first_id, last_id
        )
        if columns:
            write_columns(table, columns)


def _write_staged(table: str, run: ScoreRun, plan: Plan, cuts: Mapping[int, Cuts | None]) -> None:
    """The run's table with the tiers that only the whole book tells, as `tier_by_quantile` puts them."""
    above, between, below = QUANTILE_TIERS
    cases, values = [], []
    for version_id, spec in plan:
        limits = cuts[version_id]
        if spec.revenue.tiers != "amount" and limits is not None:
            low, high = limits
            cases.append(
                "WHEN version_id = %s THEN CASE WHEN predicted_6m_amount IS NULL THEN '' "
                f"WHEN predicted_6m_amount > %s THEN '{above}' "
                f"WHEN predicted_6m_amount < %s THEN '{below}' ELSE '{between}' END"
            )
            values += [version_id, float(high), float(low)]
    with connection.cursor() as cursor:
        names = [
            column.name for column in connection.introspection.get_table_description(cursor, TABLE)
        ]
        wanted = dict(zip(names, names, strict=True))
        if cases:
            wanted["tier"] = f"CASE {' '.join(cases)} ELSE tier END"
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(wanted)}) SELECT {', '.join(wanted.values())} "
            # An account that was deleted since it was scored has no row to be shown with.
            f"FROM {_STAGED}{run.pk} n WHERE EXISTS "
            "(SELECT FROM accounts_account a WHERE a.id = n.account_id)",
            values,
        )


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
