"""Working hours per team: rows, and the public holidays of their countries, as `sla.Calendar`."""

from datetime import date, time
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays
from django.conf import settings

from playbooks.models import BusinessCalendar
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
