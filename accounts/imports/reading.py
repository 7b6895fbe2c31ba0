"""What an upload looks like: its columns, what each is taken for and why, and its first rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts.imports import specs
from accounts.ingest import load
from accounts.ingest.columns import IGNORE, Column, is_source_score
from accounts.ingest.errors import IngestError, RowError, UnreadableFile, shown
from accounts.ingest.feeds import FEEDS, Feed
from accounts.ingest.feeds.further import columns_of
from accounts.ingest.mappings import Layout, Mapping, Place, lay_out
from accounts.ingest.parsers import DELIMITERS, Record, Table, inspect
from accounts.models import ImportRun

ROWS: Final = 20
_WORDS: Final = {"external_id": "id in the source", "account_id": "account's id in the source"}
SAMPLES: Final = 3


@dataclass(frozen=True)
class ColumnView:
    """One column of the file. `target` is empty where nobody knows what it is."""

    index: int
    header: str
    samples: list[str]
    target: str
    why: str


@dataclass(frozen=True)
class CellView:
    text: str
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class RowView:
    number: int
    cells: list[CellView]
    fault: str = ""


@dataclass(frozen=True)
class Look:
    """An upload as its mapping reads it. `faults` are reasons why it cannot be loaded like this."""

    encoding: str
    delimiter: str
    columns: list[ColumnView]
    rows: list[RowView]
    headers: list[str]
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)

    @property
    def used(self) -> int:
        """Columns that are loaded."""
        return sum(column.target not in ("", IGNORE) for column in self.columns)

    @property
    def faulty(self) -> int:
        """Rows of those shown that would be rejected."""
        return sum(bool(row.fault) or any(cell.fault for cell in row.cells) for row in self.rows)

    @property
    def encoding_label(self) -> str:
        """The encoding as people call it."""
        return {"cp1252": "Windows-1252", "utf-8-sig": "UTF-8"}.get(
            self.encoding, self.encoding.upper()
        )

    @property
    def delimiter_label(self) -> str:
        """The delimiter in words."""
        return {sign: f"{name}s" for name, sign in DELIMITERS.items()}.get(
            self.delimiter, repr(self.delimiter)
        )


def _open(run: ImportRun) -> Table:
    spec = run.options.get("spec", {})
    source = inspect(Path(run.file.path), encoding=spec.get("encoding"))
    named = spec.get("delimiter")
    try:
        return Table(source, delimiter=DELIMITERS.get(named, named))
    except UnicodeError as error:
        raise UnreadableFile(run.file_name, f"is not {source.encoding} text ({error}).") from None


def header_of(run: ImportRun) -> list[str]:
    """The headers of the file as its mapping reads it; IngestError when it cannot be read."""
    with _open(run) as table:
        return list(table.header)


def guess(run: ImportRun) -> None:
    """Fill in what the upload form left open: feed, mapping and source. IngestError: it is no table."""
    header = header_of(run)
    feed = run.feed or best_feed(header)
    mapping = run.mapping or specs.GENERIC
    run.feed, run.mapping = feed, mapping
    run.source = run.source or "generic"
    run.options = {"spec": specs.load(mapping, feed)}
    run.save(update_fields=["feed", "mapping", "source", "options"])


def best_feed(header: Iterable[str]) -> str:
    """The feed that knows most of the headers and finds what it needs among them; else accounts."""
    names = [text for text in header if text]

    def score(feed: Feed) -> tuple[bool, int]:
        known = {column.target for text in names if (column := feed.column_for(text))}
        complete = set(feed.required) <= known and all(
            known.intersection(group) for group in feed.one_of
        )
        return complete, len(known)

    # max keeps the first of equals: accounts, the feed everything else hangs on.
    return max(FEEDS.values(), key=score).key


def target_groups(feed: Feed, columns: Iterable[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a column may be, for a select: (group, [(target, label)]) of the targets `columns`."""
    named = {"": feed.label, "metric": "Metrics", "custom": "Own fields", "measure": "Measures"}
    groups: dict[str, list[tuple[str, str]]] = {}
    for target in columns:
        prefix = target.partition(":")[0] if ":" in target else ""
        groups.setdefault(named.get(prefix, prefix), []).append((target, label_of(target, feed)))
    return list(groups.items())


def label_of(target: str, feed: Feed) -> str:
    """A target in words."""
    words = _WORDS.get(target) or target.split(":")[-1].replace("_", " ")
    needed = " (needed)" if target in feed.required else ""
    return words[:1].upper() + words[1:] + needed


def look(run: ImportRun, columns: dict[str, Column] | None = None) -> Look:
    """The upload as its mapping reads it; whatever is wrong with it is among the faults.

    `columns` are those of its feed by target, where they have been asked for already.
    """
    known = columns_of(FEEDS[run.feed]) if columns is None else columns
    try:
        how = specs.mapping_for(run, known)
        with _open(run) as table:
            records = list(islice(table, ROWS))
            header = list(table.header)
            encoding, delimiter = table.source.encoding, table.delimiter
    except IngestError as error:
        return Look("", "", [], [], [], faults=[public(str(error), run)])
    layout = lay_out(header, how, feed=run.feed, columns=known, strict=False)
    faults = []
    try:
        lay_out(header, how, feed=run.feed, columns=known)
    except IngestError as error:
        faults.append(str(error))
    places = {place.index: place for place in layout.places}
    return Look(
        encoding,
        delimiter,
        [
            ColumnView(index, text, _samples(records, index), *_target(text, places.get(index)))
            for index, text in enumerate(header)
        ],
        _rows(run, how, layout, records),
        [place.header for place in layout.places],
        faults,
        list(layout.warnings),
    )


def _samples(records: Iterable[Record], index: int) -> list[str]:
    cells = [record.cells[index] for record in records if len(record.cells) > index]
    return list(dict.fromkeys(shown(cell) for cell in cells if cell.strip()))[:SAMPLES]


def _target(header: str, place: Place | None) -> tuple[str, str]:
    """What a column is taken for, and why."""
    if place is not None:
        return place.column.target, place.why
    if is_source_score(header):
        return IGNORE, "the source's own score is never an input"
    return "", ""


def _rows(run: ImportRun, how: Mapping, layout: Layout, records: list[Record]) -> list[RowView]:
    """The first rows as they will be read, each fault in its cell."""
    reader = load.reader_for(
        FEEDS[run.feed],
        layout,
        how.values,
        load.conventions(
            settings.DEFAULT_CURRENCY,
            max(run.as_of, timezone.localdate() + timedelta(days=1)),
            date_order=how.date_order,
            decimal_comma=how.decimal_comma,
        ),
        run.as_of,
    )
    good, errors = reader.check(records)
    read = {row.number: reader.cells_of(row) for row in good}
    faults: dict[int, dict[str, RowError]] = {}
    for error in errors:
        faults.setdefault(error.row, {}).setdefault(error.column, error)
    return [_row(record, layout, read, faults.get(record.number, {})) for record in records]


def _row(
    record: Record, layout: Layout, read: dict[int, dict[str, str]], faults: dict[str, RowError]
) -> RowView:
    cells = []
    for place in layout.places:
        raw = record.cells[place.index] if len(record.cells) > place.index else ""
        text = read.get(record.number, {}).get(place.column.target, raw)
        fault = faults.get(place.header)
        cells.append(
            CellView(shown(raw), fault.reason, fault.remedy) if fault else CellView(shown(text))
        )
    placed = {place.header for place in layout.places}
    rest = [f"{each.reason} {each.remedy}" for name, each in faults.items() if name not in placed]
    return RowView(record.number, cells, " ".join(rest))


def public(sentence: str, run: ImportRun) -> str:
    """`sentence` about the stored file, with the name it was uploaded under."""
    if not run.file:
        return sentence
    path = Path(run.file.path)
    return sentence.replace(str(path), run.file_name).replace(path.name, run.file_name)


def described(run: ImportRun, said: dict[str, Any], post: Any) -> dict[str, Any]:
    """What the mapping form says, as changes of the run."""
    used = said["mapping"]
    changed = used != run.mapping or said["feed"] != run.feed
    base = specs.load(used, said["feed"]) if changed else dict(run.options.get("spec", {}))
    if not changed:
        columns = dict(base.get("columns") or {})
        for index, header in enumerate(header_of(run)):
            target = post.get(f"target-{index}")
            if header and target is not None:
                columns[header] = target or IGNORE
        base["columns"] = columns
        for key in ("delimiter", "encoding", "date_order", "decimal", "account_source"):
            base.pop(key, None)
            if said.get(key):
                base[key] = said[key]
    return {
        "feed": said["feed"],
        "mapping": used,
        "source": said["source"],
        "as_of": said["as_of"],
        "options": run.options | {"spec": base},
    }
