"""Whole rows of a list by their keys, as one statement whose text is put together once per process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

# Stands for the keys until there are some.
_KEYS: Final = "the_keys_of_the_page"
_MOST: Final = 256

Row = tuple[Any, ...]
Converters = dict[int, tuple[list[Callable[..., Any]], Any]]


@dataclass(frozen=True)
class _Statement:
    """Text and values before and after the keys; how columns become what Python knows."""

    before: str
    after: str
    values_before: tuple[Any, ...]
    values_after: tuple[Any, ...]
    converters: Converters


# Resolving and quoting four dozen columns takes longer than reading the rows. Emptied when full.
_statements: dict[tuple[Any, ...], _Statement] = {}


@dataclass(frozen=True)
class RawKeys:
    """A statement of primary keys with its values."""

    text: str
    values: list[Any]


def read_wide(
    wide: QuerySet[Any],
    keys: QuerySet[Any] | RawKeys,
    order_by: Sequence[Any],
    around: tuple[str, str] = ("", ""),
) -> list[Row]:
    """The rows of `wide`, a `values_list` that lives as long as the process, of the primary keys `keys`.

    The same as `list(wide.filter(pk__in=keys).order_by(*order_by))`; `around` is SQL that makes keys of `keys`.
    """
    database = wide.db
    try:
        text, values = (
            (keys.text, tuple(keys.values))
            if isinstance(keys, RawKeys)
            else keys.query.get_compiler(database).as_sql()
        )
    except EmptyResultSet:
        return []
    made = _statement(wide, order_by, database)
    with connections[database].cursor() as cursor:
        cursor.execute(
            f"{made.before}{around[0]}{text}{around[1]}{made.after}",
            [*made.values_before, *values, *made.values_after],
        )
        rows: list[Row] = cursor.fetchall()
    return _converted(rows, made.converters, connections[database]) if made.converters else rows


def _statement(wide: QuerySet[Any], order_by: Sequence[Any], database: str) -> _Statement:
    # By itself, not by its address: it then lives as long as what is remembered of it.
    order = tuple((repr(each), getattr(each, "nulls_last", None)) for each in order_by)
    name = (wide.query, database, order)
    found = _statements.get(name)
    if found is None:
        query = wide.filter(pk__in=RawSQL(_KEYS, [])).order_by(*order_by).query  # noqa: S611 - ours
        compiler: SQLCompiler = query.get_compiler(database)
        text, values = compiler.as_sql()
        # RawSQL comes with brackets of its own, `IN` puts others around it.
        before, after = text.split(f"(({_KEYS}))" if f"(({_KEYS}))" in text else f"({_KEYS})")
        at = before.count("%s")
        columns = [each[0] for each in compiler.select[: compiler.col_count]]
        found = _Statement(
            f"{before}(", f"){after}", values[:at], values[at:], compiler.get_converters(columns)
        )
        if len(_statements) >= _MOST:
            _statements.clear()
        _statements[name] = found
    return found


def _converted(rows: list[Row], converters: Converters, connection: Any) -> list[Row]:
    found = []
    for row in rows:
        values = list(row)
        for place, (each, column) in converters.items():
            for convert in each:
                values[place] = convert(values[place], column, connection)
        found.append(tuple(values))
    return found
