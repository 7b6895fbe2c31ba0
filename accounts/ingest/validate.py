"""A record as a row that can be loaded, or everything that is wrong with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.conf import settings

from accounts.ingest.cells import CellFault, Conventions, parser_for
from accounts.ingest.columns import ACCOUNT, AS_OF, CURRENCY, CUSTOM_PREFIX, KEY, Column, Kind, fold
from accounts.ingest.errors import RowError, shown
from accounts.ingest.feeds import Feed
from accounts.ingest.implied import Nonsense, complete
from accounts.ingest.mappings import Layout, Place
from accounts.ingest.parsers import Record
from accounts.ingest.row import Row
from accounts.ingest.seen import SeenIds
from csm.lib.money import per_unit

# Cells repeat within a column; remembering them saves most of the parsing.
_REMEMBERED: Final = 20_000
_NO_ID: Final = ("The id is missing.", "Fill it in: without it the row cannot be found again.")
_ONE_ACCOUNT: Final = "Keep one row per account; load other days from files of their own."
_ONE_ROW: Final = "Keep one row of each; a correction belongs into a file of its own."
_MORE_EMAILS: Final = "more contacts with e-mail than contacts; their share counts as 100%"
_CHURN_CLASH: Final = (
    "a churn flag that contradicts the date of churn; the date counts, the flag is kept as told"
)


@dataclass
class Validator:
    """Checks the records of one file; remembers ids to find the second use of one.

    `metrics` are the columns a long file may name in its metric column, by folded spelling. `notes` counts
    rows with something odd that is no error.
    """

    feed: Feed
    layout: Layout
    values: Mapping[str, Mapping[str, str]]
    conventions: Conventions
    as_of: date
    metrics: Mapping[str, Column] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    _readers: list[tuple[Place, Callable[[str], Any]]] = field(default_factory=list)
    _seen: SeenIds = field(default_factory=SeenIds)
    _metric_readers: dict[str, Callable[[str], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._columns = {place.column.target: place.column for place in self.layout.places}
        self._headers = {place.column.target: place.header for place in self.layout.places}
        for place in self.layout.places:
            values = self.values.get(place.column.target, {})
            self._readers.append(
                (
                    place,
                    remembering(parser_for(place.column, self.conventions, place.style), values),
                )
            )
        is_account = self.feed.key_target == KEY
        self._row: Callable[[int, list[str], dict[str, Any], list[RowError]], list[Row]]
        if self.feed.key == "metrics":
            self._row = self._metric
        else:
            self._row = self._account if is_account else self._fact

    def header(self, target: str) -> str:
        """What the file calls `target`; `target` itself where it has no such column."""
        return self._headers.get(target, target)

    def cells_of(self, row: Row) -> dict[str, str]:
        """`row` by column target, written so that it reads the same under any conventions."""
        return canonical_cells(self._readers, row.cells)

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
            attributes = self._read(record, faults)
            if attributes is None:
                continue
            made = self._row(record.number, record.cells, attributes, faults)
            if faults:
                errors.extend(faults)
            else:
                rows.extend(made)
        return rows, errors

    def _read(self, record: Record, faults: list[RowError]) -> dict[str, Any] | None:
        """The record's values by column target, blank ones left out; None for a blank row."""
        found: dict[str, Any] = {}
        for place, read in self._readers:
            text = record.cells[place.index]
            if not text:
                continue
            try:
                value = read(text)
            except CellFault as fault:
                faults.append(
                    RowError(
                        record.number, place.header, shown(text), f"It {fault.reason}", fault.remedy
                    )
                )
                continue
            if value is not None:
                found[place.column.target] = value
        if not found and not faults and not any(cell.strip() for cell in record.cells):
            return None
        return found

    def _fault(
        self, faults: list[RowError], number: int, target: str, value: str, reason: str, remedy: str
    ) -> None:
        faults.append(RowError(number, self.header(target), shown(value), reason, remedy))

    def _key(self, number: int, found: dict[str, Any], faults: list[RowError], target: str) -> str:
        """The id in `target`, which a row cannot be without."""
        key = found.pop(target, None)
        if key is None and not any(fault.column == self.header(target) for fault in faults):
            self._fault(faults, number, target, "", *_NO_ID)
        return key or ""

    def _first_use(
        self, key: object, number: int, target: str, value: str, remedy: str, faults: list[RowError]
    ) -> bool:
        if first := self._seen.first(key):
            what = "The id" if value else "The same row"
            reason = f"{what} is already used in row {first}, which is the one that counts."
            self._fault(faults, number, target, value, reason, remedy)
            return False
        return True

    def _account(
        self, number: int, cells: list[str], found: dict[str, Any], faults: list[RowError]
    ) -> list[Row]:
        key = self._key(number, found, faults, KEY)
        on = found.pop(AS_OF, self.as_of)
        found.pop(CURRENCY, None)
        row = Row(number, key, on, {}, cells=cells)
        if others := getattr(key, "others", ()):
            row.extra["aliases"] = list(others)
        for target, value in found.items():
            column = self._columns[target]
            if column.is_metric:
                # An explicit "unknown" is as good as a blank cell.
                if value != "":
                    row.metrics[column.field] = value
            elif target.startswith(CUSTOM_PREFIX):
                told = value.isoformat() if isinstance(value, date) else value
                row.extra.setdefault("custom", {})[column.field] = told
            elif target == "parent_id":
                row.extra["parent"] = value
            elif target == "merged_ids":
                row.extra["aliases"] = value
            else:
                row.attributes[column.field] = value
        if key:
            self._first_use(key, number, KEY, key, _ONE_ACCOUNT, faults)
        if faults:
            return []
        self._seen.add(key, number)
        if row.metrics.get("contacts_with_email", 0) > row.metrics.get("total_contacts", 1e99):
            self.notes[_MORE_EMAILS] += 1
        if (flag := row.attributes.get("churn_flag")) is not None:
            gone = row.attributes.get("churned_on")
            if (flag is False and gone) or (
                flag and gone is None and "churned_on" in self._headers
            ):
                self.notes[_CHURN_CLASH] += 1
        return [row]

    def _fact(
        self, number: int, cells: list[str], found: dict[str, Any], faults: list[RowError]
    ) -> list[Row]:
        own_id = found.pop(KEY, "")
        if not own_id and not self.feed.natural:
            self._key(number, found, faults, KEY)
        if ACCOUNT in self.feed.required or not {"invoice_id", "subscription_id"} & found.keys():
            account_id = self._key(number, found, faults, ACCOUNT)
        else:
            account_id = found.pop(ACCOUNT, "")
        row = Row(number, own_id, self.as_of, {}, account_id=account_id, cells=cells)
        for target, value in found.items():
            column = self._columns[target]
            if column.kind is Kind.DATETIME:
                day, moment = value
                row.attributes.setdefault(column.day_field, day)
                if moment is not None:
                    row.attributes[column.field] = moment
            else:
                row.attributes[column.field] = value
        if faults:
            return []
        try:
            rows = complete(self.feed, row)
        except Nonsense as nonsense:
            told = found.get(nonsense.target, "")
            self._fault(
                faults, number, nonsense.target, str(told), nonsense.reason, nonsense.remedy
            )
            return []
        for each in rows:
            if self._first_use(each.external_id, number, KEY, own_id, _ONE_ROW, faults):
                self._seen.add(each.external_id, number)
        return rows

    def _metric(
        self, number: int, cells: list[str], found: dict[str, Any], faults: list[RowError]
    ) -> list[Row]:
        account_id = self._key(number, found, faults, ACCOUNT)
        on = found.get("on", self.as_of)
        name, text = found.get("metric", ""), found.get("value")
        if not name:
            self._fault(
                faults, number, "metric", "", "It is missing.", "Name the metric by its key."
            )
        if faults or text is None:
            # A blank value is unknown, which is what it is without the row.
            if text is None and not faults:
                self.notes["no value; they say nothing"] += 1
            return []
        column = self.metrics.get(fold(name))
        if column is None:
            remedy = "Use a key of the metrics page, or define the metric there first."
            self._fault(faults, number, "metric", name, "There is no such metric.", remedy)
            return []
        read = self._metric_readers.get(column.field)
        if read is None:
            read = remembering(parser_for(column, self.conventions), {})
            self._metric_readers[column.field] = read
        try:
            value = read(text)
        except CellFault as fault:
            self._fault(faults, number, "value", text, f"It {fault.reason}", fault.remedy)
            return []
        key = (account_id, on, column.field)
        if not self._first_use(key, number, "metric", name, _ONE_ROW, faults):
            return []
        self._seen.add(key, number)
        metrics = {} if value in ("", None) else {column.field: value}
        return [Row(number, "", on, {}, metrics, account_id=account_id, cells=cells)]


class _Remembered(dict[str, Any]):
    """Cells read so far; reads the others as they are looked up, which costs no call for most cells."""

    def __init__(self, parse: Callable[[str], Any], values: Mapping[str, str]) -> None:
        self._parse, self._values = parse, values

    def __missing__(self, text: str) -> Any:
        plain = text.strip()
        if self._values:
            plain = self._values.get(plain.casefold(), plain)
        value = self._parse(plain) if plain else None
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = value
        return value


def remembering(parse: Callable[[str], Any], values: Mapping[str, str]) -> Callable[[str], Any]:
    """`parse` after trimming and translating a cell, remembering good results; None for a blank one."""
    return _Remembered(parse, values).__getitem__


def canonical_cells(
    readers: Iterable[tuple[Place, Callable[[str], Any]]], cells: Sequence[str]
) -> dict[str, str]:
    """Good cells by column target: days as YYYY-MM-DD, numbers with a point, categories as accepted."""
    found = {}
    for place, read in readers:
        value = read(cells[place.index])
        if value is not None:
            found[place.column.target] = _canonical(place.column, value)
    return found


def _canonical(column: Column, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case (day, moment):
            return str((moment or day).isoformat())
        case list():
            return "; ".join(value)
        case date():
            return value.isoformat()
    if column.kind is Kind.AMOUNT:
        return str(Decimal(value) / per_unit(settings.DEFAULT_CURRENCY))
    if column.kind is Kind.HOURS:
        return str(Decimal(value) / 60)
    return str(value)
