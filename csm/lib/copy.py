"""Bulk writes: binary-safe multi-row insert on SQLite, COPY on PostgreSQL. For tables with one writer."""

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from django.db import connection
from django.db.models import Model, QuerySet

# Rows packed at a time: what fits a processor's cache is packed several times as fast.
_ROWS = 20_000
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH = date(2000, 1, 1)
# What PostgreSQL calls them → big-endian as it sends and takes them.
_FIXED = {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "date": ">i4"}
# What NULL becomes in an array that has a number everywhere.
_NULLS = {"int8": "0", "float8": "'NaN'"}
# Dimensions, flags, type, length, first index.
_ARRAY_HEAD = 20

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Column:
    """One column of n rows.

    kind: "int2", "int4", "int8", "float8", "date" (days since 2000-01-01), "bytea" (values are a matrix,
    one row of it a field) or "text" (values are places in `words`).
    null (n,): rows without a value; None when every row has one.
    """

    name: str
    kind: str
    values: Array
    null: npt.NDArray[np.bool_] | None = None
    words: Sequence[str] = ()

    @classmethod
    def floats(cls, name: str, values: Array, *, nullable: bool = True) -> "Column":
        """float8; NaN is no value where `nullable`."""
        missing = np.isnan(values) if nullable else None
        known = missing is None or not missing.any()
        return cls(name, "float8", values, None if known else missing)

    @classmethod
    def whole(cls, name: str, values: Array) -> "Column":
        """int8 from whole float64 numbers; NaN is no value."""
        missing = np.isnan(values)
        if not missing.any():
            return cls(name, "int8", values.astype(np.int64))
        return cls(name, "int8", np.where(missing, 0, values).astype(np.int64), missing)

    @classmethod
    def same(cls, name: str, kind: str, value: int | date, rows: int) -> "Column":
        """One value in every row."""
        number = (value - _EPOCH).days if isinstance(value, date) else value
        return cls(name, kind, np.broadcast_to(np.int64(number), rows))

    def plain(self) -> list[Any]:
        """The values as Python has them, None where there is none."""
        if self.kind == "bytea":
            matrix = np.ascontiguousarray(self.values)
            width = matrix.shape[1] * matrix.itemsize
            data = matrix.tobytes()
            return [data[at * width : (at + 1) * width] for at in range(len(matrix))]
        found = self.values.tolist()
        if self.kind == "text":
            found = [self.words[place] for place in found]
        elif self.kind == "date":
            found = [date.fromordinal(days + _EPOCH.toordinal()) for days in found]
        if self.null is None:
            return found
        pairs = zip(found, self.null.tolist(), strict=True)
        return [None if unknown else value for value, unknown in pairs]


def write_columns(table_name: str, columns: Sequence[Column]) -> None:
    """Append n rows given as columns. On PostgreSQL as binary COPY: the kinds must be the table's own types.

    The rows may land in another order. No defaults, no validation. The caller holds the transaction.
    """
    names = [column.name for column in columns]
    if connection.vendor != "postgresql":
        bulk_insert_into(
            table_name, names, zip(*(column.plain() for column in columns), strict=True)
        )
        return
    quoted = ", ".join(connection.ops.quote_name(name) for name in names)
    statement = (
        f"COPY {connection.ops.quote_name(table_name)} ({quoted}) FROM STDIN (FORMAT BINARY)"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_SIGNATURE)
        for block in _packed(columns):
            copy.write(block)
        copy.write(_END)


def _packed(columns: Sequence[Column]) -> Iterator[bytes]:
    """Rows as COPY takes them. Those of one shape (which fields are absent, how long the texts are) have
    their fields at the same places, so each shape is one array."""
    tables = {column.name: _words(column) for column in columns if column.kind == "text"}
    matrices = {column.name: _bytes(column) for column in columns if column.kind == "bytea"}
    total = len(columns[0].values)
    for start in range(0, total, _ROWS):
        part = slice(start, min(start + _ROWS, total))
        for rows in _shapes(columns, tables, part):
            yield _block(columns, tables, matrices, rows)


def _words(column: Column) -> tuple[Array, Array]:
    """(lengths, padded bytes) of the words of a text column."""
    encoded = [word.encode() for word in column.words]
    lengths = np.array([len(word) for word in encoded], dtype=np.int64)
    width = max(1, int(lengths.max(initial=0)))
    padded = np.frombuffer(b"".join(word.ljust(width, b"\0") for word in encoded), dtype=np.uint8)
    return lengths, padded.reshape(len(encoded), width)


def _bytes(column: Column) -> Array:
    matrix = np.ascontiguousarray(column.values)
    return matrix.view(np.uint8).reshape(len(matrix), matrix.shape[1] * matrix.itemsize)


def _shapes(
    columns: Sequence[Column], tables: dict[str, tuple[Array, Array]], part: slice
) -> Iterator[Any]:
    """The rows of a part by shape: one slice when all have the same."""
    shape = np.zeros(part.stop - part.start, dtype=np.int64)
    for column in columns:
        if column.null is not None:
            shape = shape * 2 + column.null[part]
        if column.kind == "text":
            lengths = tables[column.name][0]
            shape = shape * (int(lengths.max(initial=0)) + 1) + lengths[column.values[part]]
            # Kept small, so that many text columns do not overflow.
            shape = np.unique(shape, return_inverse=True)[1]
    kinds, which = np.unique(shape, return_inverse=True)
    if len(kinds) <= 1:
        yield part
        return
    order = np.argsort(which, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(which))[:-1]):
        yield rows + part.start


def _block(
    columns: Sequence[Column],
    tables: dict[str, tuple[Array, Array]],
    matrices: dict[str, Array],
    rows: Any,
) -> bytes:
    """Rows of one shape."""
    first = rows.start if isinstance(rows, slice) else rows[0]
    fields: list[tuple[Any, ...]] = [("n", ">i2")]
    values: list[tuple[str, Any]] = [("n", len(columns))]
    for number, column in enumerate(columns):
        size, name = f"s{number}", f"v{number}"
        fields.append((size, ">i4"))
        if column.null is not None and column.null[first]:
            values.append((size, -1))
            continue
        found: Any
        if column.kind == "text":
            lengths, padded = tables[column.name]
            width = int(lengths[column.values[first]])
            found = padded[column.values[rows], :width]
        elif column.kind == "bytea":
            found = matrices[column.name][rows]
            width = found.shape[1]
        else:
            kind = np.dtype(_FIXED[column.kind])
            fields.append((name, kind))
            values += [(size, kind.itemsize), (name, column.values[rows])]
            continue
        values.append((size, width))
        if width:
            fields.append((name, np.uint8, (width,)))
            values.append((name, found))
    count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
    block = np.empty(count, dtype=np.dtype(fields))
    for name, value in values:
        block[name] = value
    return block.tobytes()


def bulk_insert(model: type[Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append `rows` (values in the order of `fields`, ready for the database) to `model`'s table.

    No defaults, no validation, no signals. The caller holds the transaction.
    """
    named = {field.name: field.column for field in model._meta.concrete_fields}
    bulk_insert_into(model._meta.db_table, [str(named[name]) for name in fields], rows)


def bulk_insert_into(
    table_name: str, column_names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Append `rows` to a table that need not have a model."""
    columns = [connection.ops.quote_name(name) for name in column_names]
    table = connection.ops.quote_name(table_name)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
            cursor.executemany(statement, rows)  # type: ignore[arg-type]  # takes any iterable


def among(column: str, ids: Collection[int]) -> tuple[str, list[Any]]:
    """`column` is one of `ids`, as SQL and its parameters: one statement however many there are."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", [list(ids)]
    return f"{column} IN (SELECT value FROM json_each(%s))", [json.dumps(list(ids))]


def read_columns(statement: str, values: Sequence[Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """The rows of a SELECT on PostgreSQL as columns, in its order.

    `kinds` names its columns: "float8" and "int8" become arrays (NaN and 0 for NULL), "bytea" all values
    joined (never NULL), "json" a list of plain values. The server sends one row with an array per column:
    no Python object per field.
    """
    wanted = [_aggregate(name, kind) for name, kind in kinds.items()]
    from psycopg import Cursor  # the embedded mode does without

    sql = f"SELECT {', '.join(wanted)} FROM ({statement}) s"
    connection.ensure_connection()
    started = time.perf_counter()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(sql, values, binary=True)
        if connection.queries_logged:  # who counts queries counts this one
            taken = f"{time.perf_counter() - started:.3f}"
            connection.queries_log.append({"sql": sql, "time": taken})
        assert cursor.pgresult is not None
        sent = [cursor.pgresult.get_value(0, place) for place in range(len(kinds))]
    return {
        name: _received(data, kind) for data, (name, kind) in zip(sent, kinds.items(), strict=True)
    }


def _aggregate(name: str, kind: str) -> str:
    if kind == "json":
        return f"json_agg({name})"
    if kind == "bytea":
        return f"string_agg({name}, ''::bytea)"
    return f"array_agg(COALESCE({name}::{kind}, {_NULLS[kind]}))"


def _received(data: bytes | None, kind: str) -> Any:
    if kind == "json":
        return [] if data is None else orjson.loads(data)
    if kind == "bytea":
        return data or b""
    number = np.dtype(_FIXED[kind])
    if data is None:  # no rows
        return np.empty(0, dtype=number.newbyteorder("="))
    cells = np.frombuffer(data, dtype=[("size", ">i4"), ("value", number)], offset=_ARRAY_HEAD)
    return cells["value"].astype(number.newbyteorder("="))


def columns_of(rows: QuerySet[Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Number columns of a queryset in its order, as `read_columns` gives them, on either database."""
    chosen = rows.values_list(*kinds)
    if connection.vendor == "postgresql":
        sql, values = chosen.query.sql_with_params()
        return read_columns(sql, values, kinds)
    columns = list(zip(*chosen, strict=True)) or [()] * len(kinds)
    return {
        name: np.array(column, dtype=np.dtype(_FIXED[kind]).newbyteorder("="))
        for column, (name, kind) in zip(columns, kinds.items(), strict=True)
    }
