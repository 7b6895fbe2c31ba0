"""The page of a list its address asks for."""

from math import ceil
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, QueryDict

from csm.lib.typed import whole

# Rows a page; the first unless `?per=` names another.
PAGE_SIZES: Final = (25, 50, 100)
# Where nobody may choose.
PER_PAGE: Final = 50


def size_of(query: QueryDict) -> int:
    """Rows a page."""
    asked = whole(query.get("per", ""))
    return asked if asked in PAGE_SIZES else PAGE_SIZES[0]


def page_of(query: QueryDict, total: int, size: int) -> int:
    """The page asked for, from 1, or the last one there is of `total` rows."""
    return max(1, min(whole(query.get("page", ""), 7) or 1, ceil(total / size)))


def numbered(
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
