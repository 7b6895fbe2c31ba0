"""Lists of an account's facts: declared once, shown as a table and taken away as CSV."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from django.db.models import Count, QuerySet, Window
from django.utils.html import format_html

from accounts.models import Account
from csm.lib import display, markup
from csm.lib.money import exponent
from csm.lib.spreadsheet import guarded
from csm.lib.typed import whole

PER_PAGE = 25
# No account has so many facts of a kind; a larger number in the address is somebody's joke.
_LAST_PAGE = 100_000

Kind = Literal["text", "day", "money", "number", "percent", "yes"]


@dataclass(frozen=True)
class Column:
    """One column: `value` is the plain figure of a row (money in minor units); `kind` says how it reads."""

    label: str
    value: Callable[[Any], Any]
    kind: Kind = "text"
    digits: int = 0
    # What an empty cell says where it means "not so", not "nobody knows".
    absent: str | None = None

    @property
    def css(self) -> str:
        return {"text": "wrap", "day": "num", "yes": ""}.get(self.kind, "r")

    def cell(self, row: Any, currency: str) -> str:
        """The column of `row` as safe HTML or text that will be escaped."""
        value = self.value(row)
        if value is None or value == "":
            if self.absent is not None or self.kind == "yes":
                return format_html('<span class="quiet">{}</span>', self.absent or "")
            return markup.unknown()
        match self.kind:
            case "day":
                return markup.day(value)
            case "money":
                return markup.money(value, currency)
            case "number":
                return markup.number(value, self.digits)
            case "percent":
                return markup.percent(value, self.digits)
            case "yes":
                return format_html('<span class="badge">{}</span>', self.label) if value else ""
        return str(value)

    def plain(self, row: Any, currency: str) -> str:
        """The column of `row` for a CSV."""
        value = self.value(row)
        if value is None:
            return ""
        match self.kind:
            case "day":
                return str(value.isoformat())
            case "money":
                return f"{display.major_units(value, currency):.{exponent(currency)}f}"
            case "number" | "percent":
                return f"{value:g}"
            case "yes":
                return "yes" if value else "no"
        return guarded(str(value))


@dataclass(frozen=True)
class Listing:
    """A list of one kind of fact. `rows` gives the account's, newest first, in one query."""

    key: str
    title: str
    noun: str
    columns: Sequence[Column]
    rows: Callable[[Account, date], QuerySet[Any]]
    empty: str
    definition: str = ""

    def page(self, account: Account, as_of: date, query: Any, csv_url: str) -> dict[str, Any]:
        """What the template shows: headers, prepared rows and a pager that keeps the other lists' pages."""
        number = max(1, whole(query.get(self.key, "")) or 1)
        found, total = self._found(account, as_of, number)
        if not found and number > 1:
            number = 1
            found, total = self._found(account, as_of, number)
        first = (number - 1) * PER_PAGE

        def address(to: int) -> str:
            changed = query.copy()
            changed[self.key] = str(to)
            return f"?{changed.urlencode()}#{self.key}"

        return {
            "listing": self,
            "headers": [(column.css, column.label) for column in self.columns],
            "rows": [
                [(column.css, column.cell(row, account.currency)) for column in self.columns]
                for row in found
            ],
            "csv_url": csv_url,
            "pager": {
                "first": first + 1,
                "last": first + len(found),
                "total": total,
                "noun": self.noun,
                "prev_url": address(number - 1) if number > 1 else "",
                "next_url": address(number + 1) if first + len(found) < total else "",
            },
        }

    def _found(self, account: Account, as_of: date, number: int) -> tuple[list[Any], int]:
        """A page of rows and how many there are in all, in one query."""
        start = (min(number, _LAST_PAGE) - 1) * PER_PAGE
        rows = self.rows(account, as_of).annotate(in_all=Window(Count("*")))
        found = list(rows[start : start + PER_PAGE])
        if not found:
            return [], 0
        total = found[0]["in_all"] if isinstance(found[0], dict) else found[0].in_all
        return found, int(total)

    def lines(self, account: Account, as_of: date) -> Iterator[list[str]]:
        """Header and rows of the CSV."""
        yield [column.label for column in self.columns]
        for row in self.rows(account, as_of).iterator(chunk_size=2_000):
            yield [column.plain(row, account.currency) for column in self.columns]
