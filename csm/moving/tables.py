"""A workbench's tables as plain rows: read from a SQLite file, written to PostgreSQL, summed on both sides.

Both sides are brought into one form per column first, so that the sums can be compared: a number that
changed, a moment in another zone, a byte lost in a packed vector, each changes the sum of its table.
"""

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models

# Rows fetched at a time: memory does not grow with the table.
CHUNK: Final = 5_000
_MODULUS: Final = 2**64

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Table:
    """One table: its name, its columns, and how each column's SQLite value becomes Python's."""

    name: str
    columns: tuple[str, ...]
    converts: tuple[Convert, ...]

    def converted(self, row: Sequence[Any]) -> Row:
        """A row of the SQLite file as Python values."""
        return tuple(
            None if value is None else convert(value)
            for value, convert in zip(row, self.converts, strict=True)
        )


@dataclass
class Sum:
    """Rows and a sum of their hashes, which does not depend on their order."""

    rows: int = 0
    total: int = 0

    def add(self, row: Row) -> None:
        digest = hashlib.blake2b(repr(tuple(map(_plain, row))).encode(), digest_size=8).digest()
        self.rows += 1
        self.total = (self.total + int.from_bytes(digest, "big")) % _MODULUS

    def __str__(self) -> str:
        return f"{self.rows:,} rows, {self.total:016x}"


def tables() -> list[Table]:
    """Every table of the workbench, those behind many-to-many fields included."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        options = model._meta
        if options.managed and not options.proxy:
            fields = options.local_concrete_fields
            found[options.db_table] = Table(
                options.db_table,
                tuple(str(field.column) for field in fields),
                tuple(_convert(field) for field in fields),
            )
    return [found[name] for name in sorted(found)]


def _convert(field: Any) -> Convert:
    """From what SQLite stores for a field to what PostgreSQL takes and gives."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    kinds: tuple[tuple[type[Any] | tuple[type[Any], ...], Convert], ...] = (
        (models.BooleanField, bool),
        (models.DateTimeField, _moment),
        (models.DateField, lambda value: dt.date.fromisoformat(str(value)[:10])),
        (models.TimeField, lambda value: dt.time.fromisoformat(str(value))),
        (models.DurationField, lambda value: dt.timedelta(microseconds=value)),
        (models.JSONField, json.loads),
        (models.UUIDField, lambda value: UUID(str(value))),
        (models.BinaryField, bytes),
        (models.DecimalField, lambda value: Decimal(str(value))),
        (models.FloatField, float),
        (models.IntegerField, int),
    )
    return next((convert for kind, convert in kinds if isinstance(field, kind)), str)


def _moment(value: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _plain(value: Any) -> Any:
    """A value in the one form both sides are summed in."""
    if isinstance(value, bool) or value is None or isinstance(value, str | int | bytes):
        return value
    if isinstance(value, float):
        # A float column may hold whole numbers: 3 and 3.0 are the same figure.
        return value.hex()
    if isinstance(value, memoryview):
        return bytes(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return str(value)


class SqliteFile:
    """A workbench's SQLite file, opened for reading only."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        # One look at the whole file: what is written meanwhile is not half in it.
        self._connection.execute("BEGIN")

    def close(self) -> None:
        self._connection.close()

    def migrations(self) -> set[tuple[str, str]]:
        """(app, name) of every migration that made the file. Raises sqlite3.DatabaseError for another file."""
        return set(self._connection.execute("SELECT app, name FROM django_migrations"))

    def rows(self, table: Table) -> Iterator[Row]:
        """The rows of a table as Python values."""
        columns = ", ".join(f'"{name}"' for name in table.columns)
        cursor = self._connection.execute(f'SELECT {columns} FROM "{table.name}"')
        while chunk := cursor.fetchmany(CHUNK):
            for row in chunk:
                yield table.converted(row)

    def days(self, table: str, column: str) -> list[dt.date]:
        """The days a column names, ascending."""
        found = self._connection.execute(f'SELECT DISTINCT "{column}" FROM "{table}" ORDER BY 1')
        return [dt.date.fromisoformat(day) for (day,) in found]


def write(table: Table, rows: Iterator[Row]) -> Sum:
    """Append rows to a table of the connected PostgreSQL; what was written, summed."""
    written = Sum()
    names = ", ".join(connection.ops.quote_name(name) for name in table.columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        for row in rows:
            written.add(row)
            copy.write_row([_wire(value) for value in row])
    return written


def _wire(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict | list) else value


def read_back(table: Table) -> Sum:
    """What PostgreSQL now holds of a table, summed; read in a stream."""
    found = Sum()
    columns = ", ".join(connection.ops.quote_name(name) for name in table.columns)
    json_places = [place for place, convert in enumerate(table.converts) if convert is json.loads]
    with connection.chunked_cursor() as cursor:
        cursor.execute(f'SELECT {columns} FROM "{table.name}"')
        while chunk := cursor.fetchmany(CHUNK):
            for row in chunk:
                values = list(row)
                for place in json_places:
                    # Django's connection leaves JSON as it was sent.
                    if isinstance(values[place], str | bytes):
                        values[place] = json.loads(values[place])
                found.add(tuple(values))
    return found


def restart_sequences() -> None:
    """Let the next ids follow the highest that were moved."""
    statements = connection.ops.sequence_reset_sql(
        no_style(), list(apps.get_models(include_auto_created=True))
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
