"""Numbers as people and systems write them: separators, signs of currencies, accounting negatives, suffixes."""

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from accounts.ingest.columns import Column, Kind, fold
from accounts.ingest.faults import BLANK_REMEDY, CellFault
from csm.lib.money import per_unit

# What a mapping may say a column's figures are in.
UNITS: Final = ("cents", "thousands", "millions")

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}([,' ][0-9]{3})+(\.[0-9]*)?")
_SUFFIXED: Final = re.compile(
    r"(.*[0-9.])\s?(k|thousand|m|mm|mn|mio|million|bn|b|billion)\.?", re.I
)
_DURATION: Final = re.compile(r"(\d{1,5}):([0-5]\d)(?::[0-5]\d)?", re.ASCII)
_SIGNS: Final = {"$": None, "€": "EUR", "£": "GBP", "¥": None, "₹": "INR"}
_BIGGEST: Final = 2**63 - 1
_SCALED_KINDS: Final = frozenset({Kind.AMOUNT, Kind.MONEY, Kind.COUNT, Kind.NUMBER})
_SENTIMENTS: Final = {
    fold(word): value
    for value, words in (
        (1.0, "very positive,delighted,promoter,very happy,very satisfied"),
        (0.5, "positive,happy,satisfied,good"),
        (0.0, "neutral,mixed,ok,none"),
        (-0.5, "negative,unhappy,dissatisfied,frustrated,bad"),
        (-1.0, "very negative,angry,very unhappy,very dissatisfied,detractor"),
    )
    for word in words.split(",")
}


def read_decimal(text: str, currency: str, *, decimal_comma: bool) -> tuple[Decimal, bool]:
    """The number in `text`, and whether it was written as a percentage."""
    plain = (
        re.sub(r"[\s\u00a0\u202f\u2009]+", " ", text)
        .replace("\N{MINUS SIGN}", "-")
        .replace("’", "'")
    )
    plain = _without_currency(plain, currency).strip()
    percent = plain.endswith("%")
    plain = plain.removesuffix("%").strip()
    if plain.startswith("(") and plain.endswith(")"):
        plain = f"-{plain[1:-1].strip()}"
    elif plain.endswith("-") and plain[:-1].strip():
        # Ledgers put the sign last.
        plain = f"-{plain[:-1].strip()}"
    factor = 1
    if not percent and (suffixed := _SUFFIXED.fullmatch(plain)):
        plain, factor = suffixed[1].strip(), _factor(suffixed[2].lower())
    if decimal_comma:
        plain = plain.translate({ord(","): ".", ord("."): ","})
    if _GROUPED.fullmatch(plain):
        plain = re.sub(r"[,' ]", "", plain)
    if not _NUMBER.fullmatch(plain):
        if fold(plain) in {"nan", "inf", "infinity"}:
            raise CellFault("is not a finite number.", BLANK_REMEDY)
        if re.fullmatch(r"[+-]?[0-9.]*,[0-9]+", plain) and not decimal_comma:
            raise CellFault(
                "is not a number with a decimal point.",
                'Write decimals with a point, or set `decimal: ","` in a mapping file.',
            )
        raise CellFault("is not a number.", f"Write it in digits. {BLANK_REMEDY}")
    number = Decimal(plain) * factor
    if not math.isfinite(float(number)):
        raise CellFault("is not a finite number.", BLANK_REMEDY)
    return number, percent


def _factor(suffix: str) -> int:
    if suffix in {"k", "thousand"}:
        return 10**3
    return 10**9 if suffix.startswith("b") else 10**6


def _without_currency(text: str, currency: str) -> str:
    for sign, meant in _SIGNS.items():
        if sign in text:
            if meant not in (None, currency) or (sign == "$" and currency in {"EUR", "GBP", "CHF"}):
                raise CellFault(*other_currency(sign, currency))
            return text.replace(sign, "", 1)
    code = re.match(r"^([A-Z]{3}) ?(?=[0-9.(+-])|.*[0-9.)] ?([A-Z]{3})$", text)
    if code:
        named = code[1] or code[2]
        if named != currency:
            raise CellFault(*other_currency(named, currency))
        return text.replace(named, "", 1)
    return text


def other_currency(named: str, currency: str) -> tuple[str, str]:
    """Reason and remedy for an amount in another currency than the book's."""
    return (
        f"is in {named}; the book is kept in {currency}.",
        f"Convert the amount to {currency} before the import.",
    )


def _within(number: Decimal, column: Column) -> None:
    if column.minimum is not None and number < Decimal(column.minimum):
        if column.minimum == 0:
            raise CellFault("is negative.", f"A value below 0 is impossible here. {BLANK_REMEDY}")
        raise CellFault(f"is below {column.minimum:g}.", f"Check its scale. {BLANK_REMEDY}")
    if column.maximum is not None and number > Decimal(column.maximum):
        raise CellFault(
            f"is above {column.maximum:g}.",
            "Write a share as 0.85 or as 85%." if column.kind is Kind.RATIO else "Check its scale.",
        )


def read_number(
    text: str, column: Column, currency: str, *, decimal_comma: bool, unit: str | None = None
) -> int | float:
    """A figure of `column` within its bounds: a float, or an int for counts and whole days.

    `unit` says what the cells are in, where that is not the column's own: one of `UNITS`, or "percent" for a
    ratio written as 85.
    """
    number, percent = read_decimal(text, currency, decimal_comma=decimal_comma)
    if percent or unit == "percent":
        if column.kind is Kind.RATIO:
            number /= 100
        elif column.kind is not Kind.PERCENT:
            raise CellFault("is a percentage.", "Write the number itself.")
    elif unit and column.kind in _SCALED_KINDS:
        number *= _scale(unit, currency)
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


def _scale(unit: str, currency: str) -> Decimal:
    if unit == "cents":
        return Decimal(1) / per_unit(currency)
    return Decimal(10**6 if unit == "millions" else 10**3)


def read_amount(
    text: str, column: Column, currency: str, *, decimal_comma: bool, unit: str | None = None
) -> int:
    """Money in minor units of `currency`."""
    number, percent = read_decimal(text, currency, decimal_comma=decimal_comma)
    if percent:
        raise CellFault("is a percentage.", "Write the amount itself.")
    if unit:
        number *= _scale(unit, currency)
    _within(number, column)
    minor = (number * per_unit(currency)).to_integral_value(ROUND_HALF_UP)
    if abs(minor) > _BIGGEST:
        raise CellFault("is too large.", "Check the cell.")
    return int(minor)


def read_minutes(text: str, column: Column, currency: str, *, decimal_comma: bool) -> int:
    """Whole minutes, from a number of minutes (of hours for HOURS) or from 1:30 and 1:30:00."""
    if clock := _DURATION.fullmatch(text):
        return int(clock[1]) * 60 + int(clock[2])
    number, _ = read_decimal(text, currency, decimal_comma=decimal_comma)
    _within(number, column)
    minutes = number * 60 if column.kind is Kind.HOURS else number
    if minutes > 2**31 - 1:
        raise CellFault("is too large.", "Check the cell.")
    return int(minutes.to_integral_value(ROUND_HALF_UP))


def read_sentiment(text: str, column: Column, currency: str, *, decimal_comma: bool) -> float:
    """−1 to 1, from a number or a word."""
    found = _SENTIMENTS.get(fold(text))
    if found is not None:
        return found
    try:
        number, percent = read_decimal(text, currency, decimal_comma=decimal_comma)
    except CellFault:
        raise CellFault(
            "is no sentiment.", "Write a number from -1 to 1, or positive, neutral or negative."
        ) from None
    number = number / 100 if percent else number
    _within(number, column)
    return float(number) + 0.0
