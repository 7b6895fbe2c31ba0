"""Usage values, millions of them: read without a row object each, written through a staging table.

The staging table is temporary and of this connection; one chunk is in it at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from django.db import connection

from accounts.ingest.cells import CellFault, Conventions, parser_for
from accounts.ingest.columns import MEASURE_PREFIX
from accounts.ingest.errors import RowError, shown
from accounts.ingest.load_facts import EARLY
from accounts.ingest.load_ids import accounts_by_id
from accounts.ingest.mappings import Layout, Place
from accounts.ingest.parsers import Record
from accounts.ingest.plans import CREATED, UNCHANGED, UPDATED, BasePlan, Context
from accounts.ingest.row import Row
from accounts.ingest.validate import canonical_cells, remembering
from accounts.measures import measure_ids
from accounts.models import ImportRun, Usage
from csm.lib.copy import bulk_insert_into

_TABLE: Final = "usage_staging"
_COLUMNS: Final = ("number", "account_id", "measure_id", "day", "value")
_NOTHING: Final = ("The row has no value.", "Leave the row out, or fill in what was measured.")
_MISSING: Final = ("It is missing.", "Fill it in: without it the value means nothing.")
_ABSENT: Final = (0, lambda text: None)
_TWICE: Final = "Keep one value per account, day and measure."


@dataclass
class Seen:
    """Rows of values by account, day and measure, a chunk at a time: 12 bytes a value."""

    _hashes: Any = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    _rows: Any = field(default_factory=lambda: np.empty(0, dtype=np.uint32))

    def add(self, keys: Sequence[Any], rows: Sequence[int]) -> dict[int, int]:
        """Add a chunk; places in it of second uses, and the row of the first use."""
        hashes = np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))
        numbers = np.asarray(rows, dtype=np.uint32)
        order = np.argsort(hashes, kind="stable")
        ranked = hashes[order]
        again: dict[int, int] = {}
        same = np.flatnonzero(ranked[1:] == ranked[:-1]) + 1
        for place in same.tolist():
            first = order[np.searchsorted(ranked, ranked[place])]
            again[int(order[place])] = int(numbers[first])
        if len(self._hashes):
            at = np.searchsorted(self._hashes, hashes)
            at[at == len(self._hashes)] = 0
            for place in np.flatnonzero(self._hashes[at] == hashes).tolist():
                again[place] = int(self._rows[at[place]])
        fresh = np.ones(len(keys), dtype=bool)
        fresh[list(again)] = False
        order = order[fresh[order]]
        where = np.searchsorted(self._hashes, hashes[order])
        self._hashes = np.insert(self._hashes, where, hashes[order])
        self._rows = np.insert(self._rows, where, numbers[order])
        return again


@dataclass
class UsageReader:
    """Checks records of the long form (measure and value) and the wide one (a column per measure)."""

    layout: Layout
    values: Mapping[str, Mapping[str, str]]
    conventions: Conventions
    as_of: date
    notes: Counter[str] = field(default_factory=Counter)
    _seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        self._headers = {place.column.target: place.header for place in self.layout.places}
        self._readers: list[tuple[Place, Callable[[str], Any]]] = []
        self._wide: list[tuple[int, Callable[[str], Any], str]] = []
        self._narrow: dict[str, tuple[int, Callable[[str], Any]]] = {}
        for place in self.layout.places:
            target = place.column.target
            read = remembering(
                parser_for(place.column, self.conventions, place.style), self.values.get(target, {})
            )
            self._readers.append((place, read))
            if target.startswith(MEASURE_PREFIX):
                self._wide.append((place.index, read, place.column.field))
            else:
                self._narrow[target] = (place.index, read)

    def header(self, target: str) -> str:
        """What the file calls `target`; `target` itself where it has no such column."""
        return self._headers.get(target, target)

    def cells_of(self, row: Row) -> dict[str, str]:
        """`row` by column target, written so that it reads the same under any conventions."""
        return canonical_cells(self._readers, row.cells)

    def check(self, records: Iterable[Record]) -> tuple[list[Row], list[RowError]]:
        """Good rows, whose `metrics` are values by measure, and every fault of the others."""
        rows: list[Row] = []
        errors: list[RowError] = []
        account_at, read_account = self._narrow.get("account_id", _ABSENT)
        day_at, read_day = self._narrow.get("on", _ABSENT)
        measure_at, read_measure = self._narrow.get("measure", _ABSENT)
        value_at, read_value = self._narrow.get("value", _ABSENT)
        wide = self._wide
        for record in records:
            number, cells = record.number, record.cells
            if record.fault:
                value = shown(cells[0]) if cells else ""
                errors.append(RowError(number, "", value, f"The row {record.fault}", record.remedy))
                continue
            measured: dict[str, float] = {}
            faulty = len(errors)
            try:
                account_id = read_account(cells[account_at])
                on = read_day(cells[day_at])
                measure = read_measure(cells[measure_at])
                told = read_value(cells[value_at])
                for index, read, key in wide:
                    if (value := read(cells[index])) is not None:
                        measured[key] = value
            except CellFault:
                # Rare, so the row is read again for all its faults.
                errors += self._faults(record)
                continue
            if measure and told is not None:
                measured[measure] = told
            if not account_id:
                if not measured and not any(cell.strip() for cell in cells):
                    continue
                errors.append(RowError(number, self.header("account_id"), "", *_MISSING))
            if on is None:
                errors.append(RowError(number, self.header("on"), "", *_MISSING))
            if told is not None and not measure:
                errors.append(RowError(number, self.header("measure"), "", *_MISSING))
            elif not measured and len(errors) == faulty:
                # Unknown is what it is without the row.
                self.notes["no value; they say nothing"] += 1
                continue
            if on is not None and len(errors) == faulty:
                rows.append(Row(number, "", on, {}, measured, account_id or "", cells=cells))
        return self._once(rows, errors), errors

    def _faults(self, record: Record) -> list[RowError]:
        faults = []
        for place, read in self._readers:
            text = record.cells[place.index]
            try:
                read(text)
            except CellFault as fault:
                faults.append(
                    RowError(
                        record.number, place.header, shown(text), f"It {fault.reason}", fault.remedy
                    )
                )
        return faults

    def _once(self, rows: list[Row], errors: list[RowError]) -> list[Row]:
        """`rows` without those that repeat a value of an earlier one."""
        keys = [(row.account_id, row.on, key) for row in rows for key in row.metrics]
        places = [place for place, row in enumerate(rows) for _ in row.metrics]
        again = self._seen.add(keys, [rows[place].number for place in places]) if keys else {}
        if not again:
            return rows
        out: set[int] = set()
        for at, first in sorted(again.items()):
            row = rows[places[at]]
            reason = f"The same value is already in row {first}, which is the one that counts."
            errors.append(
                RowError(row.number, self.header("measure"), shown(keys[at][2]), reason, _TWICE)
            )
            out.add(places[at])
        return [row for place, row in enumerate(rows) if place not in out]


@dataclass
class UsagePlan(BasePlan):
    """`values`: row number, account, measure's key, day, value. Compared in the database by `apply`."""

    values: list[tuple[int, int, str, str, float]] = field(default_factory=list)
    # How many of the values there are already.
    found: int = 0

    def apply(self, run: ImportRun) -> None:
        if not self.values:
            return
        with connection.cursor() as cursor:
            if self.found:
                cursor.execute(_CHANGED)
                for pk, old, value in cursor.fetchall():
                    self.changes.add(Usage, pk, {"value": old}, {"value": value})
                cursor.execute(_UPDATE)
            if self.found < len(self.values):
                cursor.execute(_INSERT, [run.source, run.pk])
        self.changes.write(run)

    def touched(self) -> set[int]:
        return {
            account_id
            for number, account_id, *_ in self.values
            if self.outcomes.get(number) != UNCHANGED
        }


def plan(rows: Sequence[Row], context: Context, sample_size: int = 0) -> UsagePlan:
    """Stage `rows` and compare them with the usage there is. Statements do not grow with the rows."""
    result = UsagePlan(context, sample_size=sample_size)
    # Asked again every chunk: accounts may be merged, or undone, while a long file loads.
    known = accounts_by_id(
        {row.account_id for row in rows}, source=context.account_source, allowed=context.allowed
    )
    early = 0
    for row in rows:
        account = known.get(row.account_id)
        if account is None:
            result.without_account(row)
            continue
        if account.since is not None and row.on < account.since:
            early += 1
        day = row.on.isoformat()
        for key, value in row.metrics.items():
            result.values.append((row.number, account.pk, key, day, value))
    if early:
        result.notes[EARLY] = early
    if result.values:
        _stage(result)
    return result


def _stage(result: UsagePlan) -> None:
    measures = measure_ids({key for _, _, key, _, _ in result.values})
    with connection.cursor() as cursor:
        cursor.execute(_CREATE_EMPTIED if connection.vendor == "postgresql" else _CREATE)
        cursor.execute(f"DELETE FROM {_TABLE}")
        bulk_insert_into(
            _TABLE,
            _COLUMNS,
            (
                (number, account, measures[key], day, value)
                for number, account, key, day, value in result.values
            ),
        )
        result.found = _compare(cursor, result.context.source)
        if result.sample_size:
            _show(result, cursor)
        _settle(result, cursor)


def _settle(result: UsagePlan, cursor: Any) -> None:
    """A row is new when any of its values is, else changed when any is."""
    numbers = (number for number, *_ in result.values)
    if not result.found:
        result.outcomes = dict.fromkeys(numbers, CREATED)
        return
    result.outcomes = dict.fromkeys(numbers, UNCHANGED)
    cursor.execute(_NOT_UNCHANGED)
    for number, new in cursor.fetchall():
        result.outcomes[number] = CREATED if new else UPDATED


def _compare(cursor: Any, source: str) -> int:
    """Note what there is of the staged values already; how many of them there are."""
    if connection.vendor == "postgresql":
        cursor.execute(_PLAN, ["off"] * 3)
        cursor.execute(_COMPARE_RANGES, [source, source])
    else:
        cursor.execute(_COMPARE, [source])
    found: int = cursor.rowcount
    if connection.vendor == "postgresql":
        cursor.execute(_PLAN, ["on"] * 3)
    return found


def _show(result: UsagePlan, cursor: Any) -> None:
    wanted = {number: (account, key, day) for number, account, key, day, _ in result.values[:200]}
    cursor.execute(_SAMPLE, [result.sample_size])
    for number, value, old in cursor.fetchall():
        _, key, day = wanted.get(number, (0, "value", ""))
        row = Row(number, f"{key} {day}".strip(), date.min, {})
        result.show(row, old is None, {key: (old, value)})


_CREATE: Final = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_TABLE} (
    number integer NOT NULL, account_id bigint NOT NULL, measure_id bigint NOT NULL,
    day date NOT NULL, value double precision NOT NULL, usage_id bigint, old double precision
)"""
# Deleted rows of a temporary table stay in the way until it is emptied.
_CREATE_EMPTIED: Final = f"{_CREATE} ON COMMIT DELETE ROWS"
_COMPARE: Final = f"""
UPDATE {_TABLE} SET usage_id = u.id, old = u.value FROM accounts_usage u
WHERE u.account_id = {_TABLE}.account_id AND u.measure_id = {_TABLE}.measure_id
  AND u."on" = {_TABLE}.day AND u.source = %s"""
# One range of the unique index a value. By equal columns, the planner may take the index by day, where
# statistics are older than the import, and read the whole day for every value.
_COMPARE_RANGES: Final = f"""
UPDATE {_TABLE} SET usage_id = u.id, old = u.value FROM accounts_usage u
WHERE (u.account_id, u.measure_id, u."on", u.source)
      >= ({_TABLE}.account_id, {_TABLE}.measure_id, {_TABLE}.day, %s)
  AND (u.account_id, u.measure_id, u."on", u.source)
      <= ({_TABLE}.account_id, {_TABLE}.measure_id, {_TABLE}.day, %s)"""
_PLAN: Final = """
SELECT set_config('enable_hashjoin', %s, true), set_config('enable_mergejoin', %s, true),
       set_config('enable_seqscan', %s, true)"""
_NOT_UNCHANGED: Final = f"""
SELECT number, MAX(CASE WHEN usage_id IS NULL THEN 1 ELSE 0 END)
FROM {_TABLE} WHERE usage_id IS NULL OR old <> value GROUP BY number"""
_SAMPLE: Final = f"""
SELECT number, value, old FROM {_TABLE} WHERE usage_id IS NULL OR old <> value
ORDER BY number LIMIT %s"""
_CHANGED: Final = f"SELECT usage_id, old, value FROM {_TABLE} WHERE old <> value"
_UPDATE: Final = f"""
UPDATE accounts_usage SET value = s.value FROM {_TABLE} s
WHERE accounts_usage.id = s.usage_id AND s.old <> s.value"""
_INSERT: Final = f"""
INSERT INTO accounts_usage (account_id, measure_id, "on", source, value, import_run_id)
SELECT account_id, measure_id, day, %s, value, %s FROM {_TABLE} WHERE usage_id IS NULL
ON CONFLICT DO NOTHING"""
