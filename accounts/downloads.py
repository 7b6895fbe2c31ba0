"""What the views that hand out files have in common: who takes what is recorded before the first byte."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from accounts import audit
from csm.lib.spreadsheet import MARK, Line, guarded


def record_export(
    request: HttpRequest, what: str, rows: int | None, query: str | None = None
) -> None:
    """Note that the colleague of `request` takes `rows` rows of `what` (None: nobody counted, as of a file).

    `query` is how it was filtered, the address's own when absent.
    """
    user: Any = request.user
    asked = request.GET.urlencode() if query is None else query
    detail: dict[str, Any] = {"rows": rows} if rows is not None else {}
    if asked:
        detail["query"] = asked[:4_000]
    audit.record(audit.Kind.EXPORT, f"exported {what}", by=user, at=timezone.now(), detail=detail)


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
