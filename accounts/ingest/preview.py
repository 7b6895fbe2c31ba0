"""A file before it is loaded: what its columns are taken for and why, its first rows, what is in the way."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from dataclasses import replace as with_changes
from datetime import date, datetime
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts.ingest import load
from accounts.ingest.cells import Conventions, parser_for
from accounts.ingest.columns import IGNORE, Column, fold
from accounts.ingest.errors import AmbiguousColumns, IngestError, shown
from accounts.ingest.faults import CellFault
from accounts.ingest.feeds import FEEDS
from accounts.ingest.feeds.further import columns_of
from accounts.ingest.layout import ALIAS, Layout, Place, lay_out, with_orders
from accounts.ingest.mapping_spec import GENERIC, Mapping
from accounts.ingest.mappings import feeds_of, read_mapping
from accounts.ingest.parsers import Record, inspect
from accounts.ingest.prepared import open_table, order_evidence

ROWS: Final = 20
_SAMPLES: Final = 3
_CERTAIN: Final = 1.0
_KNOWN_NAME: Final = 0.9
# A name this like a known one is worth proposing; never loaded unasked.
_ALIKE: Final = 0.84


@dataclass(frozen=True)
class Guess:
    """What one header is taken for. `target` is empty where it is not loaded; then `proposal` may have one.

    `confidence` is 1 where the mapping or the column's own name says so, less for other names and proposals,
    0 where nothing is known.
    """

    index: int
    header: str
    target: str
    confidence: float
    why: str
    samples: tuple[str, ...] = ()
    proposal: str = ""


@dataclass(frozen=True)
class PreviewCell:
    """A cell as it stands in the file, and as it is read: `value` as text, or `fault` and `remedy`."""

    text: str
    value: str = ""
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class PreviewRow:
    """A record of the file; `number` as a spreadsheet counts. `fault` is of the row as a whole."""

    number: int
    cells: tuple[PreviewCell, ...]
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Preview:
    """A file as one feed and mapping read it.

    `header` and `guesses` cover the file's own columns and those the mapping adds. `ambiguous` has sample
    dates by header of columns whose order of day and month somebody has to say; `missing` what the feed
    needs and no column gives; `faults` everything for which the file cannot be loaded like this. `notices`
    tell of titles, footers and rows that were passed over, as far as the file was read.
    """

    feed: str
    mapping: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_row: int
    guesses: tuple[Guess, ...]
    rows: tuple[PreviewRow, ...]
    suggested_feed: str
    ambiguous: dict[str, list[str]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def can_load(self) -> bool:
        """Whether nothing stands in the way of loading, rows apart."""
        return not self.faults


def preview(
    path: str | Path,
    feed: str,
    mapping: str | Path | Dict[str, Any] | Mapping = GENERIC,
    *,
    date_order: str | None = None,
    files: Dict[str, str | Path] | None = None,
    rows: int = ROWS,
    scan: bool = True,
) -> Preview:
    """`path` as `feed` and `mapping` would read it; loads nothing.

    With `scan` the whole file is read once for the order of its dates and its footers, otherwise only as
    far as the `rows` shown. Raises MappingFault and UnreadableFile; everything else that stands in the way
    is told in the preview. Constant queries.
    """
    columns = columns_of(FEEDS[feed])
    how = mapping
    if not isinstance(how, Mapping):
        how = read_mapping(how, feed=feed, columns=columns)
    if date_order:
        how = with_changes(how, date_order=date_order)
    file = inspect(Path(path), encoding=how.encoding)
    with open_table(file, how, feed=feed, columns=columns, files=files) as table:
        header = tuple(table.header)
        layout = lay_out(header, how, feed=feed, columns=columns, strict=False)
        reading = iter(table)
        first = list(islice(reading, rows))
        rest: Iterable[Record] = reading if scan else ()
        evidence = order_evidence(_chained(first, rest), layout, how)
        notices, header_row = tuple(table.notices), table.header_number
    layout = with_orders(layout, {key: each.order for key, each in evidence.items() if each.order})
    headers = {place.column.target: place.header for place in layout.places}
    ambiguous = {headers[key]: each.samples for key, each in evidence.items() if each.is_ambiguous}
    faults = [f"The file has no {what}." for what in layout.missing]
    faults += [
        f"Dates in {name!r} could be day or month first ({', '.join(samples)})."
        for name, samples in ambiguous.items()
    ]
    try:
        lay_out(header, how, feed=feed, columns=columns)
    except AmbiguousColumns as clash:
        faults.append(str(clash))
    except IngestError:
        # Told above, all at once.
        pass
    return Preview(
        feed=feed,
        mapping=how.name,
        encoding=file.encoding,
        delimiter=table.delimiter,
        header=header,
        header_row=header_row,
        guesses=_guesses(header, layout, columns, how, first),
        rows=_rows(header, layout, how, first),
        suggested_feed=suggest_feed(header, mapping),
        ambiguous=ambiguous,
        missing=layout.missing,
        faults=tuple(faults),
        warnings=(*layout.warnings, *layout.left_blank),
        notices=notices,
    )


def _chained(first: Sequence[Record], rest: Iterable[Record]) -> Iterable[Record]:
    yield from first
    yield from rest


def _guesses(
    header: Sequence[str],
    layout: Layout,
    columns: Dict[str, Column],
    mapping: Mapping,
    records: Sequence[Record],
) -> tuple[Guess, ...]:
    places = {place.index: place for place in layout.places}
    taken = {place.column.target for place in layout.places}
    found = []
    for index, text in enumerate(header):
        cells = (shown(r.cells[index].strip()) for r in records if len(r.cells) > index)
        samples = tuple(list(dict.fromkeys(filter(None, cells)))[:_SAMPLES])
        target, confidence, why, proposal = _taken_for(text, places.get(index), mapping, layout)
        if not target and not why:
            proposal, confidence = _alike(text, columns, taken)
            why = f"its name is like {proposal}" if proposal else "no such column is known"
        found.append(Guess(index, text, target, confidence, why, samples, proposal))
    return tuple(found)


def _taken_for(
    text: str, place: Place | None, mapping: Mapping, layout: Layout
) -> tuple[str, float, str, str]:
    """(target, confidence, why, proposal) of a header; all empty where nothing is known of it."""
    if place is not None:
        alias = place.why == ALIAS
        return place.column.target, _KNOWN_NAME if alias else _CERTAIN, place.why, ""
    if text in layout.ignored:
        return IGNORE, _CERTAIN, f"the mapping {mapping.name} leaves it out", ""
    if text in layout.source_scores:
        return IGNORE, _CERTAIN, "the source's own score is never an input", ""
    return "", 0.0, "", ""


def _alike(text: str, columns: Dict[str, Column], taken: set[str]) -> tuple[str, float]:
    """The column not yet taken whose name is most like `text`, and how sure that is."""
    folded = fold(text)
    best, best_score = "", _ALIKE
    if len(folded) < 4:
        return "", 0.0
    for target, column in columns.items():
        if target in taken:
            continue
        for spelling in column.spellings:
            score = SequenceMatcher(None, folded, fold(spelling)).ratio()
            if score > best_score:
                best, best_score = target, score
    return (best, round(best_score * 0.6, 2)) if best else ("", 0.0)


def _rows(
    header: Sequence[str], layout: Layout, mapping: Mapping, records: Sequence[Record]
) -> tuple[PreviewRow, ...]:
    conventions = _conventions(mapping)
    readers = {
        place.index: (
            parser_for(place.column, conventions, place.style),
            mapping.values.get(place.column.target, {}),
        )
        for place in layout.places
    }
    found = []
    for record in records:
        cells = []
        for index, raw in enumerate(record.cells[: len(header)]):
            text = raw.strip()
            parse, values = readers.get(index, (None, {}))
            if parse is None or not text or record.fault:
                cells.append(PreviewCell(shown(raw)))
                continue
            meant = values.get(text.casefold(), text)
            try:
                value = parse(meant) if meant else None
                cells.append(PreviewCell(shown(raw), _as_text(value)))
            except CellFault as fault:
                cells.append(PreviewCell(shown(raw), "", f"It {fault.reason}", fault.remedy))
        found.append(PreviewRow(record.number, tuple(cells), record.fault, record.remedy))
    return tuple(found)


def _conventions(mapping: Mapping) -> Conventions:
    return load.conventions(
        settings.DEFAULT_CURRENCY,
        # What lies in the future is told when the day of the file is known.
        max(timezone.localdate(), date(2199, 12, 31)),
        date_order=mapping.date_order,
        decimal_comma=mapping.decimal_comma,
    )


def _as_text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case (date() as day, moment):
            return moment.isoformat() if isinstance(moment, datetime) else day.isoformat()
        case date():
            return value.isoformat()
        case list() | tuple():
            return "; ".join(map(str, value))
    return shown(str(value))


def suggest_feed(
    header: Iterable[str], mapping: str | Path | Dict[str, Any] | Mapping = GENERIC
) -> str:
    """The feed of `mapping` that knows most of the headers and lacks least of what it needs; else accounts.

    No queries: columns of this company's own do not decide.
    """
    names = [text for text in header if text]

    def score(feed: str) -> float:
        how = Mapping()
        if not isinstance(mapping, Mapping):
            try:
                how = read_mapping(mapping, feed=feed)
            except IngestError:
                return -1.0
        # What the mapping adds is as good as there.
        made = [how.constant_header(target) for target in how.constants]
        made += [join.header(taken) for join in how.joins for taken in join.take]
        layout = lay_out([*names, *made], how, feed=feed, strict=False)
        own = [place for place in layout.places if place.index < len(names)]
        exact = sum(place.why != ALIAS for place in own)
        return len(own) + 0.25 * exact - 2 * len(layout.missing)

    known = feeds_of(mapping) if isinstance(mapping, (str, Path)) else tuple(FEEDS)
    # max keeps the first of equals: accounts, the feed everything else hangs on.
    best = max(known, key=score)
    return best if score(best) > 0 else "accounts"
