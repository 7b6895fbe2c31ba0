from datetime import date

import pytest

from csm.lib.dates import parse_day
from csm.lib.money import exponent, per_unit


def test_a_day_is_iso():
    assert parse_day("2026-11-22") == date(2026, 11, 22)


@pytest.mark.parametrize("text", ["22.11.2026", "2026-13-01", "yesterday", ""])
def test_anything_else_says_how_to_write_it(text):
    with pytest.raises(ValueError, match="YYYY-MM-DD"):
        parse_day(text)


def test_a_day_before_the_calendar_of_any_book_is_refused():
    with pytest.raises(ValueError, match="too long ago"):
        parse_day("0001-01-01")


@pytest.mark.parametrize(
    ("currency", "units"), [("USD", 100), ("EUR", 100), ("JPY", 1), ("KWD", 1000)]
)
def test_minor_units_of_a_currency(currency, units):
    assert per_unit(currency) == units == 10 ** exponent(currency)


def test_the_books_own_currency_is_meant_when_none_is_named(settings):
    settings.DEFAULT_CURRENCY = "JPY"
    assert per_unit() == 1
