"""A record as a row that can be loaded, or everything that is wrong with it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np

from accounts.ingest.cells import CellFault, Conventions, parser_for
from accounts.ingest.columns import AS_OF, CURRENCY, KEY
from accounts.ingest.errors import RowError, shown
from accounts.ingest.mappings import Layout, Mapping, Place
from accounts.ingest.parsers import Record

# Cells repeat within a column; remembering them saves most of the parsing.
_REMEMBERED: Final = 20_000
_RECENT_IDS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One good row. `attributes` is keyed by model field; what the file left blank is absent."""

    number: int
    external_id: str
    on: date
    attributes: dict[str, Any]
    metrics: dict[str, int | float | str]


@dataclass
class Validator:
    """Checks the records of one file; remembers ids to find the second use of one."""

    layout: Layout
    mapping: Mapping
    conventions: Conventions
    as_of: date
    more_emails_than_contacts: int = 0
    _readers: list[tuple[Place, Callable[[str], Any]]] = field(default_factory=list)
    _seen: "SeenIds" = field(default_factory=lambda: SeenIds())

    def __post_init__(self) -> None:
        self._key_header = next(p.header for p in self.layout.places if p.column.target == KEY)
        for place in self.layout.places:
            values = self.mapping.values.get(place.column.target, {})
            parse = parser_for(place.column, self.conventions)
            self._readers.append((place, _remembering(parse, values)))

    def check(self, records: Iterable[Record]) -> tuple[list[Row], list[RowError]]:
        """The good rows among `records`, and every fault of the others."""
        rows: list[Row] = []
        errors: list[RowError] = []
        for record in records:
            if record.fault:
                value = shown(record.cells[0]) if record.cells else ""
                errors.append(
                    RowError(record.number, "", value, f"The row {record.fault}", record.remedy)
                )
                continue
            faults: list[RowError] = []
            row = self._row(record, faults)
            if row is None or faults:
                errors.extend(faults)
            else:
                rows.append(row)
        return rows, errors

    def _row(self, record: Record, faults: list[RowError]) -> Row | None:
        cells = record.cells
        attributes: dict[str, Any] = {}
        metrics: dict[str, Any] = {}
        blank = True
        for place, read in self._readers:
            text = cells[place.index]
            if not text:
                continue
            try:
                value = read(text)
            except CellFault as fault:
                blank = False
                faults.append(
                    RowError(
                        record.number, place.header, shown(text), f"It {fault.reason}", fault.remedy
                    )
                )
                continue
            if value is None:
                continue
            blank = False
            if place.column.is_metric:
                # An explicit "unknown" is as good as a blank cell.
                if value != "":
                    metrics[place.column.field] = value
            else:
                attributes[place.column.field] = value
        if blank and not any(cell.strip() for cell in cells):
            return None
        external_id = attributes.pop(KEY, None)
        on = attributes.pop(AS_OF, self.as_of)
        attributes.pop(CURRENCY, None)
        if external_id is None:
            if not any(fault.column == self._key_header for fault in faults):
                remedy = "Fill it in: without it the row cannot be found again."
                faults.append(
                    RowError(record.number, self._key_header, "", "The id is missing.", remedy)
                )
            return None
        if first := self._seen.first(external_id):
            reason = f"The id is already used in row {first}, which is the one that counts."
            remedy = "Keep one row per account; load other days from files of their own."
            faults.append(
                RowError(record.number, self._key_header, shown(external_id), reason, remedy)
            )
        if faults:
            return None
        self._seen.add(external_id, record.number)
        if metrics.get("contacts_with_email", 0) > metrics.get("total_contacts", float("inf")):
            self.more_emails_than_contacts += 1
        return Row(record.number, external_id, on, attributes, metrics)


def _remembering(parse: Callable[[str], Any], values: dict[str, str]) -> Callable[[str], Any]:
    """`parse` after trimming and translating a cell, remembering good results; None for a blank one."""
    known: dict[str, Any] = {}

    def read(text: str) -> Any:
        try:
            return known[text]
        except KeyError:
            pass
        plain = text.strip()
        if values:
            plain = values.get(plain.casefold(), plain)
        value = parse(plain) if plain else None
        if len(known) >= _REMEMBERED:
            known.clear()
        known[text] = value
        return value

    return read


class SeenIds:
    """The row each id was first used in, at 12 bytes an id: a file may have millions."""

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._hashes = np.empty(0, dtype=np.int64)
        self._rows = np.empty(0, dtype=np.uint32)

    def first(self, external_id: str) -> int | None:
        """The row `external_id` was added with; a false one once in 10^7 files of a million rows."""
        digest = hash(external_id)
        if digest in self._recent:
            return self._recent[digest]
        place = int(np.searchsorted(self._hashes, digest)) if len(self._hashes) else 0
        if place < len(self._hashes) and self._hashes[place] == digest:
            return int(self._rows[place])
        return None

    def add(self, external_id: str, row: int) -> None:
        self._recent[hash(external_id)] = row
        if len(self._recent) >= _RECENT_IDS:
            hashes = np.append(self._hashes, np.fromiter(self._recent.keys(), dtype=np.int64))
            rows = np.append(self._rows, np.fromiter(self._recent.values(), dtype=np.uint32))
            order = np.argsort(hashes, kind="stable")
            self._hashes, self._rows = hashes[order], rows[order]
            self._recent.clear()
