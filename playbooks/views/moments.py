"""Moments as people read them."""

from datetime import date, datetime, timedelta

from django.utils import timezone

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def moment(at: datetime) -> str:
    """A moment by the book's clock: 23 Nov 2026, 09:30."""
    return f"{timezone.localtime(at):%-d %b %Y, %H:%M}"


def length(span: timedelta) -> str:
    """How long, in the unit that fits: 25 min, 5 h, 3 d."""
    if span < _HOUR:
        return f"{max(1, round(span / _MINUTE))} min"
    if span < 2 * _DAY:
        return f"{round(span / _HOUR)} h"
    return f"{round(span / _DAY)} d"


def until(due: datetime, now: datetime) -> str:
    """In 5 h, or 3 d late."""
    return f"in {length(due - now)}" if due >= now else f"{length(now - due)} late"


def short(at: datetime, now: datetime) -> str:
    """A moment in a list: 23 Nov, 09:30, with its year when that is another."""
    local = timezone.localtime(at)
    if local.year != timezone.localtime(now).year:
        return moment(at)
    return f"{local:%-d %b, %H:%M}"


def days_away(day: date, on: date) -> str:
    """Today, tomorrow, in 5 d, or 3 d late."""
    away = (day - on).days
    if away < 0:
        return f"{-away} d late"
    return {0: "today", 1: "tomorrow"}.get(away, f"in {away} d")
