"""The page of a list its address asks for."""

from math import ceil
from typing import Final

from django.http import QueryDict

from csm.lib.typed import whole

# Rows a page; the first unless `?per=` names another.
PAGE_SIZES: Final = (25, 50, 100)


def size_of(query: QueryDict) -> int:
    """Rows a page."""
    asked = whole(query.get("per", ""))
    return asked if asked in PAGE_SIZES else PAGE_SIZES[0]


def page_of(query: QueryDict, total: int, size: int) -> int:
    """The page asked for, from 1, or the last one there is of `total` rows."""
    return max(1, min(whole(query.get("page", ""), 7) or 1, ceil(total / size)))
