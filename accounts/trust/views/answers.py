"""A list as a file, for the data-quality pages and the audit trail."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from accounts.downloads import record_export
from csm.lib.spreadsheet import MARK, Line, guarded


def as_csv(
    request: HttpRequest, what: str, name: str, rows: Iterable[Sequence[Any]], count: int
) -> StreamingHttpResponse:
    """`rows` (the first is the header) as a download, written in the audit trail."""
    record_export(request, what, count)

    def lines() -> Iterator[str]:
        yield MARK
        writer = csv.writer(Line())
        for row in rows:
            yield writer.writerow([_cell(cell) for cell in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def _cell(cell: Any) -> str:
    if cell is None:
        return ""
    # A number below zero is no formula.
    return str(cell) if isinstance(cell, int | float) else guarded(str(cell))
