"""Why a file, or one of its rows, does not load. `str()` of every error is the sentence for the person."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csm.lib.errors import WorkbenchError

if TYPE_CHECKING:
    from accounts.ingest.result import ImportResult

# Values are shown, stored and printed: none may break a terminal, a CSV or the database.
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_SHOWN = 200
# A header of thousands of columns is not read out in full.
HEADERS_SHOWN = 30


def shown(text: str) -> str:
    """`text` from a file, short and without characters that cannot be shown or stored."""
    plain = _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return plain if len(plain) <= _LONGEST_SHOWN else f"{plain[:_LONGEST_SHOWN]}…"


@dataclass(frozen=True, slots=True)
class RowError:
    """One fault of one row. Rows count as a spreadsheet counts them: the header is row 1."""

    row: int
    column: str
    value: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        value = f", value {self.value!r}" if self.value else ""
        return f"row {self.row}{column}{value}: {self.reason} {self.remedy}"


class IngestError(WorkbenchError):
    """Nothing was loaded."""


class UnknownFeed(IngestError):
    def __init__(self, feed: str, feeds: Iterable[str]) -> None:
        self.feed = feed
        super().__init__(f"There is no feed called {feed!r}. Feeds: {', '.join(feeds)}.")


class UnreadableFile(IngestError):
    """No table of text can be read from the file."""

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class MappingFault(IngestError):
    """The mapping is wrong, whatever the file holds."""

    def __init__(self, mapping: str, faults: Iterable[str]) -> None:
        self.mapping = mapping
        self.faults = tuple(faults)
        lines = "".join(f"\n- {fault}" for fault in self.faults)
        super().__init__(f"The mapping {mapping} cannot be used:{lines}")


class MissingColumn(IngestError):
    """The header lacks what the feed cannot do without."""

    def __init__(
        self, missing: str, headers: Iterable[str], accepted: Iterable[str], hint: str = ""
    ) -> None:
        self.missing = missing
        self.headers = tuple(headers)
        self.accepted = tuple(accepted)
        seen = ", ".join(self.headers[:HEADERS_SHOWN])
        more = len(self.headers) - HEADERS_SHOWN
        super().__init__(
            f"The file has no {missing}. Columns seen: {seen}"
            + (f" and {more:,} more" if more > 0 else "")
            + f". Name one of them {', '.join(self.accepted)}, or say in a mapping file which it is.{hint}"
        )


class AmbiguousColumns(IngestError):
    """Several headers claim one column; loading either would be a guess."""

    def __init__(self, clashes: dict[str, list[str]]) -> None:
        self.clashes = clashes
        parts = "; ".join(
            f"{' and '.join(repr(h) for h in headers)} both mean {target}"
            for target, headers in clashes.items()
        )
        super().__init__(
            f"{parts}. Rename or remove all but one of them, or set the others to `ignore` in a mapping file."
        )


class AmbiguousDates(IngestError):
    """Dates of some columns could be day or month first; `columns` has a few of them by header."""

    def __init__(self, columns: dict[str, list[str]]) -> None:
        self.columns = columns
        parts = "; ".join(
            f"column {header!r} ({', '.join(samples)})" for header, samples in columns.items()
        )
        super().__init__(
            f"Dates could be day or month first: {parts}. Say which with --date-order dmy or "
            "--date-order mdy, or with `date_order` in a mapping file."
        )


class EveryRowRejected(IngestError):
    """The file was read and no row of it could be loaded."""

    def __init__(self, result: "ImportResult") -> None:
        self.result = result
        rows = "1 row" if result.rows_read == 1 else f"all {result.rows_read:,} rows"
        super().__init__(f"Nothing was loaded: {rows} of {result.file_name} rejected.")


class ImportTaken(IngestError):
    """The import has gone on, or been undone, elsewhere; this one stops, what it had begun is undone."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        super().__init__(f"Import {run_id} goes on elsewhere, or was undone meanwhile.")


class UndoRefused(IngestError):
    """The import cannot be undone as things stand."""
