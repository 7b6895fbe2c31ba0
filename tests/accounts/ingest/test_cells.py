import string
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.ingest.cells import CellFault, Conventions, Style, parser_for
from accounts.ingest.columns import COLUMNS, Column, Kind
from accounts.ingest.dates import OrderEvidence
from accounts.ingest.ids import long_form

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
        ("metric:annual_revenue", "$1.2M", 1_200_000.0),
        ("metric:annual_revenue", "3k", 3000.0),
        ("metric:annual_revenue", "1.5 bn", 1.5e9),
        ("metric:roi_achieved_rate", "-12", -12.0),
        ("metric:roi_achieved_rate", "(0.5)", -0.5),
        ("metric:roi_achieved_rate", "0.5-", -0.5),
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
        ("external_id", "1234567.0", "1234567"),
        ("external_id", "12e4", "12e4"),
        ("churn_flag", "TRUE", True),
        ("churn_flag", "1", True),
        ("churn_flag", "Y", True),
        ("churn_flag", "ja", True),
        ("churn_flag", "False", False),
        ("churn_flag", "0", False),
        ("owner", "Anna@Example.test", 1),
        ("team", "NORTH", 7),
        ("tags", "gold; emea, gold", ["gold", "emea"]),
        ("renewal_on", "2026-12-31", date(2026, 12, 31)),
        ("renewal_on", "2026-12-31 23:59:59", date(2026, 12, 31)),
        ("renewal_on", "2020-12-30 3:15:52", date(2020, 12, 30)),
        # 03:15 in London is still the day before in New York.
        ("renewal_on", "2026-12-31T03:15:00.000Z", date(2026, 12, 30)),
        ("renewal_on", "2026-12-31T03:15:00-0500", date(2026, 12, 31)),
        ("renewal_on", "2026/4/3", date(2026, 4, 3)),
        ("renewal_on", "20260403", date(2026, 4, 3)),
        ("renewal_on", "20260403.0", date(2026, 4, 3)),
        ("renewal_on", "20260403T031500Z", date(2026, 4, 2)),
        ("renewal_on", "2026-04", date(2026, 4, 1)),
        ("renewal_on", "3 Apr 2026", date(2026, 4, 3)),
        ("renewal_on", "03-Sept-2026", date(2026, 9, 3)),
        ("renewal_on", "April 3, 2026", date(2026, 4, 3)),
        ("renewal_on", "Apr 3rd, 2026 at 11:30 PM", date(2026, 4, 3)),
        ("renewal_on", "Fri, 03 Apr 2026 03:00:00 +0000", date(2026, 4, 2)),
        # Midnight in London, as seconds, milliseconds and a spreadsheet's number.
        ("renewal_on", "1775174400", date(2026, 4, 2)),
        ("renewal_on", "1775174400000", date(2026, 4, 2)),
        ("renewal_on", "1775174400.0", date(2026, 4, 2)),
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
        ("metric:total_contacts", "1_000", "not a number"),
        ("metric:total_contacts", "1,23", "decimal point"),
        ("metric:total_contacts", "12%", "percentage"),
        ("metric:total_contacts", "99999999999999999999", "too large"),
        ("metric:days_since_last_activity", "-3", "negative"),
        ("metric:annual_revenue", "(1,234)", "negative"),
        ("metric:annual_revenue", "1.2X", "not a number"),
        ("metric:annual_revenue", "M", "not a number"),
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
        ("renewal_on", "45123", "spreadsheet"),
        ("renewal_on", "3/4/26", "two digits"),
        ("renewal_on", "3 Foo 2026", "no date"),
        ("renewal_on", "20261301", "calendar"),
        ("external_id", "1,23E15", "spreadsheet"),
        ("external_id", ";", "no id"),
        ("churn_flag", "perhaps", "neither yes nor no"),
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


@pytest.mark.parametrize("text", ["-", "n/a", "N/A", "null", "NULL", "None", "#N/A", "—"])
@pytest.mark.parametrize("target", ["name", "arr", "renewal_on", "external_id", "churn_flag"])
def test_what_stands_for_nothing_is_unknown(target, text):
    assert read(target, text) is None


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
        ("mdy", "04/03/2026, 3:04 PM", date(2026, 4, 3)),
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


def column(kind, **changes):
    return Column("x", "x", kind, **changes)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.SLUG, "API calls", "api_calls"),
        (Kind.SLUG, "apiCalls", "api_calls"),
        (Kind.SLUG, "Überblick-2", "uberblick-2"),
        (Kind.MINUTES, "89.6", 90),
        (Kind.HOURS, "1.5", 90),
        (Kind.HOURS, "1:30:00", 90),
        (Kind.SENTIMENT, "Positive", 0.5),
        (Kind.SENTIMENT, "-0.3", -0.3),
        (Kind.IDS, "76340251; 46897301.0;76340251", ["76340251", "46897301"]),
        (Kind.VALUE, " 12  % ", "12 %"),
    ],
)
def test_other_kinds(kind, text, value):
    assert parser_for(column(kind), HOUSE)(text) == value


def test_a_moment_keeps_its_time_and_has_its_day_in_the_books_zone():
    read_at = parser_for(column(Kind.DATETIME), HOUSE)
    day, moment = read_at("2026-12-31T03:15:00.250Z")
    assert (day, moment) == (
        date(2026, 12, 30),
        datetime(2026, 12, 31, 3, 15, 0, 250_000, tzinfo=UTC),
    )
    # Without a zone a time is one of the book's.
    day, moment = read_at("2026-12-31 21:15:52")
    assert (day, moment) == (date(2026, 12, 31), datetime(2027, 1, 1, 2, 15, 52, tzinfo=UTC))
    assert read_at("2026-12-31") == (date(2026, 12, 31), None)


@pytest.mark.parametrize(
    ("unit", "text", "minor"),
    [("cents", "123456", 123456), ("thousands", "1.5", 150_000), ("millions", "$2", 200_000_000)],
)
def test_a_mapping_says_what_amounts_are_in(unit, text, minor):
    assert parser_for(COLUMNS["arr"], HOUSE, Style(unit=unit))(text) == minor


def test_percentages_without_their_sign():
    rate = COLUMNS["metric:active_seat_rate"]
    assert parser_for(rate, HOUSE, Style(unit="percent"))("85") == 0.85


def test_a_lenient_column_counts_what_it_cannot_read_as_unknown():
    style = Style(lenient=True)
    assert parser_for(COLUMNS["owner"], HOUSE, style)("005x0000000fNSiAAM") is None
    assert list(style.left_blank) == ["005x0000000fNSiAAM"]


def test_several_ids_in_a_cell_are_one_with_others():
    found = read("external_id", "76340251;46897301;76226001")
    assert (found, found.others) == ("76340251", ("46897301", "76226001"))


@pytest.mark.parametrize(
    ("text", "long"),
    [
        ("001x0000002xLCV", "001x0000002xLCVAA2"),
        ("001x0000002xLCVAA2", "001x0000002xLCVAA2"),
        ("001X0000002XLCVAA2", "001x0000002xLCVAA2"),
        ("CUST-17", "CUST-17"),
    ],
)
def test_salesforce_ids_have_their_long_form(text, long):
    assert parser_for(COLUMNS["external_id"], HOUSE, Style(salesforce=True))(text) == long


@given(st.text(string.ascii_letters + string.digits, min_size=15, max_size=15))
def test_a_salesforce_id_survives_tools_that_lose_its_case(short):
    long = long_form(short)
    assert long[:15] == short
    assert len(long) == 18
    assert long_form(long) == long_form(long.lower()) == long_form(long.upper()) == long


@given(
    st.lists(st.dates(date(1990, 1, 1), date(2090, 1, 1)), min_size=1, max_size=30),
    st.sampled_from(["dmy", "mdy"]),
)
def test_the_order_of_day_and_month_is_found_or_asked_for_but_never_guessed(days, order):
    pattern = "%d/%m/%Y" if order == "dmy" else "%m/%d/%Y"
    evidence = OrderEvidence()
    for day in days:
        evidence.add(day.strftime(pattern))
    decided = any(day.day > 12 for day in days)
    same = all(day.day == day.month for day in days)
    assert evidence.is_ambiguous == (not decided and not same)
    if not evidence.is_ambiguous:
        found = [
            read("renewal_on", day.strftime(pattern), date_order=evidence.order) for day in days
        ]
        assert found == days


def test_where_a_column_contradicts_itself_the_rarer_order_is_a_fault():
    evidence = OrderEvidence()
    for text in ("31/12/2026", "30/11/2026", "12/25/2026", "2026-01-02", "1/2/2026"):
        evidence.add(text)
    assert (evidence.order, evidence.is_ambiguous) == ("dmy", False)
    with pytest.raises(CellFault, match="does not fit its column"):
        read("renewal_on", "12/25/2026", date_order="dmy")


def test_a_column_that_contradicts_itself_evenly_is_ambiguous():
    evidence = OrderEvidence()
    evidence.add("31/12/2026")
    evidence.add("12/31/2026")
    assert evidence.is_ambiguous
