"""Bulk writes: binary-safe multi-row insert on SQLite, COPY on PostgreSQL. For tables with one writer."""

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


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
