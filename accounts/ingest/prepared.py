"""A file as its mapping wants it read: links joined, constants set, rows left out, date orders found out."""

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Final

from accounts.ingest.cells import is_nothing, is_yes
from accounts.ingest.columns import Column, Kind, fold
from accounts.ingest.dates import OrderEvidence
from accounts.ingest.errors import AmbiguousDates, UnreadableFile
from accounts.ingest.faults import CellFault
from accounts.ingest.ids import read_id
from accounts.ingest.layout import Layout, lay_out, named_targets, with_orders
from accounts.ingest.mapping_spec import OTHERWISE, Join, Mapping
from accounts.ingest.parsers import Record, Source, Table, inspect

_BLOCK: Final = 1 << 20
_LONGEST_DATE: Final = 12
_NAMELESS: Final = (
    "no account is named; export the associations too, or load the file again with a table that names it "
    "(--with NAME=FILE)"
)
_YEAR_LAST: Final = re.compile(r"[/.-][0-9]{1,2}[/.-][0-9]{4}")
_DATED: Final = frozenset({Kind.DATE, Kind.DATETIME})


class Prepared:
    """A `Table` with the columns its mapping adds, without the rows it leaves out.

    A joined value replaces the file's own cell where the link is found; a constant fills blank cells of a
    column the mapping names, and otherwise is a column of its own. A joined file is held in memory.
    """

    def __init__(
        self,
        table: Table,
        mapping: Mapping,
        *,
        feed: str,
        columns: Dict[str, Column] | None = None,
        files: Dict[str, str | Path] | None = None,
    ) -> None:
        self._table = table
        self._mapping = mapping
        self.source, self.delimiter = table.source, table.delimiter
        self.header = list(table.header)
        self.header_number = table.header_number
        self.left_out: Counter[str] = Counter()
        self._said: list[str] = []
        base = lay_out(table.header, mapping, feed=feed, columns=columns, strict=False)
        self._at = {place.column.target: place.index for place in base.places}
        named = named_targets(table.header, mapping)
        self._links = [
            link for join in mapping.joins if (link := self._linked(join, files or {})) is not None
        ]
        self._fills: list[tuple[int, str]] = []
        for target, value in mapping.constants.items():
            self._set(target, value, in_file=target in named)
        self._rules = [
            (name, index, values)
            for name, values in mapping.skip_if.items()
            if (index := self._index_of(name)) is not None
        ]

    def __enter__(self) -> "Prepared":
        return self

    def __exit__(self, *error: object) -> None:
        self._table.__exit__(*error)

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._table.position

    @property
    def left_out_count(self) -> int:
        """Rows left out so far, as the mapping says."""
        return self.left_out.total()

    @property
    def notices(self) -> list[str]:
        """What was passed over, left out and joined so far, as sentences."""
        left = [
            f"{'1 row was' if count == 1 else f'{count:,} rows were'} left out: {why}."
            for why, count in self.left_out.items()
        ]
        return [*self._table.notices, *self._said, *left]

    def __iter__(self) -> Iterator[Record]:
        """The records of the table, widened to `header`."""
        if not (self._links or self._fills or self._rules):
            yield from self._table
            return
        width, more = len(self._table.header), len(self.header) - len(self._table.header)
        for record in self._table:
            if record.fault or len(record.cells) != width:
                yield record
                continue
            cells = [*record.cells, *[""] * more]
            for here, found, places in self._links:
                if taken := found.get(_key(cells[here])):
                    for place, text in zip(places, taken, strict=True):
                        cells[place] = text or cells[place]
            for place, text in self._fills:
                if is_nothing(cells[place].strip()):
                    cells[place] = text
            reason = self._reason_to_skip(cells)
            if reason:
                self.left_out[reason] += 1
            else:
                yield Record(record.number, cells)

    def _index_of(self, name: str) -> int | None:
        """Where a header, or else a target, stands."""
        folded = fold(name)
        found = (index for index, text in enumerate(self.header) if fold(text) == folded)
        return next(found, self._at.get(name))

    def _column(self, target: str, header: str) -> int:
        """Where `target` stands; in a new column where the file has none."""
        if target not in self._at:
            self._at[target] = len(self.header)
            self.header.append(header)
        return self._at[target]

    def _set(self, target: str, value: str | dict[str, str], *, in_file: bool) -> None:
        if isinstance(value, dict):
            present = {fold(text) for text in self._table.header}
            by_header = (text for header, text in value.items() if header in present)
            chosen = next(by_header, value.get(OTHERWISE))
            if chosen is None:
                return
            value = chosen
        if not in_file and self._at.get(target, len(self.header)) < len(self._table.header):
            # Known by a generic name only: what the mapping sets counts.
            del self._at[target]
        self._fills.append((self._column(target, self._mapping.constant_header(target)), value))

    def _linked(
        self, join: Join, files: Dict[str, str | Path]
    ) -> tuple[int, dict[str, list[str]], list[int]] | None:
        """(column here, taken cells by id, where they go); None when there is nothing to join."""
        here = next((i for name in join.here if (i := self._index_of(name)) is not None), None)
        path = _path_of(join, self.source.path, files)
        if here is None or path is None:
            if not join.optional and path is None:
                self._said.append(
                    f"{join.files[0]} is not beside the file and was not joined; "
                    f"name it with --with {join.name}=FILE."
                )
            return None
        found, several = _links(path, join, self._mapping)
        places = [self._column(to, join.header(taken)) for taken, to in join.take.items()]
        if several:
            ids = "1 id has" if several == 1 else f"{several:,} ids have"
            self._said.append(f"{ids} several rows in {path.name}; the first one counts.")
        return here, found, places

    def _reason_to_skip(self, cells: list[str]) -> str:
        for name, index, values in self._rules:
            text = cells[index].strip()
            for value in values:
                if value is True:
                    if is_yes(text):
                        return f"{self.header[index]} says {text}"
                elif value == "":
                    if is_nothing(text):
                        return _NAMELESS if name == "account_id" else f"{name} is blank"
                elif text.casefold() == value:
                    return f"{self.header[index]} is {text!r}"
        return ""


def _path_of(join: Join, beside: Path, files: Dict[str, str | Path]) -> Path | None:
    if join.name in files:
        return Path(files[join.name])
    places = (beside.parent / Path(name).name for name in join.files)
    return next((path for path in places if path.is_file() and path != beside), None)


def _key(text: str) -> str:
    """What ids are joined by: repaired, and of a Salesforce id its long form."""
    try:
        return read_id(text.strip(), salesforce=True)
    except CellFault:
        return ""


def _links(path: Path, join: Join, mapping: Mapping) -> tuple[dict[str, list[str]], int]:
    """The cells taken from a joined file by id, and of how many ids it has several rows."""
    with Table(inspect(path)) as table:
        at = {fold(text): index for index, text in reversed(list(enumerate(table.header))) if text}
        wanted = [join.there, *join.take]
        if absent := [name for name in wanted if fold(name) not in at]:
            raise UnreadableFile(
                path, f"has no column {absent[0]!r}, which the mapping {mapping.name} joins."
            )
        there, *taken = (at[fold(name)] for name in wanted)
        deleted = [
            at[fold(name)]
            for name, values in mapping.skip_if.items()
            if True in values and fold(name) in at
        ]
        found: dict[str, list[str]] = {}
        several: set[str] = set()
        for record in table:
            cells = record.cells
            if record.fault or any(is_yes(cells[index]) for index in deleted):
                continue
            key = _key(cells[there])
            if key in found:
                several.add(key)
            elif key:
                found[key] = [cells[index].strip() for index in taken]
    return found, len(several)


def open_table(
    file: Source,
    mapping: Mapping,
    *,
    feed: str,
    columns: Dict[str, Column] | None = None,
    files: Dict[str, str | Path] | None = None,
) -> Prepared:
    """`file` as `mapping` wants it read; `files` are joined tables by name. UnreadableFile when it is none."""
    try:
        table = Table(file, delimiter=mapping.delimiter)
    except UnicodeError as error:
        raise UnreadableFile(file.path, f"is not {file.encoding} text ({error}).") from None
    try:
        return Prepared(table, mapping, feed=feed, columns=columns, files=files)
    except BaseException:
        table.__exit__()
        raise


def may_need_order(file: Source) -> bool:
    """Whether `file` holds anything like 3/4/2026; much quicker than reading its records."""
    decoder = codecs.getincrementaldecoder(file.encoding)("replace")
    tail = ""
    with file.path.open("rb") as raw:
        while block := raw.read(_BLOCK):
            text = tail + decoder.decode(block)
            if _YEAR_LAST.search(text):
                return True
            tail = text[-_LONGEST_DATE:]
    return False


def ready(
    file: Source,
    mapping: Mapping,
    *,
    feed: str,
    columns: Dict[str, Column] | None = None,
    files: Dict[str, str | Path] | None = None,
) -> tuple[Prepared, Layout]:
    """The table of `file` at its first record, and its layout with the date order of every column.

    Reads the whole file once more to find the orders out, where the mapping states none for a date column
    and the file has dates with the year last.
    Raises what `lay_out` and `open_table` raise, and AmbiguousDates.
    """
    table = open_table(file, mapping, feed=feed, columns=columns, files=files)
    try:
        layout = lay_out(table.header, mapping, feed=feed, columns=columns)
        asked = any(_is_open(place.column, mapping) for place in layout.places)
        if asked and may_need_order(file):
            with open_table(file, mapping, feed=feed, columns=columns, files=files) as scan:
                evidence = order_evidence(scan, layout, mapping)
            layout = decided(layout, evidence)
    except BaseException:
        table.__exit__()
        raise
    return table, layout


def _is_open(column: Column, mapping: Mapping) -> bool:
    return column.kind in _DATED and mapping.order_of(column.target) is None


def order_evidence(
    records: Iterable[Record], layout: Layout, mapping: Mapping
) -> dict[str, OrderEvidence]:
    """What all `records` tell of day and month, by target of the columns the mapping states no order for."""
    found = {
        place.column.target: (place.index, OrderEvidence())
        for place in layout.places
        if _is_open(place.column, mapping)
    }
    pairs = list(found.values())
    for record in records:
        if record.fault:
            continue
        for index, evidence in pairs:
            text = record.cells[index].strip()
            # Most dates have their year first and tell nothing.
            if text and text[4:5] != "-":
                evidence.add(text)
    return {target: evidence for target, (_, evidence) in found.items()}


def decided(layout: Layout, evidence: Dict[str, OrderEvidence]) -> Layout:
    """`layout` with the orders that `evidence` tells; AmbiguousDates where it does not."""
    ambiguous = {target: each.samples for target, each in evidence.items() if each.is_ambiguous}
    if ambiguous:
        raise AmbiguousDates(
            {
                place.header: ambiguous[place.column.target]
                for place in layout.places
                if place.column.target in ambiguous
            }
        )
    return with_orders(
        layout, {target: each.order for target, each in evidence.items() if each.order}
    )
