"""Months of snapshots on PostgreSQL: `scoring_snapshot` is partitioned by `as_of`, one table a month.

A month is made before its first row is written; making it twice, or by two at once, is harmless. SQLite has
one table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db import connection, transaction

from scoring.models import Snapshot

TABLE: Final = Snapshot._meta.db_table
# This month and so many after it are there before they are needed.
AHEAD: Final = 2
# Any constant no other lock of this database has.
_LOCK: Final = 0x6D_6F_6E


@dataclass(frozen=True)
class Month:
    """A partition: the nights from `first` up to the day before `after`."""

    name: str
    first: date
    after: date


def month_of(day: date) -> Month:
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    return Month(f"{TABLE}_{first:%Y_%m}", first, after)


def ensure(as_of: date, *, ahead: bool = False) -> None:
    """The month of `as_of` is there; with `ahead` also the next two."""
    if connection.vendor != "postgresql":
        return
    months = [month_of(as_of)]
    for _ in range(AHEAD if ahead else 0):
        months.append(month_of(months[-1].after))
    if missing := _missing(months):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
            for month in _missing(missing):
                # Attaching, unlike creating in place, lets others read and write meanwhile.
                cursor.execute(f"CREATE TABLE {month.name} (LIKE {TABLE} INCLUDING DEFAULTS)")
                cursor.execute(
                    f"ALTER TABLE {TABLE} ATTACH PARTITION {month.name} "
                    f"FOR VALUES FROM ('{month.first}') TO ('{month.after}')"
                )


def _missing(months: Iterable[Month]) -> list[Month]:
    wanted = list(months)
    with connection.cursor() as cursor:
        cursor.execute(
            # Asked of the rows: to_regclass may remember that a table another has just made is not there.
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) "
            "AND relnamespace = current_schema()::regnamespace",
            [[month.name for month in wanted]],
        )
        there = {name for (name,) in cursor.fetchall()}
    return [month for month in wanted if month.name not in there]


def months() -> list[Month]:
    """The months there are, oldest first; none on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = %s::regclass ORDER BY c.relname",
            [TABLE],
        )
        names = [name for (name,) in cursor.fetchall()]
    return [month_of(date(int(name[-7:-3]), int(name[-2:]), 1)) for name in names]


def drop(month: Month) -> None:
    """Remove a month with all its rows. Readers of snapshots wait for a moment. PostgreSQL only."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Rather try again later than make every reader wait behind a long one.
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(f"DROP TABLE IF EXISTS {month.name}")
