"""Paging by the key of the last row: as quick on the last page of a million accounts as on the first.

A list is ordered by one column, then by primary key, both in the same direction, so that either direction
walks the same index; accounts where the column is unknown follow, by primary key. Where the column is one of
current health, those that have no health at all come last: no index of health knows them. A cursor names a row
by its place, its key and the values it is sorted by: `after=50~1234~71.5`, `after=50~1234` where those are
unknown, `after=50~unscored~1234` where there is no health.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db.models import BooleanField, Expression, F, Q, QuerySet, Value
from django.db.models.sql.compiler import SQLCompiler

from csm.lib.typed import whole
from csm.portfolio.cursor_values import APART, READ, written
from csm.portfolio.wide import RawKeys, read_wide

# Longer ones are no place in a list of ours: names have 255 characters, each up to three as an address.
_LONGEST: Final = 900
# Stands before the key of an account without health.
_UNSCORED: Final = "unscored"


@dataclass(frozen=True)
class Order:
    """How a list is ordered: `keys` are columns or annotations, `kinds` those of `READ`.

    `tie` is the primary key as the table of the first key has it: an index then holds the whole order.
    Only the first key may be null, and only when `nullable`; the others then are, too, or never are.
    `hollow` is whether it may be null where the table of the first key has a row.
    """

    keys: tuple[str, ...]
    kinds: tuple[str, ...]
    tie: str = "pk"
    descending: bool = False
    nullable: bool = True
    hollow: bool = True

    @property
    def of_health(self) -> bool:
        """Whether it is that of a column of current health."""
        return self.nullable and self.tie == "health__account_id"

    def whole(self) -> list[Any]:
        """For `order_by` of the whole list: unknown last in both directions."""
        if not self.nullable:
            return [self._plain(key) for key in (*self.keys, "pk")]
        if self.of_health:
            return [*map(self._last, (*self.keys, self.tie)), self._plain("pk")]
        return [*map(self._last, self.keys), self._plain("pk")]

    def known(self, back: bool) -> list[str]:
        """For `order_by` of the rows with a value, or of all when nothing is null."""
        return [self._plain(key, back) for key in (*self.keys, self.tie)]

    def unknown(self, back: bool) -> list[str]:
        """For `order_by` of the rows without; the index of a column has them, too."""
        if self.of_health:
            return self.known(back)
        keys = self.keys if self.tie == "pk" and len(self.keys) == 1 else ()
        return [self._plain(key, back) for key in (*keys, "pk")]

    def unscored(self, back: bool) -> list[str]:
        """For `order_by` of the accounts without health."""
        return [self._plain("pk", back)]

    @property
    def columns(self) -> tuple[str, ...]:
        """All it needs beside the primary key."""
        return (*self.keys, self.tie) if self.of_health else self.keys

    def _plain(self, key: str, back: bool = False) -> str:
        return f"-{key}" if self.descending != back else key

    def _last(self, key: str) -> Any:
        column = F(key)
        return column.desc(nulls_last=True) if self.descending else column.asc(nulls_last=True)


@dataclass(frozen=True)
class Cursor:
    """A place in a list: beside the row `pk`, sorted by `values` (None: among the unknown).

    `place` counts the rows before it, None when nobody has. `unscored`: it is of an account without health.
    """

    pk: int
    values: tuple[Any, ...] | None
    place: int | None = None
    unscored: bool = False

    def text(self) -> str:
        """As an address carries it."""
        parts = ["" if self.place is None else str(self.place), str(self.pk)]
        if self.unscored:
            parts.insert(1, _UNSCORED)
        return APART.join([*parts, *map(written, self.values or ())])


def read(text: str, order: Order) -> Cursor | None:
    """The cursor of an address, None when it is no place in a list of this order."""
    parts = text.split(APART)
    unscored = len(parts) == 3 and parts[1] == _UNSCORED
    if unscored:
        del parts[1]
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
    if not found and not (order.of_health if unscored else order.nullable):
        return None
    return Cursor(key, found or None, whole(place, 9), unscored)


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
    until enough rows have passed the filters: all of a million scores for the book of one colleague. Several
    lists of `accounts` that share none are then one.

    `health_at` is the field that is None of accounts without health; `unscored` says where those are: a
    condition all of them meet, which spares looking for them among all the others.

    `glance` is the list without its filters, and how many of its rows are looked at before all are found: where
    enough of them pass they fill the page.
    """

    def __init__(
        self,
        accounts: QuerySet[Any] | Sequence[QuerySet[Any]],
        order: Order,
        wide: QuerySet[Any],
        fields: int,
        *,
        gathered: bool = False,
        health_at: int | None = None,
        unscored: Callable[[], Q] = Q,
        glance: tuple[QuerySet[Any], int] | None = None,
    ) -> None:
        lists = [accounts] if isinstance(accounts, QuerySet) else accounts
        if len(lists) > 1 and not gathered:
            raise ValueError("Only lists that are found first can be put together.")
        self.lists = [each.order_by() for each in lists]
        self.order = order
        self.wide = wide
        self.fields = fields
        self.gathered = gathered
        self.health_at = health_at
        self.unscored = unscored
        self.glance = glance

    def after(self, cursor: Cursor | None, size: int) -> Slice:
        """The first `size` rows, or those after `cursor`. One statement, or three where the unknown begin."""
        found = self.walk(cursor, size + 1, back=False)
        return Slice(found[:size], cursor is not None, len(found) > size)

    def before(self, cursor: Cursor | None, size: int) -> Slice:
        """The last `size` rows, or those before `cursor`."""
        found = self.walk(cursor, size + 1, back=True)
        return Slice(found[:size][::-1], len(found) > size, cursor is not None)

    def at(self, place: int, size: int) -> Slice:
        """The rows from `place` on, counted from 0: skipped one by one, so for small places only."""
        rows = self._rows(self.lists, self.order.whole(), place, size + 1)
        return Slice(rows[:size], place > 0, len(rows) > size)

    def cursor(self, row: Row, place: int | None) -> Cursor:
        """The place of `row`, which has `place` rows before it."""
        values = row[self.fields :]
        if values[0] is not None:
            return Cursor(row[0], values, place)
        # Without such a field an account with health is taken for: the page beside it is near.
        scored = self.health_at is None or row[self.health_at] is not None
        return Cursor(row[0], None, place, self.order.of_health and not scored)

    def walk(self, cursor: Cursor | None, wanted: int, *, back: bool) -> list[Row]:
        """`wanted` rows beyond `cursor`, nearest first."""
        rows: list[Row] = []
        for conditions, order_by in self._stretches(cursor, back):
            if self.glance is not None and not rows and order_by == self.order.known(back):
                rows = self._at_a_glance(conditions, order_by, wanted)
                if len(rows) >= wanted:
                    break
                rows = []
            lists = [each.filter(*conditions) for each in self.lists]
            rows += self._rows(lists, order_by, 0, wanted - len(rows))
            if len(rows) >= wanted:
                break
        return rows

    def _stretches(
        self, cursor: Cursor | None, back: bool
    ) -> Iterator[tuple[list[Any], list[str]]]:
        """Those still ahead, as conditions and order: with a value, without one, without health."""
        order = self.order
        operator = "<" if order.descending != back else ">"
        stretches: list[tuple[Callable[[], list[Any]], list[str]]] = []
        if not order.nullable:
            stretches.append((list, order.known(back)))
        else:
            null = f"{order.keys[0]}__isnull"
            has = [Q(health__isnull=False)] if order.of_health else []
            stretches.append((lambda: [Q(**{null: False})], order.known(back)))
            stretches.append((lambda: [Q(**{null: True}), *has], order.unknown(back)))
        if order.of_health:
            stretches.append(
                (lambda: [Q(health__isnull=True), self.unscored()], order.unscored(back))
            )
        beyond: list[Any] = []
        if cursor is not None and cursor.values is not None:
            columns = [*order.keys, order.tie]
            beyond = [_Beyond(columns, [*cursor.values, cursor.pk], operator)]
        elif cursor is not None:
            key = order.tie if order.of_health and not cursor.unscored else "pk"
            beyond = [Q(**{f"{key}__{'lt' if operator == '<' else 'gt'}": cursor.pk})]
        at = None if cursor is None else 2 if cursor.unscored else 1 if cursor.values is None else 0
        for place in reversed(range(len(stretches))) if back else range(len(stretches)):
            if place == 1 and order.of_health and not order.hollow:
                continue
            if at is None or (place <= at if back else place >= at):
                conditions, order_by = stretches[place]
                yield [*conditions(), *(beyond if place == at else ())], order_by

    def _at_a_glance(self, conditions: list[Any], order_by: list[Any], n: int) -> list[Row]:
        """As `_rows`, of the first in order only: `n` of them are the first `n` of all."""
        assert self.glance is not None
        every, most = self.glance
        some = every.filter(*conditions).order_by(*order_by).values("pk")[:most]
        one = self.lists[0].values("pk").extra(where=["accounts_account.id = glanced.pk"])[:1]
        try:
            walk, values = some.query.sql_with_params()
            passes, more = one.query.sql_with_params()
        except EmptyResultSet:
            return []
        keys = RawKeys(
            f"SELECT glanced.pk FROM ({walk}) AS glanced(pk), LATERAL ({passes}) AS passing LIMIT {n:d}",
            [*values, *more],
        )
        return read_wide(self.wide, keys, order_by)

    def _rows(
        self, lists: Sequence[QuerySet[Any]], order_by: list[Any], start: int, n: int
    ) -> list[Row]:
        if not self.gathered:
            ids = lists[0].order_by(*order_by).values("pk")[start : start + n]
            return read_wide(self.wide, ids, order_by)
        found = [each.values_list("pk", *self.order.columns) for each in lists]
        keys = found[0].union(*found[1:], all=True) if len(found) > 1 else found[0]
        return read_wide(self.wide, keys, order_by, first(self.order, order_by, start, n))


def first(order: Order, order_by: Sequence[Any], start: int, n: int) -> tuple[str, str]:
    """SQL around a statement of primary keys and the keys of `order`: `n` of them, sorted once all are found.

    `order_by` is as `Order` names it; `start` rows are skipped.
    """
    columns = {key: f"key_{place}" for place, key in enumerate(order.columns)}
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
        *,
        at_once: bool = False,
    ) -> None:
        super().__init__(accounts, order, wide, fields)
        self.at_once = at_once
        self.parts = [Pages(each, its, rows, fields) for each, rows, its in parts]

    def walk(self, cursor: Cursor | None, wanted: int, *, back: bool) -> list[Row]:
        """As of one list. One statement a part, or one for all of them `at_once`."""
        if self.at_once:
            return self._walk_at_once(cursor, wanted, back)
        falling = self.order.descending != back
        rows: list[Row] = []
        for part in self.parts:
            if len(rows) >= wanted:
                # No need to look beyond the last row that is on the page already.
                bound = f"{part.order.keys[0]}__{'gte' if falling else 'lte'}"
                last = rows[wanted - 1][-1]
                part.lists = [each.filter(**{bound: last}) for each in part.lists]
            rows += part.walk(cursor, wanted, back=back)
            rows.sort(key=lambda row: (row[-1], row[0]), reverse=falling)
        return rows[:wanted]

    def _walk_at_once(self, cursor: Cursor | None, wanted: int, back: bool) -> list[Row]:
        """Where all pass a part is not walked further than the page is long: no bound spares anything."""
        keys = []
        for part in self.parts:
            ((conditions, order_by),) = part._stretches(cursor, back)
            some = part.lists[0].filter(*conditions).order_by(*order_by)
            keys.append(some.values_list("pk", *part.order.keys)[:wanted])
        order_by = [self.order._plain(key, back) for key in (*self.order.keys, "pk")]
        around = first(self.order, order_by, 0, wanted)
        return read_wide(self.wide, keys[0].union(*keys[1:], all=True), order_by, around)
