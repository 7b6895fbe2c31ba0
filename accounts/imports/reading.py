"""What an upload looks like: its columns, what each is taken for and why, and its first rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from accounts.imports import specs
from accounts.ingest.columns import IGNORE, Column, fold
from accounts.ingest.errors import IngestError, UnreadableFile
from accounts.ingest.feeds import Feed
from accounts.ingest.mappings import lay_out, read_mapping
from accounts.ingest.parsers import DELIMITERS, Table, inspect
from accounts.ingest.preview import Preview, PreviewCell, preview, suggest_feed
from accounts.models import ImportRun

# A larger file is not read whole for the order of its dates before it is loaded.
SCANNED: Final = 50_000_000
ROWS: Final = 20
# The columns page sends a field for each, and Django takes a thousand fields.
MOST_COLUMNS: Final = 900
_WORDS: Final = {"external_id": "id in the source", "account_id": "account's id in the source"}


@dataclass(frozen=True)
class ColumnView:
    """One column of the file, or one its mapping adds (`is_made`). `target` is empty where nobody knows what
    it is; `proposal` may then say what it could be.
    """

    index: int
    header: str
    samples: list[str]
    target: str
    why: str
    proposal: str = ""
    is_made: bool = False


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
    suggested_feed: str = ""

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
    if len(header) > MOST_COLUMNS:
        raise UnreadableFile(
            run.file_name,
            f"has {len(header):,} columns, and a page can show {MOST_COLUMNS}. Export only the columns "
            "the workbench needs, or load it in a shell: manage.py import_feed.",
        )
    run.mapping = run.mapping or best_mapping(header, run.feed)
    if not run.feed:
        saved = run.mapping not in specs.shipped()
        run.feed = specs.feed_of(run.mapping) if saved else suggest_feed(header, run.mapping)
    spec = specs.load(run.mapping, run.feed)
    run.source = run.source or spec.get("source") or "generic"
    run.options = {"spec": spec}
    run.save(update_fields=["feed", "mapping", "source", "options"])


def best_mapping(header: list[str], feed: str = "") -> str:
    """The shipped mapping that knows most of the headers; the generic one unless another knows more."""

    def known(name: str) -> int:
        meant = feed or suggest_feed(header, name)
        try:
            how = read_mapping(name, feed=meant)
        except IngestError:
            return -1
        layout = lay_out(header, how, feed=meant, strict=False)
        return len(layout.places) - 2 * len(layout.missing)

    # max keeps the first of equals, and the generic one comes first.
    return max(specs.shipped(), key=known)


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
    try:
        how = specs.mapping_for(run, columns)
        scan = run.bytes_total <= SCANNED
        seen = preview(run.file.path, run.feed, how, rows=ROWS, scan=scan)
    except IngestError as error:
        return Look("", "", [], [], [], faults=[public(str(error), run)])
    made = how.made_headers()
    used = [one for one in seen.guesses if one.target not in ("", IGNORE)]
    return Look(
        seen.encoding,
        seen.delimiter,
        [
            ColumnView(
                one.index,
                one.header,
                list(one.samples),
                one.target,
                one.why,
                one.proposal,
                fold(one.header) in made,
            )
            for one in seen.guesses
        ],
        [
            RowView(
                row.number,
                [_cell(row.cells[one.index]) for one in used if one.index < len(row.cells)],
                f"{row.fault} {row.remedy}".strip(),
            )
            for row in seen.rows
        ],
        [one.header for one in used],
        [public(fault, run) for fault in seen.faults],
        [*seen.warnings, *seen.notices],
        _suggested(run, seen),
    )


def _suggested(run: ImportRun, seen: Preview) -> str:
    """The feed to propose: none where the chosen one reads every column, or no feed knows any."""
    taken = sum(one.target not in ("", IGNORE) for one in seen.guesses)
    fits = not seen.faults and taken == len(seen.guesses)
    if fits or seen.suggested_feed == run.feed:
        return ""
    feed = seen.suggested_feed
    layout = lay_out(seen.header, read_mapping("generic", feed=feed), feed=feed, strict=False)
    return feed if taken or layout.places else ""


def _cell(cell: PreviewCell) -> CellView:
    return CellView(cell.text if cell.fault else cell.value, cell.fault, cell.remedy)


def public(sentence: str, run: ImportRun) -> str:
    """`sentence` about the stored file, with the name it was uploaded under."""
    if not run.file:
        return sentence
    path = Path(run.file.path)
    return sentence.replace(str(path), run.file_name).replace(path.name, run.file_name)


def described(run: ImportRun, said: dict[str, Any], post: Any) -> dict[str, Any]:
    """What the mapping form says, as changes of the run. IngestError: the file cannot be read."""
    used = said["mapping"]
    if used != run.mapping or said["feed"] != run.feed:
        # Its columns were shown for another feed or mapping: they say nothing of this one.
        spec = specs.load(used, said["feed"])
    else:
        spec = dict(run.options.get("spec", {}))
        spec["columns"] = dict(spec.get("columns") or {}) | _corrected(run, post)
    for key in ("delimiter", "encoding", "date_order", "decimal", "account_source"):
        if said.get(key):
            spec[key] = said[key]
        elif used == run.mapping and not isinstance(spec.get(key), dict):
            spec.pop(key, None)
    return {
        "feed": said["feed"],
        "mapping": used,
        "source": said["source"],
        "as_of": said["as_of"],
        "options": run.options | {"spec": spec},
        "error": "",
    }


def _corrected(run: ImportRun, post: Any) -> dict[str, str]:
    """Columns the form reads otherwise than the mapping does, as target by header."""
    found = {}
    for column in look(run).columns:
        chosen = post.get(f"target-{column.index}")
        if chosen and column.header and chosen != (column.target or IGNORE):
            found[column.header] = chosen
    return found
