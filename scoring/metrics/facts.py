"""Reading dated facts: a few aggregates per table over a range of accounts, as of a date.

**No look-ahead.** Every row is chosen by the day that decides when it became true; a day learned later
(closed, answered, left, paid …) counts only once it has come. The SQL of a `Part` says both.

**Unknown and zero.** An aggregate over no rows is unknown, except for counts and sums. A count of nothing
is 0 when the feed is alive for the account: the feed has a fact within the last 60 days (or within the
part's own window, where that is longer), and the account had one of that table (of that measure, for
usage) at some time before. Where a table lists everything of its sort there is (`zero_when_none`: tickets,
invoices, opportunities), an account that never had one has 0 as well, while the feed has a fact within
its last 60 days. Tables of standing facts (contacts, contracts, goals …) have no window: an account with
rows in them is known.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import connection

from accounts.models import FeedDay, UsageMeasure
from scoring.metrics.statements import numbers, side_by_side

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

# A feed that said nothing for so long is not believed when it says nothing of an account.
ALIVE_DAYS = 60

# What a statement may ask for: dates, the range of ids, the id of a usage measure, days before the date.
_PLACE = re.compile(r"\$(?:(as_of|since|first|last|measures)\b|d(\d+)\b|m\[([\w-]+)\])")
_RANGE = "BETWEEN $first AND $last"
_AGO = re.compile(r"\$ago\[([^\]]+)\]")


@dataclass(frozen=True)
class Table:
    """Where facts of one sort stand, and how the rows of a range of accounts are found.

    `on` is the column that decides; the index of (account, on) is read up to the night, of a `windowed` one
    from `$since` on. `where` leaves out further rows `f`. `fold` makes one row of those that share `by`
    first: what it selects, beside `by`. `rows` is a `FROM … WHERE …` of its own instead, `account` its
    account; `grouped` is False where it gives one row per account already.
    """

    name: str
    feed: str
    on: str
    where: str = ""
    by: str = ""
    fold: str = ""
    rows: str = ""
    account: str = "f.account_id"
    windowed: bool = False
    grouped: bool = True
    zero_when_none: bool = False
    # Further tables whose days count as news of this one: (table, column).
    also: tuple[tuple[str, str], ...] = ()

    @property
    def is_joined(self) -> bool:
        """Whether the rows of a range may be read by several processes at once (`statements.side_by_side`)."""
        return connection.vendor == "postgresql" and not self.rows and not self.fold

    def select(self, wanted: str, *, few: bool = False) -> str:
        """The statement that gives the aggregates `wanted` of every account with rows, its id first.

        `few` says that it is asked for some accounts only.
        """
        if self.rows:
            grouped = f" GROUP BY {self.account}" if self.grouped else ""
            return f"SELECT {self.account}, {wanted} {self.rows}{grouped}"
        since = f' AND f."{self.on}" > $since' if self.windowed else ""
        also = f" AND ({self.where})" if self.where else ""
        window = f'f.account_id = a.id AND f."{self.on}" <= $as_of{since}{also}'
        if self.is_joined and not few:
            # The sum keeps the planner from looking for the account of each row instead, by which the rows of
            # an account would be split among processes and their mean lose its last digits.
            on_account = window.replace("= a.id", "= a.id + 0")
            return (
                f"SELECT a.id, {wanted} FROM accounts_account a JOIN {self.name} f ON {on_account} "
                "WHERE a.id BETWEEN $first AND $last GROUP BY a.id"
            )
        if connection.vendor == "postgresql":
            # Account by account from its index. Left to itself the planner sorts the rows of all accounts
            # on disk, or reads the window of the whole book for each range.
            inner = f"{self.name} f WHERE {window}"
            if self.fold:
                inner = f"(SELECT {self.by}, {self.fold} FROM {inner} GROUP BY {self.by}) f"
            return (
                f"SELECT a.id, l.* FROM accounts_account a CROSS JOIN LATERAL "
                f"(SELECT {wanted} FROM {inner} HAVING COUNT(*) > 0) l "
                "WHERE a.id BETWEEN $first AND $last"
            )
        # CROSS JOIN is SQLite's word for: in this order. By itself it reads the window of the whole book for
        # each range, or all history of its accounts.
        joined = (
            f"FROM accounts_account a CROSS JOIN {self.name} f ON {window} "
            "WHERE a.id BETWEEN $first AND $last"
        )
        if self.fold:
            folded = f"SELECT a.id AS account_id, {self.by}, {self.fold} {joined}"
            folded += f" GROUP BY a.id, {self.by}"
            return f"SELECT f.account_id, {wanted} FROM ({folded}) f GROUP BY f.account_id"
        return f"SELECT a.id, {wanted} {joined} GROUP BY a.id"


@dataclass(frozen=True)
class Part:
    """One aggregate over the rows `f` of a table.

    `days` is its window; None is a standing figure without one. `reach` is how far back rows are read for
    it where that is further. `counts` says that no rows can mean 0. `measure` is the usage measure it reads.
    """

    table: Table
    sql: str
    days: int | None = None
    counts: bool = False
    measure: str = ""
    reach: int = 0


# (source, feed) → its last good day.
Frozen = Mapping[tuple[str, str], date]


@dataclass(frozen=True)
class Clock:
    """The night, and the last good day of what is frozen on it: (feed, measure), measure blank for all."""

    as_of: date
    good: Mapping[tuple[str, str], date] = field(default_factory=dict)

    @classmethod
    def of_night(cls, as_of: date, frozen: Frozen | None = None) -> "Clock":
        """Of usage only the measures the source had told by its good day are frozen, of other feeds all.

        Of two frozen sources the earlier good day counts.
        """
        good: dict[tuple[str, str], date] = {}
        for (source, feed), on in (frozen or {}).items():
            for measure in _told(source, feed, on) or [""]:
                good[feed, measure] = min(on, good.get((feed, measure), on))
        return cls(as_of, good)

    def of(self, feed: str, measure: str = "") -> date:
        """The day a feed, or one measure of it, is read as of."""
        return min(
            self.as_of,
            self.good.get((feed, ""), self.as_of),
            self.good.get((feed, measure), self.as_of),
        )

    def ago(self, days: int) -> "Clock":
        """The same some days earlier, what is frozen counted from its good day."""
        back = timedelta(days=days)
        return Clock(self.as_of - back, {key: on - back for key, on in self.good.items()})


def _told(source: str, feed: str, until: date) -> list[str]:
    """Measures a source of usage had told up to a day; asked only for what is frozen."""
    if feed != "usage":
        return []
    days = FeedDay.objects.filter(source=source, feed=feed, on__lte=until).exclude(measure="")
    return list(days.order_by().values_list("measure", flat=True).distinct())


Newest = Mapping[tuple[str, str], date]


def newest(parts: Iterable[Part], clock: Clock) -> dict[tuple[str, str], date]:
    """The newest day of each (table, measure) up to the night, over the whole book: one query.

    Over the whole book, so that nothing depends on how it is cut into shards.
    """
    wanted = dict.fromkeys((part.table, part.measure) for part in parts)
    measures = measure_ids([measure for _, measure in wanted if measure])
    asked: dict[tuple[str, str, str], str] = {}
    for table, measure in wanted:
        if measure and measure not in measures:
            continue
        of = f"measure_id = {measures[measure]} AND " if measure else ""
        for name, on in ((table.name, table.on), *table.also):
            until = clock.of(table.feed, measure)
            sql = f'(SELECT MAX("{on}") FROM {name} WHERE {of}"{on}" <= \'{until}\')'
            asked.setdefault((table.name, measure, name), sql)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(asked.values()))
        row = cursor.fetchone()
    found: dict[tuple[str, str], date] = {}
    for (table_name, measure, _), value in zip(asked, row, strict=True):
        if value is not None:
            place = (table_name, measure)
            found[place] = max(day_of(value), found.get(place, date.min))
    return found


def measure_ids(keys: Collection[str]) -> dict[str, int]:
    """Ids of the usage measures that are there; reading makes none."""
    if not keys:
        return {}
    return dict(UsageMeasure.objects.filter(key__in=set(keys)).values_list("key", "pk"))


def within(column: str, first_id: int, last_id: int, only: Sequence[int] = ()) -> str:
    """The accounts of a range, or `only` those of it, as SQL. Only whole numbers go in."""
    if only:
        return f"{column} IN ({', '.join(str(int(pk)) for pk in only)})"
    return f"{column} BETWEEN {int(first_id)} AND {int(last_id)}"


def read(
    parts: Iterable[Part],
    *,
    clock: Clock,
    ids: Ids,
    first_id: int,
    last_id: int,
    newest: Newest,
    only: Sequence[int] = (),
) -> dict[Part, Floats]:
    """The value of each part for each of `ids` (ascending, within the range); NaN unknown.

    With `only` the rows of these accounts of the range are read, and no others.
    """
    # Parts of a table that are read as of the same day are one statement: all of them, unless frozen.
    by_table: dict[tuple[Table, date], list[Part]] = {}
    found: dict[Part, Floats] = {}
    for part in dict.fromkeys(parts):
        if (part.table.name, part.measure) in newest and len(ids):
            day = clock.of(part.table.feed, part.measure)
            by_table.setdefault((part.table, day), []).append(part)
        else:
            found[part] = np.full(len(ids), np.nan)
    measures = measure_ids(
        [part.measure for part in set().union(*by_table.values()) if part.measure]
    )
    aggregates: dict[tuple[Table, date], tuple[npt.NDArray[np.bool_], list[Floats]]] = {}
    queries = {
        (table, day): _Query(day, first_id, last_id, measures, only) for table, day in by_table
    }
    joined = [] if only else [place for place in by_table if place[0].is_joined]
    if joined:
        with side_by_side():
            for place in joined:
                aggregates[place] = _aggregates(place[0], by_table[place], queries[place], ids)
    ever: dict[tuple[str, str], npt.NDArray[np.bool_]] = {}
    for place, wanted in by_table.items():
        table, query = place[0], queries[place]
        seen, columns = aggregates.get(place) or _aggregates(table, wanted, query, ids)
        _zeros(table, wanted, columns, seen, query, ids, newest, ever)
        found |= dict(zip(wanted, columns, strict=True))
    return found


@dataclass(frozen=True)
class _Query:
    as_of: date
    first_id: int
    last_id: int
    measures: Mapping[str, int]
    only: Sequence[int] = ()

    def fill(self, sql: str, *, since: date | None = None, measures: Iterable[str] = ()) -> str:
        """`sql` with its places filled. Only dates and whole numbers go in, none of them typed by people."""
        if self.only:
            sql = sql.replace(_RANGE, within("", self.first_id, self.last_id, self.only).lstrip())
        fixed = {
            "as_of": f"'{self.as_of}'",
            "since": f"'{since}'",
            "first": str(self.first_id),
            "last": str(self.last_id),
            "measures": ", ".join(str(self.measures[key]) for key in sorted(set(measures) - {""})),
        }

        def place(match: re.Match[str]) -> str:
            name, days, measure = match.groups()
            if name:
                return fixed[name]
            if days:
                return f"'{self.as_of - timedelta(days=int(days))}'"
            return str(self.measures[measure])

        def ago(match: re.Match[str]) -> str:
            if connection.vendor == "postgresql":
                return f"(DATE '{self.as_of}' - ({match[1]}))"
            return f"CAST(julianday('{self.as_of}') - julianday({match[1]}) AS INTEGER)"

        return _AGO.sub(ago, _PLACE.sub(place, sql))


def _aggregates(
    table: Table, parts: Sequence[Part], query: _Query, ids: Ids
) -> tuple[npt.NDArray[np.bool_], list[Floats]]:
    """Which of `ids` have rows, and one array per part."""
    reach = max(max(part.days or 0, part.reach) for part in parts)
    wanted = [_beyond_the_window(table, part.sql, reach) for part in parts]
    sql = query.fill(
        table.select(", ".join(wanted), few=bool(query.only)),
        since=query.as_of - timedelta(days=reach),
        measures=(part.measure for part in parts),
    )
    accounts, values = numbers(sql, len(parts))
    place = np.searchsorted(ids, accounts)
    mine = place < len(ids)
    mine[mine] = ids[place[mine]] == accounts[mine]
    place = place[mine]
    seen = np.zeros(len(ids), dtype=bool)
    seen[place] = True
    columns = []
    for number in range(len(parts)):
        column = np.full(len(ids), np.nan)
        column[place] = values[number][mine]
        columns.append(column)
    return seen, columns


def _beyond_the_window(table: Table, sql: str, reach: int) -> str:
    """An aggregate's SQL without what the statement's own window says of each row already."""
    if table.rows or table.fold:
        return sql
    on = rf'f\."?{table.on}"?'
    sql = re.sub(rf"{on} <= \$d0\b", "TRUE", sql)
    return re.sub(rf"{on} > \$d{reach}\b", "TRUE", sql) if table.windowed else sql


def _zeros(
    table: Table,
    parts: Sequence[Part],
    columns: Sequence[Floats],
    seen: npt.NDArray[np.bool_],
    query: _Query,
    ids: Ids,
    newest: Newest,
    ever: dict[tuple[str, str], npt.NDArray[np.bool_]],
) -> None:
    """Tell 0 from unknown where a count found nothing; the rule stands at the top."""
    for part, column in zip(parts, columns, strict=True):
        if not part.counts:
            continue
        nothing = np.isnan(column) | (column == 0)
        if not nothing.any():
            continue
        place = (table.name, part.measure)
        silent = (query.as_of - newest[place]).days
        if table.zero_when_none and silent < ALIVE_DAYS:
            known = np.ones(len(ids), dtype=bool)
        elif part.days is None:
            known = seen
        elif silent < max(ALIVE_DAYS, part.days):
            if place not in ever:
                had = seen & table.grouped if not part.measure else ~np.isnan(column)
                ever[place] = had if had.all() else had | _ever(part, query, ids)
            known = ever[place]
        else:
            known = np.zeros(len(ids), dtype=bool)
        column[nothing] = np.where(known[nothing], 0.0, np.nan)


def _ever(part: Part, query: _Query, ids: Ids) -> npt.NDArray[np.bool_]:
    """Which of `ids` had a row of the table (and measure) up to the night: one index seek each."""
    of = f"AND u.measure_id = $m[{part.measure}] " if part.measure else ""
    sql = (
        f"SELECT a.id FROM accounts_account a WHERE a.id BETWEEN $first AND $last AND EXISTS ("
        f"SELECT 1 FROM {part.table.name} u WHERE u.account_id = a.id {of}"
        f'AND u."{part.table.on}" <= $as_of)'
    )
    with connection.cursor() as cursor:
        cursor.execute(query.fill(sql))
        had = np.array([row[0] for row in cursor.fetchall()], dtype=np.int64)
    return np.isin(ids, had)


def day_of(value: Any) -> date:
    """SQLite gives the text of a day where an expression is selected."""
    return date.fromisoformat(value) if isinstance(value, str) else value
