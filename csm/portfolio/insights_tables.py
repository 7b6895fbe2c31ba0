"""Tables of figures that a page shows and a CSV file carries: one set of values, two spellings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from django.utils.safestring import SafeString

from csm.lib import display, markup
from csm.lib.money import exponent
from csm.lib.spreadsheet import guarded

Kind = Literal["text", "count", "score", "ratio", "signed", "money", "number", "band", "day"]


@dataclass(frozen=True)
class Column:
    """`key` heads the CSV column, `label` the one on the page.

    Values by kind: text str; count int; score and number float; ratio and signed 0–1 (shown in per cent);
    money integer minor units; band (name, tone); day date. None is unknown.
    """

    key: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """`urls` lead from each row to its accounts; `definition` says how the figures are made."""

    slug: str
    title: str
    definition: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    urls: list[str] = field(default_factory=list)
    currency: str = "USD"
    # A scorecard's display scale, for the scores on the page; files keep 0–100.
    top: float = 100

    @property
    def headers(self) -> list[tuple[str, str]]:
        """(css class, text) per column."""
        return [(self._css(column), column.label) for column in self.columns]

    @property
    def cells(self) -> list[list[tuple[str, Any]]]:
        """(css class, html) per cell; the first leads to the row's accounts."""
        shown = []
        for place, row in enumerate(self.rows):
            cells = [
                (self._css(column), self._html(column, value))
                for column, value in zip(self.columns, row, strict=True)
            ]
            if self.urls:
                cells[0] = ("clip", markup.link(self.urls[place], str(row[0])))
            shown.append(cells)
        return shown

    @property
    def csv_header(self) -> list[str]:
        return [column.key for column in self.columns]

    @property
    def csv_rows(self) -> list[list[Any]]:
        """Plain values: money in major units, ratios 0–1, nothing for unknown."""
        return [
            [self._plain(column, value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    @staticmethod
    def _css(column: Column) -> str:
        return "" if column.kind in {"text", "band", "day"} else "r"

    def _html(self, column: Column, value: Any) -> SafeString | str:
        if value is None:
            return markup.unknown()
        if column.kind == "count":
            return markup.number(value)
        if column.kind == "score":
            return markup.score(value, self.top)
        if column.kind == "ratio":
            return markup.percent(value, 1)
        if column.kind == "signed":
            return f"{display.signed(value * 100)}%"
        if column.kind == "money":
            return markup.money(value, self.currency)
        if column.kind == "number":
            return markup.number(value, 0 if float(value).is_integer() else 2)
        if column.kind == "band":
            return markup.band(*value, plain=True)
        return markup.day(value) if column.kind == "day" else value

    @staticmethod
    def _plain(column: Column, value: Any) -> Any:
        if value is None:
            return ""
        if column.kind == "money":
            return major(value)
        if column.kind in {"score", "ratio", "signed", "number"}:
            return decimal(value)
        return value[0] if column.kind == "band" else value


def decimal(value: float | None) -> str:
    """Six decimals; nothing for unknown."""
    return "" if value is None else f"{value:.6f}"


def major(minor: int | None) -> str:
    """Minor units of the book's currency as exact major units; nothing for unknown."""
    return "" if minor is None else f"{Decimal(minor).scaleb(-exponent()):f}"


def spreadsheet_safe(cell: Any) -> Any:
    """Text a spreadsheet would run as a formula is guarded; figures, negative ones too, stay figures."""
    return guarded(cell) if isinstance(cell, str) and not _is_number(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
