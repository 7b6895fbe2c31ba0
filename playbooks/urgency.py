"""What open work adds to the priority of an account. Pure arithmetic.

| part | points |
|---|---|
| alerts | by the loudest not snoozed: low 1, medium 3, high 6, critical 8; 2 more while nobody took it |
| clocks | by the most pressing: broken 10, due within 24 hours 7, within 72 hours 4, later 2 |

They come on top of the 80 points of `scoring.priority`, so that everything makes up 100. Alerts about an
opportunity are no risk and add nothing.
"""

from datetime import datetime, timedelta
from typing import Final

# The most either can add.
ALERTS, CLOCKS = 10.0, 10.0
MOST: Final = 100.0

_BY_SEVERITY: Final = {1: 1.0, 2: 3.0, 3: 6.0, 4: 8.0}
_UNTAKEN: Final = 2.0
_BROKEN: Final = 10.0
_BY_TIME_LEFT: Final = ((timedelta(hours=24), 7.0), (timedelta(hours=72), 4.0))
_RUNNING: Final = 2.0


def alert_points(severity: int | None, *, untaken: bool) -> float:
    """Points, 0–10, of the loudest open alert; None: there is none."""
    if severity is None:
        return 0.0
    return _BY_SEVERITY.get(severity, 0.0) + (_UNTAKEN if untaken else 0.0)


def clock_points(due_at: datetime | None, *, broken: bool, at: datetime) -> float:
    """Points, 0–10, of the most pressing open clock at a moment; None: none is open."""
    if due_at is None:
        return 0.0
    if broken or due_at <= at:
        return _BROKEN
    for span, points in _BY_TIME_LEFT:
        if due_at - at <= span:
            return points
    return _RUNNING


def total(health: float | None, alerts: float, clocks: float) -> float:
    """The priority, 0–100; `health` is that of `scoring.priority`, None where no night has scored it."""
    return min(MOST, (health or 0.0) + alerts + clocks)
