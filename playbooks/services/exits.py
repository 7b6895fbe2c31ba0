"""STUB: exit tests of open plans, and of plans closed lately."""

from datetime import date, datetime


def night(*, as_of: date, at: datetime) -> None:
    """Read KPIs, judge exit tests, close what has held long enough, re-open what fell back. Set-based."""
