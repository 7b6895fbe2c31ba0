"""Figures read the same everywhere, and an unknown one never reads as a number."""

import datetime as dt

import pytest

from csm.lib import display


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0"),
        (950, "950"),
        (9_500, "9.5K"),
        (99_960, "100K"),
        (999_950, "1.0M"),
        (811_800_000, "812M"),
        (2_540_000_000, "2.54B"),
        (-5_300, "−5.3K"),
    ],
)
def test_large_numbers_are_shortened_without_reaching_a_thousand_of_a_step(value, text):
    assert display.compact(value) == text


def test_money_is_minor_units_of_its_currency():
    assert display.money(123_456_789) == "$1.2M"
    assert display.money(123_456_789, full=True) == "$1,234,567.89"
    assert display.money(5_000, "JPY") == "¥5.0K"
    assert display.money(-95_000, "EUR") == "−€950"
    assert display.money(None) == "—"


def test_a_share_that_is_not_none_never_reads_zero():
    assert display.percent(0) == "0%"
    assert display.percent(0.001) == "<1%"
    assert display.percent(0.5132, 1) == "51.3%"


def test_a_change_too_small_to_show_carries_no_sign():
    assert [display.signed(v) for v in (2.3, -1.1, 0.04, -0.04, None)] == [
        "+2.3",
        "−1.1",
        "0.0",
        "0.0",
        "—",
    ]


def test_a_score_follows_the_display_scale():
    assert display.score(72.44) == "72.4"
    assert display.score(72.44, 10) == "7.2"
    assert display.score(None) == "—"


def test_dates_and_initials():
    assert display.day(dt.date(2026, 11, 3)) == "3 Nov 2026"
    assert [display.initials(n) for n in ("Maya Lindqvist", "tom", "", None)] == [
        "ML",
        "TO",
        "?",
        "?",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "5 s"), (12, "10 s"), (54, "55 s"), (56, "1 min"), (371, "6 min"), (3590, "1 h")]
    + [(7800, "2 h 10 min"), (7230, "2 h")],
)
def test_an_estimate_of_time_has_no_digits_nobody_can_know(seconds, text):
    assert display.about(seconds) == text
