"""Row errors: the first in memory, all in the errors file, so that a million of them do no harm."""

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from accounts.ingest.errors import IngestError, RowError
from csm.lib.spreadsheet import guarded

ERROR_COLUMNS: Final = ("row", "column", "value", "reason", "remedy")
_KEPT: Final = 100
_PLAIN_NUMBER: Final = re.compile(r"[+-]?[0-9.,]+%?")


@dataclass
class ErrorLog:
    """Errors of one import. With `resume_at`, the file is gone on with at that byte: what follows it is
    of a chunk that was never committed.
    """

    path: str | Path | None
    resume_at: int = 0
    kept: list[RowError] = field(default_factory=list)
    count: int = 0
    _file: IO[str] | None = None

    def __enter__(self) -> "ErrorLog":
        if self.path is not None:
            path = Path(self.path)
            goes_on = self.resume_at > 0 and path.exists()
            try:
                self._file = path.open("r+" if goes_on else "w", encoding="utf-8", newline="")
            except OSError as error:
                raise IngestError(
                    f"The errors file {self.path} cannot be written ({error.strerror})."
                ) from None
            self._writer = csv.writer(self._file)
            if goes_on:
                self._file.seek(self.resume_at)
                self._file.truncate()
            else:
                self._writer.writerow(ERROR_COLUMNS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def position(self) -> int:
        """Bytes written, all of them on their way to the disk."""
        if self._file is None:
            return 0
        self._file.flush()
        return self._file.tell()

    def add(self, *several: list[RowError]) -> int:
        """Add a chunk's errors in the order of its rows; how many rows they are of."""
        faults = sorted(
            (fault for faults in several for fault in faults), key=lambda fault: fault.row
        )
        self.count += len(faults)
        self.kept += faults[: max(0, _KEPT - len(self.kept))]
        if self._file is not None:
            self._writer.writerows(
                [
                    fault.row,
                    *map(_harmless, (fault.column, fault.value)),
                    fault.reason,
                    fault.remedy,
                ]
                for fault in faults
            )
        return len({fault.row for fault in faults})

    def restore(self, errors: list[dict[str, Any]], count: int) -> None:
        """Go on from what a run kept."""
        self.kept = [RowError(**{name: each[name] for name in ERROR_COLUMNS}) for each in errors]
        self.count = count

    def as_json(self) -> list[dict[str, Any]]:
        """The first errors, as an ImportRun keeps them."""
        return [
            dict(zip(ERROR_COLUMNS, (e.row, e.column, e.value, e.reason, e.remedy), strict=True))
            for e in self.kept
        ]


def _harmless(text: str) -> str:
    """`text` so that a spreadsheet shows it instead of running it."""
    return text if _PLAIN_NUMBER.fullmatch(text) else guarded(text)
