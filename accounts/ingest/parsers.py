"""A delimited text file as records, in bounded memory.

The standard library's reader, not pandas: it hands over one record at a time whatever the width, numbers
them, and lets a broken record be told apart and skipped, where pandas refuses or pads the file. A field
is never longer than `csv.field_size_limit()`, so a quote that is never closed costs no more than that.
"""

import codecs
import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

from accounts.ingest.errors import UnreadableFile
from accounts.ingest.surroundings import (
    DELIMITERS as DELIMITERS,
)
from accounts.ingest.surroundings import (
    header_place,
    is_footer,
    opens_like_footer,
    sniff,
    split,
)

_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 16
# Characters of one physical line; a wide header of 10,000 columns takes 200,000.
_LONGEST_LINE: Final = 1 << 22
_SNIFFED_LINES: Final = 40
# Notices below a report are few.
_LONGEST_FOOTER: Final = 20
_FOOTERS_KEPT: Final = 20
_NAMES: Final = {delimiter: f"a {name}" for name, delimiter in DELIMITERS.items()}
_OVERLONG: Final = (f"is longer than {_LONGEST_LINE:,} characters.", "Export the file again.")
# Excel's own first line, `sep=;`.
_EXCEL_HINT: Final = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]")
# What `surrogateescape` leaves of a byte that is not in the encoding.
_ESCAPED: Final = re.compile("[\udc80-\udcff]")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_FOREIGN_FORMATS: Final = (
    (
        b"PK\x03\x04",
        "It looks like an Excel workbook or a zip archive: save the sheet as CSV, or unpack it.",
    ),
    (b"\xd0\xcf\x11\xe0", "It looks like an old Excel workbook: save the sheet as CSV."),
    (b"\x1f\x8b", "It looks like a gzip archive: unpack it first."),
    (b"%PDF", "It looks like a PDF: export the data as CSV."),
    (b"SQLite format 3", "It looks like a SQLite database: export the table as CSV."),
)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number in the file (the header's is 1) and either its cells or what is wrong with it."""

    number: int
    cells: list[str]
    fault: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read: where, in which encoding, and the digest of its bytes."""

    path: Path
    encoding: str
    sha256: str
    size: int


def inspect(path: Path, *, encoding: str | None = None) -> Source:
    """Digest and encoding of `path` in one pass; UnreadableFile when it is missing, empty or not text.

    Without `encoding`: a byte-order mark decides, then the pattern of zero bytes of UTF-32 or UTF-16,
    then UTF-8 if more of the non-ASCII characters are valid in it than not, else Windows-1252. A file cut
    inside a character stays UTF-8.
    """
    digest, size = hashlib.sha256(), 0
    valid = invalid = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    sample = b""
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                if not sample:
                    sample = block[:_SAMPLE]
                digest.update(block)
                size += len(block)
                text = decoder.decode(block)
                if not text.isascii():
                    escaped = len(_ESCAPED.findall(text))
                    invalid += escaped
                    valid += len(_NON_ASCII.findall(text)) - escaped
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read ({error.strerror or error}).") from None
    if not sample.strip(b"\xef\xbb\xbf\xff\xfe\0\r\n\t ,;|"):
        raise UnreadableFile(path, "is empty. Export it again.")
    guessed = _encoding_by_pattern(sample)
    _refuse_binary(path, sample, encoding or guessed)
    # The decoder is never told that the file ends: half a character there is a cut, no other encoding.
    is_utf8 = invalid == 0 or valid > invalid
    found = encoding or guessed or ("utf-8" if is_utf8 else "cp1252")
    return Source(path, found, digest.hexdigest(), size)


def _encoding_by_pattern(sample: bytes) -> str | None:
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    # Before UTF-16, whose mark the little-endian one starts with.
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # No character needs the highest byte of four; letters seldom the next.
    quads = len(sample) // 4
    if quads:
        zeros = [sample[place::4].count(0) for place in range(4)]
        if min(zeros[2:]) >= 0.99 * quads and zeros[0] < 0.01 * quads:
            return "utf-32-le"
        if min(zeros[:2]) >= 0.99 * quads and zeros[3] < 0.01 * quads:
            return "utf-32-be"
    # Western text in UTF-16 has a zero in most pairs, always on the same side.
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    pairs = len(sample) // 2
    if pairs and max(even, odd) > 0.3 * pairs and min(even, odd) < 0.01 * pairs:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _refuse_binary(path: Path, sample: bytes, encoding: str | None) -> None:
    for magic, remedy in _FOREIGN_FORMATS:
        if sample.startswith(magic):
            raise UnreadableFile(path, f"is not a text file. {remedy}")
    # Numbers of two bytes look like UTF-16 until they are read as such.
    text = sample.decode(encoding, "ignore") if encoding else sample.decode("latin-1")
    control = len(_CONTROL.findall(text))
    if text.count("\0") > 0.001 * len(text) + 1 or control > 0.02 * len(text) + 1:
        raise UnreadableFile(path, "is a binary file, not a table of text. Export the data as CSV.")


class Table:
    """The records of one file. Iterating reads on from where the last iteration stopped.

    `header` holds the cells of the first record that is not blank and no title of a report. Rows count as a
    spreadsheet counts them, blank ones and titles too. A broken record never ends the iteration: it comes as
    a `Record` with a fault, and the lines it had swallowed are read again on their own. What a report says
    above and below its table is in `titles` and `footers`, the latter as far as has been read.
    """

    def __init__(self, source: Source, *, delimiter: str | None = None) -> None:
        self.source = source
        self._raw = source.path.open("rb")
        try:
            # UTF-16 has no escape for half a character; a cut one becomes U+FFFD.
            wide = source.encoding.lower().replace("_", "-").startswith(("utf-16", "utf-32"))
            errors = "replace" if wide else "surrogateescape"
            # Line ends stay as they are: inside quotes they belong to the cell.
            text = io.TextIOWrapper(self._raw, source.encoding, errors=errors, newline="")
            self._lines = _Lines(text)
            first = self._lines.peek(1)
            if first and (named := _EXCEL_HINT.fullmatch(first[0])):
                delimiter = delimiter or named[1]
                self._lines.drop(1)
            self.delimiter = delimiter or sniff(self._lines.peek(_SNIFFED_LINES))
            self._reader = csv.reader(self._lines, delimiter=self.delimiter, strict=True)
            self._number = 0
            self.titles: list[str] = []
            self.footers: list[Record] = []
            self.footer_count = 0
            self.header = self._read_header()
            self.header_number = self._number
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> "Table":
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self._raw.tell()

    @property
    def notices(self) -> list[str]:
        """What was passed over above and below the table, as sentences."""
        sentences = []
        if self.titles:
            rows = (
                "Row 1 is" if self.header_number == 2 else f"Rows 1 to {self.header_number - 1} are"
            )
            sentences.append(
                f"{rows} above the header and no part of the table: {self.titles[0][:80]!r}."
            )
        if self.footers:
            rows = "1 line" if self.footer_count == 1 else f"{self.footer_count:,} lines"
            first = self.footers[0]
            text = next(cell.strip() for cell in first.cells if cell.strip())
            sentences.append(
                f"{rows} of the report's footer skipped, the first is row {first.number}: {text[:80]!r}."
            )
        return sentences

    def __iter__(self) -> Iterator[Record]:
        """Every record after the header that is neither blank nor the footer of a report; those are counted."""
        waiting: list[Record] = []
        after_blank = False
        for record in self._records():
            if record is None:
                after_blank = True
                continue
            # Most rows are full ones among others, and no footer is full.
            if not (after_blank or waiting or record.fault or "" in record.cells):
                yield record
                continue
            if self._is_footer(record, after_blank=after_blank):
                # What stood between the blank row and this line belongs to the footer as well.
                self._skip(*waiting, record)
                waiting = []
            elif self._may_be_footer(record, after_blank or bool(waiting)) and (
                len(waiting) < _LONGEST_FOOTER
            ):
                waiting.append(record)
            else:
                yield from waiting
                waiting = []
                yield record
            after_blank = False
        if self.footers and waiting:
            self._skip(*waiting)
        else:
            yield from waiting

    def _is_footer(self, record: Record, *, after_blank: bool) -> bool:
        width = len(self.header)
        return opens_like_footer(record.cells) and is_footer(
            record.cells, width, after_blank=after_blank, last=not self._lines.peek(1)
        )

    def _may_be_footer(self, record: Record, below_blank: bool) -> bool:
        """Whether `record` is one if nothing but footers follows."""
        return (below_blank or bool(self.footers and record.fault)) and (
            sum(bool(cell.strip()) for cell in record.cells) == 1
        )

    def _skip(self, *records: Record) -> None:
        self.footer_count += len(records)
        self.footers += records[: _FOOTERS_KEPT - len(self.footers)]

    def _records(self) -> Iterator[Record | None]:
        """Every record after the header; None for a blank one."""
        width = len(self.header)
        while True:
            self._lines.begin()
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                self._number += 1
                yield self._broken(str(error))
                continue
            self._number += 1
            if self._lines.overlong:
                yield Record(self._number, cells[:1], *_OVERLONG)
            elif not (cells and cells[0].strip()) and not any(cell.strip() for cell in cells):
                yield None
            elif len(cells) == width:
                yield Record(self._number, cells)
            else:
                yield self._ragged(cells)

    def _read_header(self) -> list[str]:
        place = header_place(split(self._lines.peek(_SNIFFED_LINES), self.delimiter))
        while True:
            self._lines.begin()
            try:
                cells = next(self._reader)
            except StopIteration:
                raise UnreadableFile(self.source.path, "is empty. Export it again.") from None
            except csv.Error:
                raise UnreadableFile(
                    self.source.path,
                    "has a first line that is no header: a quote in it is never closed.",
                ) from None
            self._number += 1
            if self._lines.overlong:
                raise UnreadableFile(
                    self.source.path,
                    f"has a first line of more than {_LONGEST_LINE:,} characters: it is no table.",
                )
            filled = [cell.strip() for cell in cells if cell.strip()]
            if filled and self._number > place:
                return [cell.strip() for cell in cells]
            if filled:
                self.titles.append(" ".join(filled))

    def _broken(self, error: str) -> Record:
        at_end = "unexpected end" in error
        first = self._lines.reread_after_first()
        cells = next(csv.reader([first], delimiter=self.delimiter), [])[:1]
        if at_end or "field larger" in error or "record longer" in error:
            reason = "opens a quote that is never closed; the file may be cut off here."
            return Record(self._number, cells, reason, "Export the file again.")
        reason = "has text after a closing quote."
        return Record(self._number, cells, reason, "Write a quote inside a quoted cell twice.")

    def _ragged(self, cells: list[str]) -> Record:
        self._lines.reread_after_first()
        width = len(self.header)
        reason = f"has {len(cells):,} {'cell' if len(cells) == 1 else 'cells'} where the header has {width:,}"
        if len(cells) > width:
            remedy = f"Put quotes around cells that contain {_NAMES[self.delimiter]}."
        elif not self._lines.peek(1):
            reason += "; the file seems to be cut off here"
            remedy = "Export the file again."
        else:
            remedy = "Fill it up with empty cells, or export the file again."
        return Record(self._number, cells[:width], f"{reason}.", remedy)


class _Clipped(str):
    """What is kept of a line without end."""

    __slots__ = ()


class _Lines:
    """Physical lines with a memory of those the current record has taken, so that they can be read again."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._ahead: deque[str] = deque()
        self._taken: list[str] = []
        self._taken_length = 0
        self.overlong = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read()
        if not line:
            raise StopIteration
        self.overlong = self.overlong or isinstance(line, _Clipped)
        self._taken.append(line)
        self._taken_length += len(line)
        if self._taken_length > 2 * _LONGEST_LINE:
            raise csv.Error("record longer than any table has")
        return line

    def begin(self) -> None:
        """A record starts here."""
        self._taken.clear()
        self._taken_length = 0
        self.overlong = False

    def reread_after_first(self) -> str:
        """Put back all but the first line of the current record, which is returned."""
        self._ahead.extendleft(reversed(self._taken[1:]))
        return self._taken[0]

    def peek(self, count: int) -> list[str]:
        """Up to `count` lines ahead, which stay there."""
        while len(self._ahead) < count and (line := self._read()):
            self._ahead.append(line)
        return list(islice(self._ahead, count))

    def drop(self, count: int) -> None:
        for _ in range(count):
            self._ahead.popleft()

    def _read(self) -> str:
        line = self._file.readline(_LONGEST_LINE)
        if len(line) >= _LONGEST_LINE and not line.endswith(("\n", "\r")):
            while (more := self._file.readline(_LONGEST_LINE)) and not more.endswith(("\n", "\r")):
                pass
            return _Clipped(line[: csv.field_size_limit() // 2] + "\n")
        return line
