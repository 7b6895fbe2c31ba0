"""Days: the book's today, and reading a date from a command line."""

from datetime import date

from django.utils import timezone


def today() -> date:
    """Today in TIME_ZONE. Only doors ask for it; everything below them gets `as_of` as an argument."""
    return timezone.localdate()


def parse_day(text: str) -> date:
    """`YYYY-MM-DD` as a date; ValueError with a sentence otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no date: write it as YYYY-MM-DD, e.g. 2026-11-22.") from None
