"""One cell as a value, or the reason why not. A blank cell never gets here: it is unknown, not zero."""

import math
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from accounts.ingest.columns import Column, Kind, fold
from csm.lib.money import per_unit

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}([,' ][0-9]{3})+(\.[0-9]*)?")
_ISO: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ]\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?\s?(Z|z|UTC|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_DAY_OR_MONTH_FIRST: Final = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T ].*)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_UNDECODED: Final = re.compile(r"[\ud800-\udfff]")
_SHORTENED_ID: Final = re.compile(r"[0-9][.,][0-9]+[eE]\+[0-9]+")
_SIGNS: Final = {"$": None, "€": "EUR", "£": "GBP", "¥": None, "₹": "INR"}
_BIGGEST: Final = 2**63 - 1
_YEARS: Final = range(1900, 2200)
_BLANK_REMEDY: Final = "Leave the cell blank if it is unknown."


class CellFault(ValueError):
    """Why one cell cannot be read, and what to do about it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(reason)


@dataclass(frozen=True)
class Conventions:
    """How this file writes things down, and whom it may name.

    `people` and `teams` map a case-folded name or e-mail to an id, or to None where several share it.
    `latest` is the last day a figure may be of.
    """

    currency: str
    zone: ZoneInfo
    latest: date
    date_order: str | None = None
    decimal_comma: bool = False
    people: dict[str, int | None] = field(default_factory=dict)
    teams: dict[str, int | None] = field(default_factory=dict)


def parser_for(column: Column, conventions: Conventions) -> Callable[[str], Any]:
    """The function that turns a stripped, non-empty cell of `column` into its value or raises CellFault."""
    match column.kind:
        case Kind.CATEGORY:
            synonyms = dict(column.synonyms)
            return lambda text: _category(text, synonyms, column.accepted)
        case Kind.TEXT:
            return lambda text: _text(text, column.max_length)
        case Kind.ID:
            return lambda text: _external_id(text, column.max_length)
        case Kind.DATE:
            latest = conventions.latest if column.target == "as_of" else None
            return lambda text: _day(text, conventions, latest)
        case Kind.AMOUNT:
            return lambda text: _minor_units(text, column, conventions)
        case Kind.CURRENCY:
            return lambda text: _currency(text, conventions.currency)
        case Kind.OWNER:
            return lambda text: _looked_up(
                text, conventions.people, "user", "username or e-mail address"
            )
        case Kind.TEAM:
            return lambda text: _looked_up(text, conventions.teams, "team", "team name")
        case Kind.TAGS:
            return _tags
        case _:
            return lambda text: _number(text, column, conventions)


def _decimal(text: str, conventions: Conventions) -> tuple[Decimal, bool]:
    """The number in `text` and whether it was written as a percentage."""
    plain = (
        re.sub(r"[\s\u00a0\u202f\u2009]+", " ", text)
        .replace("\N{MINUS SIGN}", "-")
        .replace("’", "'")
    )
    plain = _without_currency(plain, conventions.currency).strip()
    percent = plain.endswith("%")
    plain = plain.removesuffix("%").strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1].strip()}"
    if conventions.decimal_comma:
        plain = plain.translate({ord(","): ".", ord("."): ","})
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[,' ]", "", plain)
    if not _NUMBER.fullmatch(plain):
        if fold(plain) in {"nan", "inf", "infinity"}:
            raise CellFault("is not a finite number.", _BLANK_REMEDY)
        if re.fullmatch(r"[+-]?[0-9.]*,[0-9]+", plain) and not conventions.decimal_comma:
            raise CellFault(
                "is not a number with a decimal point.",
                'Write decimals with a point, or set `decimal: ","` in a mapping file.',
            )
        raise CellFault("is not a number.", f"Write it in digits. {_BLANK_REMEDY}")
    number = Decimal(plain)
    if not math.isfinite(float(number)):
        raise CellFault("is not a finite number.", _BLANK_REMEDY)
    return number, percent


def _without_currency(text: str, currency: str) -> str:
    for sign, meant in _SIGNS.items():
        if sign in text:
            if meant not in (None, currency) or (sign == "$" and currency in {"EUR", "GBP", "CHF"}):
                raise CellFault(*_other_currency(sign, currency))
            return text.replace(sign, "", 1)
    code = re.match(r"^([A-Z]{3}) ?(?=[0-9.(+-])|.*[0-9.)] ?([A-Z]{3})$", text)
    if code:
        named = code[1] or code[2]
        if named != currency:
            raise CellFault(*_other_currency(named, currency))
        return text.replace(named, "", 1)
    return text


def _other_currency(named: str, currency: str) -> tuple[str, str]:
    return (
        f"is in {named}; the book is kept in {currency}.",
        f"Convert the amount to {currency} before the import.",
    )


def _within(number: Decimal, column: Column) -> None:
    if column.minimum is not None and number < column.minimum:
        if column.minimum == 0:
            raise CellFault("is negative.", f"A value below 0 is impossible here. {_BLANK_REMEDY}")
        raise CellFault(f"is below {column.minimum:g}.", f"Check its scale. {_BLANK_REMEDY}")
    if column.maximum is not None and number > column.maximum:
        raise CellFault(
            f"is above {column.maximum:g}.",
            "Write a share as 0.85 or as 85%." if column.kind is Kind.RATIO else "Check its scale.",
        )


def _number(text: str, column: Column, conventions: Conventions) -> int | float:
    number, percent = _decimal(text, conventions)
    if percent:
        if column.kind is Kind.RATIO:
            number /= 100
        elif column.kind is not Kind.PERCENT:
            raise CellFault("is a percentage.", "Write the number itself.")
    _within(number, column)
    whole = number == number.to_integral_value()
    if column.kind is Kind.COUNT and not whole:
        raise CellFault("is not a whole number.", "A count has no fraction.")
    if whole and column.kind in {Kind.COUNT, Kind.DAYS}:
        if number > _BIGGEST:
            raise CellFault("is too large.", "Check the cell.")
        return int(number)
    # A negative zero would print as one.
    return float(number) + 0.0


def _minor_units(text: str, column: Column, conventions: Conventions) -> int:
    number, percent = _decimal(text, conventions)
    if percent:
        raise CellFault("is a percentage.", "Write the amount itself.")
    _within(number, column)
    minor = (number * per_unit(conventions.currency)).to_integral_value(ROUND_HALF_UP)
    if minor > _BIGGEST:
        raise CellFault("is too large.", "Check the cell.")
    return int(minor)


def _day(text: str, conventions: Conventions, latest: date | None) -> date:
    try:
        day = _parsed_day(text, conventions)
    except ValueError as error:
        if isinstance(error, CellFault):
            raise
        raise CellFault("is no day of the calendar.", "Write it as YYYY-MM-DD.") from None
    if day.year not in _YEARS:
        raise CellFault(
            f"is outside the years {_YEARS.start} to {_YEARS.stop - 1}.",
            f"Check the year. {_BLANK_REMEDY}",
        )
    if latest is not None and day > latest:
        raise CellFault("lies in the future.", "A reading is dated the day its figures describe.")
    return day


def _parsed_day(text: str, conventions: Conventions) -> date:
    if iso := _ISO.fullmatch(text):
        if not iso[2]:
            return date.fromisoformat(iso[1])
        # A zone moves midnight: the day is the one in the book's own time zone.
        moment = re.sub(r"\s*UTC$", "Z", text).upper().replace(",", ".")
        moment = re.sub(r"[T ](\d):", r"T0\1:", moment)
        return datetime.fromisoformat(moment).astimezone(conventions.zone).date()
    if numbers := _DAY_OR_MONTH_FIRST.fullmatch(text):
        if conventions.date_order is None:
            raise CellFault(
                "could be day or month first.",
                "Write it as YYYY-MM-DD, or set `date_order: dmy` or `mdy` in a mapping file.",
            )
        first, second, year = int(numbers[1]), int(numbers[2]), int(numbers[3])
        day, month = (first, second) if conventions.date_order == "dmy" else (second, first)
        return date(year, month, day)
    raise CellFault("is no date.", "Write it as YYYY-MM-DD, e.g. 2026-11-22.")


def tidy(text: str) -> str:
    """`text` composed and on one line, with single spaces; CellFault when it holds control characters."""
    if _CONTROL.search(text):
        raise CellFault("contains control characters.", "Remove them, or export the file again.")
    if _UNDECODED.search(text):
        raise CellFault(
            "contains bytes that are no text in the file's encoding.",
            "Export the file as UTF-8, or set `encoding` in a mapping file.",
        )
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _text(text: str, max_length: int) -> str:
    value = tidy(text)
    if len(value) > max_length:
        raise CellFault(f"is longer than {max_length} characters.", "Shorten it.")
    return value


def _external_id(text: str, max_length: int) -> str:
    if _SHORTENED_ID.fullmatch(text):
        raise CellFault(
            "is an id that a spreadsheet has shortened.",
            "Export it again with the id column formatted as text.",
        )
    return _text(text, max_length)


def _category(text: str, synonyms: dict[str, str], accepted: list[str]) -> str:
    value = synonyms.get(fold(text))
    if value is None:
        raise CellFault(
            "is not one of the accepted values.",
            f"Accepted: {', '.join(accepted)}. "
            "A mapping file can translate other spellings under `values`.",
        )
    return value


def _currency(text: str, currency: str) -> str:
    if text.upper() != currency:
        raise CellFault(*_other_currency(text, currency))
    return currency


def _looked_up(text: str, known: dict[str, int | None], what: str, named_by: str) -> int:
    key = tidy(text).casefold()
    if key not in known:
        raise CellFault(
            f"is no {what} of this workbench.", f"Use the {named_by}, or create the {what} first."
        )
    found = known[key]
    if found is None:
        raise CellFault(f"is shared by several {what}s.", "Use the username.")
    return found


def _tags(text: str) -> list[str]:
    parts = (tidy(part) for part in re.split(r"[;|,]", text))
    return list(dict.fromkeys(part for part in parts if part))
