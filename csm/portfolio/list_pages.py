"""The page of a list of accounts its address asks for, and the way to its neighbours."""

from functools import cached_property
from math import ceil
from typing import Any

from django.http import QueryDict

from csm.lib import display
from csm.lib.typed import whole
from csm.portfolio.keyset import Pages, Slice, read
from csm.portfolio.links import with_params
from csm.portfolio.totals import COUNTED, Count, How

LAST = "last"


class ListPage:
    """One page of `pages`, `size` rows of `total`: `?after=` and `?before=` a row, or `?page=`.

    A page number is that of an old bookmark: skipping row by row it leads as far as lists are counted. An
    address that makes no sense, or whose row has gone, leads to the first page.
    """

    def __init__(self, query: QueryDict, pages: Pages, total: Count, size: int) -> None:
        self.query = query
        self.pages = pages
        self.total = total
        self.size = size

    @cached_property
    def _found(self) -> tuple[Slice, int | None]:
        """The rows, and how many stand before them (None: nobody has counted)."""
        found = self._asked()
        if found is None or not found[0].rows:
            return self._first(), 0
        return found

    def _first(self) -> Slice:
        """One statement where the whole list is on the page."""
        if self.total.how is How.COUNTED and self.total.accounts <= self.size:
            return self.pages.at(0, self.size)
        return self.pages.after(None, self.size)

    def _asked(self) -> tuple[Slice, int | None] | None:
        if cursor := read(self.query.get("after", ""), self.pages.order):
            return self.pages.after(cursor, self.size), cursor.place
        if cursor := read(self.query.get("before", ""), self.pages.order):
            found = self.pages.before(cursor, self.size)
            if not found.before:
                # The way back ends here: the first page, and all of it.
                return (found, 0) if len(found.rows) == self.size else None
            place = cursor.place
            return found, None if place is None else max(place - len(found.rows), 1)
        return self._numbered(self.query.get("page", ""))

    def _numbered(self, asked: str) -> tuple[Slice, int | None] | None:
        number = whole(asked, 7)
        if number is None and asked != LAST:
            return None
        last = max(ceil(self.total.accounts / self.size), 1)
        if self.total.how is How.COUNTED and (number is None or number >= last):
            place = (last - 1) * self.size
            return self.pages.before(None, max(self.total.accounts - place, 1)), place
        if number is None or (number > last and self.total.how is not How.MORE):
            return self.pages.before(None, self.size), None
        place = min(max(number - 1, 0) * self.size, COUNTED)
        return self.pages.at(place, self.size), place

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        return self._found[0].rows

    @property
    def place(self) -> int | None:
        """How many rows stand before the page; None when nobody has counted."""
        return self._found[1]

    def context(self) -> dict[str, Any]:
        """Context of components/pagination.html."""
        found, place = self._found
        rows = found.rows
        end = None if place is None else place + len(rows)
        return {
            "first": None if place is None else place + 1,
            "last": end,
            "shown": len(rows),
            "total": self.total.accounts,
            "of": str(self.total),
            "note": f"as of the night of {display.day(self.total.night)}"
            if self.total.night
            else "",
            "first_url": with_params(self.query) if found.before else None,
            "prev_url": self._beside("before", rows[0], place) if rows and found.before else None,
            "next_url": self._beside("after", rows[-1], end) if rows and found.after else None,
            "last_url": with_params(self.query, page=LAST) if found.after else None,
        }

    def _beside(self, name: str, row: tuple[Any, ...], place: int | None) -> str:
        return with_params(self.query, **{name: self.pages.cursor(row, place).text()})
