"""Working time: when a promise is due, and who hears of it once it is broken. Pure: no clock, no database.

Days and hours of a calendar are local to its zone; lengths of time are elapsed time. A working day on which
the clocks change is an hour shorter or longer, exactly as it is for the people who work it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Literal

MANAGER: Final = "manager"
EXECUTIVE: Final = "executive"
# In the order they hear of a breach.
LEVELS: Final = (MANAGER, EXECUTIVE)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Calendar:
    """Open from `opens` to `closes` on `weekdays` (Monday is 0) that are no holidays, in `zone`.

    Raises ValueError for a calendar that is never open.
    """

    weekdays: frozenset[int]
    opens: time
    closes: time
    holidays: frozenset[date] = field(default_factory=frozenset)
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= frozenset(range(7)):
            raise ValueError("A calendar needs at least one weekday from 0 (Monday) to 6 (Sunday).")
        if self.opens >= self.closes:
            raise ValueError("A calendar opens before it closes.")

    def is_open_on(self, day: date) -> bool:
        """Whether anybody works on that day."""
        return day.weekday() in self.weekdays and day not in self.holidays

    def hours_of(self, day: date) -> tuple[datetime, datetime] | None:
        """Opening and closing of a day in UTC; None when closed."""
        if not self.is_open_on(day):
            return None
        opened, closed = (
            datetime.combine(day, clock, self.zone).astimezone(UTC)
            for clock in (self.opens, self.closes)
        )
        # Hours that lie wholly in the one the clocks skip do not take place.
        return (opened, closed) if opened < closed else None

    def local_day(self, moment: datetime) -> date:
        """The calendar's own date of an aware moment."""
        return moment.astimezone(self.zone).date()


def add_business_days(day: date, n: int, calendar: Calendar) -> date:
    """The `n`-th working day after `day`; before it when `n` is negative.

    0 is `day` itself, or the next working day when `day` is none.
    """
    if n == 0:
        while not calendar.is_open_on(day):
            day += _DAY
        return day
    step = _DAY if n > 0 else -_DAY
    left = abs(n)
    while left:
        day += step
        left -= calendar.is_open_on(day)
    return day


def due_at(started_at: datetime, hours: float, calendar: Calendar | None) -> datetime:
    """When `hours` after `started_at` are over, in UTC: of working time, or elapsed without a calendar.

    Raises ValueError for a naive moment or negative hours.
    """
    _check(started_at)
    if hours < 0:
        raise ValueError("Hours until something is due are not negative.")
    left = hours * _HOUR
    if calendar is None:
        return started_at.astimezone(UTC) + left
    for opened, closed in _windows(started_at, calendar):
        start = max(opened, started_at.astimezone(UTC))
        if start + left <= closed:
            return start + left
        left -= closed - start
    raise AssertionError("working days never end")


def business_hours_between(start: datetime, end: datetime, calendar: Calendar | None) -> float:
    """Hours of working time from `start` to `end`, elapsed without a calendar; 0 when `end` is earlier."""
    _check(start)
    _check(end)
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if end <= start:
        return 0.0
    if calendar is None:
        return (end - start) / _HOUR
    worked = timedelta()
    for opened, closed in _windows(start, calendar):
        if opened >= end:
            break
        worked += min(closed, end) - max(opened, start)
    return worked / _HOUR


def state_at(due: datetime, now: datetime) -> Literal["running", "broken"]:
    """What an open clock is at a moment. The last moment in time is `due` itself."""
    return "broken" if now > due else "running"


def levels_due(
    broken_at: datetime,
    escalate_after_hours: Mapping[str, float | None],
    now: datetime,
    calendar: Calendar | None,
) -> list[str]:
    """Levels that should know of a breach by now, in the order they hear of it.

    Hours count from the breach, in working time where there is a calendar. The manager hears at once
    unless hours say otherwise; a level without hours never hears.
    """
    waits = {MANAGER: 0.0, **escalate_after_hours}
    return [
        level
        for level in LEVELS
        if (hours := waits.get(level)) is not None
        and now >= broken_at
        and (hours <= 0 or due_at(broken_at, hours, calendar) <= now)
    ]


def _windows(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Working hours that end after `start`, one working day after the other, without end."""
    day = calendar.local_day(start)
    while True:
        hours = calendar.hours_of(day)
        if hours is not None and hours[1] > start:
            yield hours
        day += _DAY


def _check(moment: datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError("A moment without a time zone is nobody's moment.")
