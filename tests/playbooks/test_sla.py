"""Working time. November 2026: the 20th is a Friday, the 26th a holiday in these tests."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbooks.sla import (
    Calendar,
    add_business_days,
    business_hours_between,
    due_at,
    levels_due,
    state_at,
)

BERLIN = ZoneInfo("Europe/Berlin")
CLOSED = date(2026, 11, 26)
OFFICE = Calendar(frozenset(range(5)), time(9), time(17), frozenset({CLOSED}), BERLIN)
# Open while Berlin's clocks change: 29 March 2026 at 2:00, 25 October 2026 at 3:00, both Sundays.
AROUND = Calendar(frozenset(range(7)), time(0), time(6), frozenset(), BERLIN)


def at(day: int, hour: float = 0, month: int = 11) -> datetime:
    """A moment of 2026 by the clock in Berlin."""
    minutes = round(hour * 60)
    return datetime(2026, month, day, minutes // 60, minutes % 60, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("day", "n", "expected"),
    [
        (date(2026, 11, 20), 0, date(2026, 11, 20)),
        (date(2026, 11, 21), 0, date(2026, 11, 23)),
        (CLOSED, 0, date(2026, 11, 27)),
        (date(2026, 11, 20), 1, date(2026, 11, 23)),
        (date(2026, 11, 21), 1, date(2026, 11, 23)),
        (date(2026, 11, 25), 1, date(2026, 11, 27)),
        (date(2026, 11, 20), 5, date(2026, 11, 30)),
        (date(2026, 11, 27), -1, date(2026, 11, 25)),
        (date(2026, 11, 22), -1, date(2026, 11, 20)),
    ],
)
def test_business_days(day: date, n: int, expected: date) -> None:
    assert add_business_days(day, n, OFFICE) == expected


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        (at(20, 10), 4, at(20, 14)),
        # To the minute the office closes, and one minute more.
        (at(20, 10), 7, at(20, 17)),
        (at(20, 10), 7 + 1 / 60, at(23, 9 + 1 / 60)),
        # Before it opens, after it closes, on a weekend, over a holiday.
        (at(20, 6), 1, at(20, 10)),
        (at(20, 20), 1, at(23, 10)),
        (at(21, 12), 1, at(23, 10)),
        (at(25, 16), 2, at(27, 10)),
        (at(20, 9), 48, at(30, 17)),
        (at(21, 12), 0, at(23, 9)),
    ],
)
def test_due_in_working_time(start: datetime, hours: float, expected: datetime) -> None:
    assert due_at(start, hours, OFFICE) == expected


@pytest.mark.parametrize(
    ("start", "hours", "calendar", "expected"),
    [
        # 48 hours pass in 48 hours: the clock on the wall then shows one more or one less.
        (at(28, 12, 3), 48, None, at(30, 13, 3)),
        (at(24, 12, 10), 48, None, at(26, 11, 10)),
        # Of the six hours from midnight, five take place in spring and seven in autumn.
        (at(29, 0, 3), 5, AROUND, at(29, 6, 3)),
        (at(25, 0, 10), 7, AROUND, at(25, 6, 10)),
        (at(28, 3, 3), 4, AROUND, at(29, 1, 3)),
    ],
)
def test_when_the_clocks_change(
    start: datetime, hours: float, calendar: Calendar | None, expected: datetime
) -> None:
    found = due_at(start, hours, calendar)
    assert found == expected.astimezone(UTC)
    assert business_hours_between(start, found, calendar) == pytest.approx(hours)


def test_hours_the_clocks_skip_do_not_take_place() -> None:
    night = Calendar(frozenset({6}), time(2), time(3), frozenset(), BERLIN)
    assert night.hours_of(date(2026, 3, 29)) is None
    assert due_at(at(29, 0, 3), 1, night) == at(5, 3, 4)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (at(20, 10), at(20, 12), 2),
        (at(20, 16), at(23, 10), 2),
        (at(21, 0), at(23, 9), 0),
        (at(25, 9), at(27, 17), 16),
        (at(23, 12), at(20, 12), 0),
    ],
)
def test_hours_between(start: datetime, end: datetime, hours: float) -> None:
    assert business_hours_between(start, end, OFFICE) == hours


def test_the_last_moment_is_still_in_time() -> None:
    due = at(20, 12)
    assert state_at(due, due) == "running"
    assert state_at(due, due + timedelta(seconds=1)) == "broken"


@pytest.mark.parametrize(
    ("now", "after", "expected"),
    [
        (at(20, 15.9), {"executive": 4}, []),
        (at(20, 16), {"executive": 4}, ["manager"]),
        (at(23, 11.9), {"executive": 4}, ["manager"]),
        (at(23, 12), {"executive": 4}, ["manager", "executive"]),
        (at(30, 12), {}, ["manager"]),
        (at(30, 12), {"executive": None}, ["manager"]),
        (at(20, 16), {"manager": 2, "executive": 0}, ["executive"]),
        (at(23, 10), {"manager": 2}, ["manager"]),
    ],
)
def test_levels(now: datetime, after: dict[str, float | None], expected: list[str]) -> None:
    """Broken on Friday at 16:00, an hour before closing."""
    assert levels_due(at(20, 16), after, now, OFFICE) == expected


@pytest.mark.parametrize(
    ("weekdays", "opens", "closes"),
    [(frozenset(), time(9), time(17)), (frozenset({7}), time(9), time(17)),
     (frozenset({0}), time(17), time(9))],
)  # fmt: skip
def test_a_calendar_that_is_never_open_is_none(
    weekdays: frozenset[int], opens: time, closes: time
) -> None:
    with pytest.raises(ValueError, match=r"calendar|weekday"):
        Calendar(weekdays, opens, closes)


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        due_at(datetime(2026, 11, 20, 12), 1, None)


days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))
calendars = st.builds(
    lambda weekdays, opens, length, closed, zone: Calendar(
        weekdays, time(opens), time(min(23, opens + length)), closed, ZoneInfo(zone)
    ),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 22),
    st.integers(1, 23),
    st.frozensets(days, max_size=20),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)


@given(moments, st.floats(0, 200), calendars)
def test_due_lies_in_working_time_and_so_many_hours_on(
    start: datetime, hours: float, calendar: Calendar
) -> None:
    due = due_at(start, hours, calendar)
    assert due >= start
    opened, closed = calendar.hours_of(calendar.local_day(due)) or (due, due)
    assert opened <= due <= closed
    assert business_hours_between(start, due, calendar) == pytest.approx(hours, abs=1e-6)


@given(moments, st.floats(0, 100), st.floats(0, 100), calendars)
def test_more_hours_are_never_due_earlier(
    start: datetime, few: float, more: float, calendar: Calendar
) -> None:
    first, second = sorted((few, few + more))
    assert due_at(start, first, calendar) <= due_at(start, second, calendar)


@given(moments, moments, moments, calendars)
def test_hours_add_up(one: datetime, two: datetime, three: datetime, calendar: Calendar) -> None:
    first, middle, last = sorted((one, two, three))
    # Years apart add nothing but time.
    middle, last = (min(moment, first + timedelta(days=60)) for moment in (middle, last))
    parts = business_hours_between(first, middle, calendar) + business_hours_between(
        middle, last, calendar
    )
    assert parts == pytest.approx(business_hours_between(first, last, calendar))


@given(days, st.integers(1, 60), calendars)
def test_business_days_there_and_back(day: date, n: int, calendar: Calendar) -> None:
    there = add_business_days(day, n, calendar)
    assert calendar.is_open_on(there)
    assert there > day
    back = add_business_days(there, -n, calendar)
    assert back <= day or not calendar.is_open_on(day)
    between = sum(
        calendar.is_open_on(day + timedelta(days=step + 1)) for step in range((there - day).days)
    )
    assert between == n
