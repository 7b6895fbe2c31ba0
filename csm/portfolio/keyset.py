"""Paging by the key of the last row: as quick on the last page of a million accounts as on the first.

A list is ordered by one column, then by primary key, both in the same direction, so that either direction
walks the same index; accounts where the column is unknown follow, by primary key. A cursor names a row by
its place, its key and the values it is sorted by: `after=50~1234~71.5`.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from django.db.models import BooleanField, Expression, F, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler

from csm.lib.typed import whole
from csm.portfolio.wide import read_wide

_APART: Final = "~"
# Longer ones are no place in a list of ours: names have 255 characters, each up to three as an address.
_LONGEST: Final = 900


def _text(text: str) -> str:
    found = unquote(text)
    if "\0" in found or len(found) > 255:
        raise ValueError(text)
    return found


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _whole(text: str) -> int:
    found = whole(text.removeprefix("-"), 18)
    if found is None:
        raise ValueError(text)
    return -found if text.startswith("-") else found


# How a value of a cursor is read, by the kind of its column. Each raises ValueError.
READ: Final[dict[str, Callable[[str], Any]]] = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "day": dt.date.fromisoformat,
    "moment": dt.datetime.fromisoformat,
}


def _written(value: Any) -> str:
    if isinstance(value, str):
        return quote(value, safe=" '(),&").replace(_APART, "%7E")
    return (
        repr(value)
        if isinstance(value, float)
        else str(value.isoformat() if isinstance(value, dt.date) else value)
    )


@dataclass(frozen=True)
class Order:
    """How a list is ordered: `keys` are columns or annotations, `kinds` those of `READ`.

    `tie` is the primary key as the table of the first key has it: an index then holds the whole order.
    Only the first key may be null, and only when `nullable`; the others then are, too, or never are.
    """

    keys: tuple[str, ...]
    kinds: tuple[str, ...]
    tie: str = "pk"
    descending: bool = False
    nullable: bool = True

    def whole(self) -> list[Any]:
        """For `order_by` of the whole list: unknown last in both directions."""
        if not self.nullable:
            return [self._plain(key) for key in (*self.keys, "pk")]
        return [*map(self._last, self.keys), self._plain("pk")]

    def known(self, back: bool) -> list[str]:
        """For `order_by` of the rows with a value, or of all when nothing is null."""
        return [self._plain(key, back) for key in (*self.keys, self.tie)]

    def unknown(self, back: bool) -> list[str]:
        """For `order_by` of the rows without; the index of an account's own column has them, too."""
        keys = self.keys if self.tie == "pk" and len(self.keys) == 1 else ()
        return [self._plain(key, back) for key in (*keys, "pk")]

    def _plain(self, key: str, back: bool = False) -> str:
        return f"-{key}" if self.descending != back else key

    def _last(self, key: str) -> Any:
        column = F(key)
        return column.desc(nulls_last=True) if self.descending else column.asc(nulls_last=True)


@dataclass(frozen=True)
class Cursor:
    """A place in a list: beside the row `pk`, sorted by `values` (None: among the unknown).

    `place` counts the rows before it, None when nobody has.
    """

    pk: int
    values: tuple[Any, ...] | None
    place: int | None = None

    def text(self) -> str:
        """As an address carries it."""
        parts = ["" if self.place is None else str(self.place), str(self.pk)]
        return _APART.join([*parts, *map(_written, self.values or ())])


def read(text: str, order: Order) -> Cursor | None:
    """The cursor of an address, None when it is no place in a list of this order."""
    parts = text.split(_APART)
    if len(text) > _LONGEST or len(parts) not in (2, 2 + len(order.keys)):
        return None
    place, pk, *values = parts
    key = whole(pk)
    if key is None:
        return None
    try:
        found = tuple(READ[kind](each) for kind, each in zip(order.kinds, values, strict=False))
    except ValueError:
        return None
    if not found and not order.nullable:
        return None
    return Cursor(key, found or None, whole(place, 9))


class _Beyond(Expression):
    """`(column, …) > (value, …)`: rows past one in an order, as one condition an index answers."""

    conditional = True

    def __init__(self, columns: Sequence[str], values: Sequence[Any], operator: str) -> None:
        super().__init__(output_field=BooleanField())
        self.columns: list[Any] = [F(each) for each in columns]
        self.values: list[Any] = [Value(each) for each in values]
        self.operator = operator

    def get_source_expressions(self) -> list[Any]:
        return [*self.columns, *self.values]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        self.columns, self.values = (
            list(exprs[: len(self.columns)]),
            list(exprs[len(self.columns) :]),
        )

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        found = super().resolve_expression(*args, **kwargs)
        for column, value in zip(found.columns, found.values, strict=True):
            value.output_field = column.output_field
        return found

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, tuple[Any, ...]]:
        sides: list[str] = []
        params: list[Any] = []
        for side in (self.columns, self.values):
            texts = []
            for each in side:
                text, own = compiler.compile(each)
                texts.append(text)
                params.extend(own)
            sides.append(", ".join(texts))
        return f"({sides[0]}) {self.operator} ({sides[1]})", tuple(params)


Row = tuple[Any, ...]


@dataclass(frozen=True)
class Slice:
    """Rows of one page in their order, each with the values it is sorted by behind `fields`."""

    rows: list[Row]
    before: bool
    after: bool


class Pages:
    """The pages of `accounts` in `order`: rows of `wide`, lists of `fields` values and the order's keys.

    The first field is the primary key. `accounts` and `wide` both know the keys of the order; `accounts` is
    filtered and joins no more than that takes: a sort then moves keys, not whole rows.

    `gathered` finds all accounts before it sorts them. PostgreSQL would rather walk the index of the order
    until enough rows have passed the filters: all of a million scores for the book of one colleague.
    """

    def __init__(
        self,
        accounts: QuerySet[Any],
        order: Order,
        wide: QuerySet[Any],
        fields: int,
        *,
        gathered: bool = False,
    ) -> None:
        self.accounts = accounts.order_by()
        self.order = order
        self.wide = wide
        self.fields = fields
        self.gathered = gathered

    def after(self, cursor: Cursor | None, size: int) -> Slice:
        """The first `size` rows, or those after `cursor`. One statement, two where the unknown begin."""
        found = self.walk(cursor, size + 1, back=False)
        return Slice(found[:size], cursor is not None, len(found) > size)

    def before(self, cursor: Cursor | None, size: int) -> Slice:
        """The last `size` rows, or those before `cursor`."""
        found = self.walk(cursor, size + 1, back=True)
        return Slice(found[:size][::-1], len(found) > size, cursor is not None)

    def at(self, place: int, size: int) -> Slice:
        """The rows from `place` on, counted from 0: skipped one by one, so for small places only."""
        rows = self._rows(self.accounts, self.order.whole(), place, size + 1)
        return Slice(rows[:size], place > 0, len(rows) > size)

    def cursor(self, row: Row, place: int | None) -> Cursor:
        """The place of `row`, which has `place` rows before it."""
        values = row[self.fields :]
        return Cursor(row[0], None if values[0] is None else values, place)

    def walk(self, cursor: Cursor | None, wanted: int, *, back: bool) -> list[Row]:
        """`wanted` rows beyond `cursor`, nearest first."""
        rows: list[Row] = []
        for accounts, order_by in self._segments(cursor, back):
            rows += self._rows(accounts, order_by, 0, wanted - len(rows))
            if len(rows) >= wanted:
                break
        return rows

    def _segments(
        self, cursor: Cursor | None, back: bool
    ) -> Iterator[tuple[QuerySet[Any], list[str]]]:
        """The stretches still ahead in walking order: those with a value, those without."""
        order = self.order
        operator = "<" if order.descending != back else ">"
        known = unknown = self.accounts
        if order.nullable:
            known = known.filter(**{f"{order.keys[0]}__isnull": False})
            unknown = unknown.filter(**{f"{order.keys[0]}__isnull": True})
        among_unknown = cursor is not None and cursor.values is None
        if cursor is not None and cursor.values is not None:
            known = known.filter(
                _Beyond([*order.keys, order.tie], [*cursor.values, cursor.pk], operator)
            )
        elif cursor is not None:
            unknown = unknown.filter(**{f"pk__{'lt' if operator == '<' else 'gt'}": cursor.pk})
        with_value, without = (known, order.known(back)), (unknown, order.unknown(back))
        if not order.nullable:
            yield with_value
        elif back:
            if cursor is None or among_unknown:
                yield without
            yield with_value
        else:
            if not among_unknown:
                yield with_value
            yield without

    def _rows(self, accounts: QuerySet[Any], order_by: list[Any], start: int, n: int) -> list[Row]:
        if not self.gathered:
            ids = accounts.order_by(*order_by).values("pk")[start : start + n]
            return read_wide(self.wide, ids, order_by)
        found = accounts.values_list("pk", *self.order.keys)
        return read_wide(self.wide, found, order_by, first(self.order, order_by, start, n))


def first(order: Order, order_by: Sequence[Any], start: int, n: int) -> tuple[str, str]:
    """SQL around a statement of primary keys and the keys of `order`: `n` of them, sorted once all are found.

    `order_by` is as `Order` names it; `start` rows are skipped.
    """
    columns = {key: f"key_{place}" for place, key in enumerate(order.keys)}
    terms = []
    for each in order_by:
        plain = isinstance(each, str)
        name = each.removeprefix("-") if plain else each.expression.name
        down = each.startswith("-") if plain else each.descending
        term = f"{columns.get(name, 'pk')} {'DESC' if down else 'ASC'}"
        terms.append(term if plain else f"{term} NULLS LAST")
    names = ", ".join(["pk", *columns.values()])
    # Without the OFFSET the planner sees through the brackets.
    return (
        "SELECT pk FROM (",
        f" OFFSET 0) AS found({names}) ORDER BY {', '.join(terms)} LIMIT {n:d} OFFSET {start:d}",
    )


class Merged(Pages):
    """The pages of two lists that share no account, in the order of one value that each keeps as its own.

    `parts` hold accounts, their rows and order, of one key that is never null. `order` is that of the whole
    list by an expression over both, which no index knows.
    """

    def __init__(
        self,
        parts: Sequence[tuple[QuerySet[Any], QuerySet[Any], Order]],
        accounts: QuerySet[Any],
        order: Order,
        wide: QuerySet[Any],
        fields: int,
    ) -> None:
        super().__init__(accounts, order, wide, fields)
        self.parts = [Pages(each, its, rows, fields) for each, rows, its in parts]

    def walk(self, cursor: Cursor | None, wanted: int, *, back: bool) -> list[Row]:
        """As of one list. One statement a part."""
        falling = self.order.descending != back
        rows: list[Row] = []
        for part in self.parts:
            if len(rows) >= wanted:
                # No need to look beyond the last row that is on the page already.
                bound = f"{part.order.keys[0]}__{'gte' if falling else 'lte'}"
                part.accounts = part.accounts.filter(**{bound: rows[wanted - 1][-1]})
            rows += part.walk(cursor, wanted, back=back)
            rows.sort(key=lambda row: (row[-1], row[0]), reverse=falling)
        return rows[:wanted]
