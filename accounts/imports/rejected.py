"""Rows an import refused: what is wrong with them, and the rows themselves to mend and upload again."""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from django.conf import settings

from accounts.ingest.parsers import DELIMITERS, Record, Table, inspect
from accounts.ingest.run import ERROR_COLUMNS
from accounts.models import ImportRun
from csm.lib.spreadsheet import MARK, Line, guarded

ADDED: Final = ("import row", "import problem", "import remedy")
# Signs, digits and what stands between them cannot be made a formula that does anything.
_FIGURES: Final = re.compile(r"[+-]?[0-9.,:()/\s%-]*")

Fault = dict[str, str]


def errors_path(run: ImportRun) -> Path:
    """Where the loader writes the errors of `run`; a resumed import goes on in the same file."""
    folder = Path(settings.MEDIA_ROOT) / "imports"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder / f"errors-{run.pk}.csv"


def delete(run: ImportRun) -> None:
    """Forget the errors of `run`."""
    errors_path(run).unlink(missing_ok=True)


def errors(run: ImportRun) -> Iterator[Fault]:
    """Every error by ERROR_COLUMNS, in the order of the rows, in bounded memory."""
    path = errors_path(run)
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        for cells in csv.reader(file):
            # Not the header, nor a line cut off when its writer was killed.
            if len(cells) == len(ERROR_COLUMNS) and cells[0].isdigit():
                yield dict(zip(ERROR_COLUMNS, cells, strict=True))


def errors_csv(run: ImportRun) -> Iterator[bytes]:
    """The errors as a file, one line each."""
    writer = csv.writer(Line())
    yield (MARK + str(writer.writerow(ERROR_COLUMNS))).encode()
    for fault in errors(run):
        # The loader wrote the cells so that a spreadsheet shows them.
        yield str(writer.writerow(fault.values())).encode()


def rows_csv(run: ImportRun) -> Iterator[bytes]:
    """The refused rows as they stood in the file, with three columns more: row, problem and remedy.

    In the encoding and with the delimiter the mapping asks for, so that the mended file loads with it.
    Cells that a spreadsheet would run are guarded. Raises IngestError when the file cannot be read.
    """
    how = run.options.get("spec", {})
    encoding = how.get("encoding") or "utf-8-sig"
    source = inspect(Path(run.file.path), encoding=how.get("encoding"))
    with Table(source, delimiter=_delimiter(run)) as table:
        delimiter = table.delimiter if how.get("delimiter") else ","
        writer = csv.writer(Line(), delimiter=delimiter)
        yield str(writer.writerow([*map(harmless, table.header), *ADDED])).encode(
            encoding, "replace"
        )
        plain = "utf-8" if encoding == "utf-8-sig" else encoding
        for record, faults in _matched(table, errors(run)):
            yield str(writer.writerow(_row(record, faults, len(table.header)))).encode(
                plain, "replace"
            )


def _delimiter(run: ImportRun) -> str | None:
    named = run.options.get("spec", {}).get("delimiter")
    return DELIMITERS.get(named, named)


def _matched(
    table: Iterable[Record], faults: Iterator[Fault]
) -> Iterator[tuple[Record, list[Fault]]]:
    """Records and their faults; both come in the order of the file."""
    records = iter(table)
    for number, group in groupby(faults, key=lambda fault: int(fault["row"])):
        of_row = list(group)
        for record in records:
            if record.number == number:
                yield record, of_row
                break


def _row(record: Record, faults: list[Fault], width: int) -> list[str | int]:
    cells = [harmless(cell) for cell in record.cells]
    return [
        *cells,
        *[""] * (width - len(cells)),
        record.number,
        " · ".join(f"{fault['column']}: {fault['reason']}".lstrip(": ") for fault in faults),
        " · ".join(dict.fromkeys(fault["remedy"] for fault in faults)),
    ]


def harmless(text: str) -> str:
    """`text` so that a spreadsheet shows it instead of running it; figures stay as they are."""
    text = text.encode("utf-8", "replace").decode()
    return text if _FIGURES.fullmatch(text) else guarded(text)
