from datetime import date
from zoneinfo import ZoneInfo

import pytest

from accounts.ingest.cells import CellFault, Conventions, parser_for
from accounts.ingest.columns import COLUMNS

HOUSE = Conventions(
    currency="USD",
    zone=ZoneInfo("America/New_York"),
    latest=date(2026, 11, 21),
    people={"anna": 1, "anna@example.test": 1, "shared@example.test": None},
    teams={"north": 7},
)


def read(target, text, **changes):
    conventions = Conventions(**(vars(HOUSE) | changes))
    return parser_for(COLUMNS[target], conventions)(text)


@pytest.mark.parametrize(
    ("target", "text", "value"),
    [
        ("metric:total_contacts", "5", 5),
        ("metric:total_contacts", "5.0", 5),
        ("metric:total_contacts", "1,234", 1234),
        ("metric:total_contacts", "0", 0),
        ("metric:total_contacts", "1e3", 1000),
        ("metric:days_since_last_activity", "2.5", 2.5),
        ("metric:annual_revenue", "49302547.608", 49302547.608),
        ("metric:annual_revenue", "$1,234,567.50", 1234567.5),
        ("metric:annual_revenue", "1 234 567.5", 1234567.5),
        ("metric:annual_revenue", "1\u202f234", 1234.0),
        ("metric:annual_revenue", "1'234.5", 1234.5),
        ("metric:annual_revenue", "USD 12", 12.0),
        ("metric:annual_revenue", "12 USD", 12.0),
        ("metric:annual_revenue", "+7", 7.0),
        ("metric:annual_revenue", "-0.0", 0.0),
        ("metric:active_seat_rate", "0.85", 0.85),
        ("metric:active_seat_rate", "85%", 0.85),
        ("metric:roi_achieved_rate", "312%", 3.12),
        ("metric:contract_value_change_rate", "-10 %", -0.1),
        ("metric:contract_value_change_rate", "\N{MINUS SIGN}0.1", -0.1),
        ("metric:nps_score", "-100", -100.0),
        ("metric:renewal_likelihood", "very LIKELY", "Very likely"),
        ("arr", "1234.565", 123457),
        ("arr", "$0.29", 29),
        ("arr", "0", 0),
        ("currency", "usd", "USD"),
        ("size_segment", "SMB", "Small Business"),
        ("size_segment", "mid market", "Mid-Market"),
        ("size_segment", "ENT", "Enterprise"),
        ("size_segment", "unknown", ""),
        ("lifecycle_stage", "onboarding", "Onboarding"),
        ("industry", "Financial \n Services", "Financial Services"),
        ("name", "Mu\u0308ller & Söhne", "Müller & Söhne"),
        ("external_id", "001000000000000001", "001000000000000001"),
        ("owner", "Anna@Example.test", 1),
        ("team", "NORTH", 7),
        ("tags", "gold; emea, gold", ["gold", "emea"]),
        ("renewal_on", "2026-12-31", date(2026, 12, 31)),
        ("renewal_on", "2026-12-31 23:59:59", date(2026, 12, 31)),
        ("renewal_on", "2020-12-30 3:15:52", date(2020, 12, 30)),
        # 03:15 in London is still the day before in New York.
        ("renewal_on", "2026-12-31T03:15:00.000Z", date(2026, 12, 30)),
        ("renewal_on", "2026-12-31T03:15:00-0500", date(2026, 12, 31)),
        ("as_of", "2026-11-21", date(2026, 11, 21)),
    ],
)
def test_good_cells(target, text, value):
    got = read(target, text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("target", "text", "reason"),
    [
        ("metric:total_contacts", "5.3", "whole number"),
        ("metric:total_contacts", "-1", "negative"),
        ("metric:total_contacts", "twelve", "not a number"),
        ("metric:total_contacts", "NaN", "finite"),
        ("metric:total_contacts", "inf", "finite"),
        ("metric:total_contacts", "-Infinity", "finite"),
        ("metric:annual_revenue", "1e400", "finite"),
        ("metric:total_contacts", "N/A", "not a number"),
        ("metric:total_contacts", "1_000", "not a number"),
        ("metric:total_contacts", "1,23", "decimal point"),
        ("metric:total_contacts", "12%", "percentage"),
        ("metric:total_contacts", "99999999999999999999", "too large"),
        ("metric:days_since_last_activity", "-3", "negative"),
        ("metric:annual_revenue", "(1,234)", "negative"),
        ("metric:annual_revenue", "1.2M", "not a number"),
        ("metric:annual_revenue", "€ 12", "is in €"),
        ("metric:annual_revenue", "12 EUR", "is in EUR"),
        ("metric:number_of_employees", "-13", "negative"),
        ("metric:active_seat_rate", "85", "above 1"),
        ("metric:nps_score", "-101", "below -100"),
        ("metric:csat_score", "9", "above 5"),
        ("arr", "-1", "negative"),
        ("arr", "1e20", "too large"),
        ("currency", "EUR", "the book is kept in USD"),
        ("size_segment", "Gigantic", "accepted"),
        ("lifecycle_stage", "Zombie", "accepted"),
        ("name", "a\x00b", "control characters"),
        ("name", "a\udce9b", "no text in the file's encoding"),
        ("name", "x" * 256, "longer than 255"),
        ("external_id", "x" * 81, "longer than 80"),
        ("external_id", "1.00E+17", "spreadsheet"),
        ("owner", "nobody", "no user"),
        ("owner", "shared@example.test", "several"),
        ("team", "West", "no team"),
        ("renewal_on", "2026-02-30", "calendar"),
        ("renewal_on", "31/12/2026", "day or month first"),
        ("renewal_on", "soon", "no date"),
        ("renewal_on", "45123", "no date"),
        ("renewal_on", "9999-12-31", "outside"),
        ("renewal_on", "2026-12-31T25:15:00Z", "calendar"),
        ("as_of", "2026-11-22", "future"),
    ],
)
def test_bad_cells_say_why_and_what_to_do(target, text, reason):
    with pytest.raises(CellFault) as caught:
        read(target, text)
    assert reason in caught.value.reason
    assert caught.value.remedy.endswith(".")


def test_an_unknown_category_is_told_the_accepted_ones():
    with pytest.raises(CellFault) as caught:
        read("size_segment", "Gigantic")
    assert "Enterprise, Large, Mid-Market, Small Business" in caught.value.remedy


@pytest.mark.parametrize(
    ("order", "text", "day"),
    [
        ("dmy", "3/4/2026", date(2026, 4, 3)),
        ("mdy", "3/4/2026", date(2026, 3, 4)),
        ("dmy", "31.12.2026", date(2026, 12, 31)),
        ("mdy", "12-31-2026 10:22 AM", date(2026, 12, 31)),
        ("dmy", "2026-04-03", date(2026, 4, 3)),
    ],
)
def test_a_mapping_says_the_order_of_day_and_month(order, text, day):
    assert read("renewal_on", text, date_order=order) == day


@pytest.mark.parametrize(
    ("text", "value"), [("1.234,50", 1234.5), ("12,5", 12.5), ("1.234", 1234.0), ("7", 7.0)]
)
def test_a_mapping_says_that_decimals_have_a_comma(text, value):
    assert read("metric:annual_revenue", text, decimal_comma=True) == value


def test_minor_units_follow_the_currency():
    assert read("arr", "1234", currency="JPY") == 1234
