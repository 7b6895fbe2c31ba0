"""Working hours per team: rows, and the public holidays of their countries, as `sla.Calendar`."""

from datetime import date, time
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import holidays
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction

from accounts import audit
from playbooks.models import BusinessCalendar, Holiday
from playbooks.sla import Calendar

WEEKDAYS: Final = (0, 1, 2, 3, 4)
OPENS: Final = time(9)
CLOSES: Final = time(17)
# Public holidays are computed for these years; promises are about weeks, histories about a few years.
_YEARS = range(2015, 2041)


class Calendars:
    """Every calendar of the house, read once: look-ups for thousands of accounts ask nothing more."""

    def __init__(self) -> None:
        self._by_team: dict[int | None, Calendar] = {}
        for row in BusinessCalendar.objects.prefetch_related("holidays"):
            self._by_team[row.team_id] = as_calendar(
                row, frozenset(closed.on for closed in row.holidays.all())
            )

    def of(self, team_id: int | None) -> Calendar:
        """The team's own, else the one of everybody, else Monday to Friday from 9 to 17."""
        found = self._by_team.get(team_id) or self._by_team.get(None)
        return found or standard()


def calendar_of(team_id: int | None) -> Calendar:
    """Working hours of one team; for many accounts use `Calendars`. Two queries."""
    return Calendars().of(team_id)


def standard() -> Calendar:
    """What holds where nobody has set a calendar: Monday to Friday, 9 to 17, no holidays."""
    return Calendar(frozenset(WEEKDAYS), OPENS, CLOSES, frozenset(), _zone())


def as_calendar(row: BusinessCalendar, closed: frozenset[date] = frozenset()) -> Calendar:
    """A row and the days it is closed besides; days nobody chose are Monday to Friday."""
    return Calendar(
        frozenset(row.weekdays or WEEKDAYS),
        row.opens,
        row.closes,
        closed | public_holidays(row.country),
        _zone(),
    )


@lru_cache(maxsize=64)
def public_holidays(country: str) -> frozenset[date]:
    """Public holidays of a country (ISO 3166), 2015–2040; none for an empty or unknown code."""
    if country.upper() not in countries():
        return frozenset()
    return frozenset(holidays.country_holidays(country.upper(), years=_YEARS))


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Codes of the countries whose public holidays are known."""
    return frozenset(code for code in holidays.list_supported_countries() if len(code) == 2)


def _zone() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


@transaction.atomic
def save(row: BusinessCalendar, *, by: Any) -> BusinessCalendar:
    """Keep a calendar a form has checked; who and when is logged."""
    row.save()
    _log(row, by, f"Open {row.opens:%H:%M}–{row.closes:%H:%M}")
    return row


@transaction.atomic
def remove(row: BusinessCalendar, *, by: Any) -> None:
    """Forget a calendar: its team works by the one of everybody again."""
    _log(row, by, "Removed")
    row.delete()


@transaction.atomic
def close(day: Holiday, *, by: Any) -> Holiday:
    """Close a calendar on one day more."""
    day.save()
    _log(day.calendar, by, f"Closed on {day.on}: {day.name}")
    return day


@transaction.atomic
def open_again(pk: int, *, by: Any) -> None:
    """Make a closed day a working day again; one that is gone already stays gone."""
    for day in Holiday.objects.filter(pk=pk).select_related("calendar"):
        _log(day.calendar, by, f"Open again on {day.on}")
        day.delete()


def _log(row: BusinessCalendar, by: Any, text: str) -> None:
    LogEntry.objects.log_actions(by.pk, [row], CHANGE, change_message=text, single_object=True)
    audit.record(audit.Kind.TUNING, f"working hours {row}: {text}", by=by)
