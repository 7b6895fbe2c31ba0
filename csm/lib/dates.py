"""Days: the book's today, and reading a date from a command line."""

from datetime import date

from django.utils import timezone

_FIRST = date(1900, 1, 1)


def today() -> date:
    """Today in TIME_ZONE. Only doors ask for it; everything below them gets `as_of` as an argument."""
    return timezone.localdate()


def parse_day(text: str) -> date:
    """`YYYY-MM-DD` from 1900 on as a date; ValueError with a sentence otherwise."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as YYYY-MM-DD, e.g. 2026-11-22.") from None
    if day < _FIRST:
        # Windows of days before it would leave the calendar.
        raise ValueError(f"{text!r} is too long ago: write a day from {_FIRST} on.")
    return day
