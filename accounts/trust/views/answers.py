"""What the data-quality pages share: who may see them, pages of a list, a list as a file."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, StreamingHttpResponse

from accounts.downloads import record_export
from csm.lib.spreadsheet import MARK, Line, guarded

PER_PAGE = 50


def page_of(
    request: HttpRequest, rows: Any, noun: str, *, total: int | None = None
) -> tuple[Page[Any], dict[str, Any]]:
    """The page of `rows` the address asks for, and what `components/pagination.html` needs.

    `total` is how many rows there are, where the caller has counted them.
    """
    pages = Paginator(rows, PER_PAGE)
    if total is not None:
        pages.count = total
    page = pages.get_page(request.GET.get("page"))
    query = request.GET.copy()

    def address(number: int) -> str:
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    return page, {
        "first": page.start_index(),
        "last": page.end_index(),
        "total": page.paginator.count,
        "noun": noun,
        "prev_url": address(page.previous_page_number()) if page.has_previous() else "",
        "next_url": address(page.next_page_number()) if page.has_next() else "",
    }


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
