"""When a series is silent and when it has jumped: arithmetic on days, no database, no clock.

Silence. Gaps are the days between two deliveries of the last `WINDOW_DAYS`; `usual` is their median and
`longest` the second longest of them, so that one outage of the past does not become normal. With at least
`LEAST_GAPS` gaps (or an interval an admin set)

    late   once the silence exceeds max(1.5 × usual, longest)
    silent once the silence exceeds max(times × usual, 1.5 × longest)           times = 3 unless set

and a series without a rhythm (fewer than 70 % of its gaps lie within a day or half of the median) has to be
silent for 7 × (1 + 1/√n) × its mean gap as well: a pause of chance events is longer once in a thousand times,
the mean of n gaps being uncertain itself.
Weekends need no rule of their own: they are the longest gaps of a feed that rests on them.

Jump. A day is compared with the last days like it: ten of the same weekday, or, with fewer than five, twenty of
the same part of the week. With median m and scale s = max(1.4826 × MAD, floor), z = |x - m| / s,

    rows   floor max(√m, 0.1 m), only where m ≥ 20; a fall is judged once the day is over
    mean   floor 0.05 |m|, only where the day has at least 20 rows and half of the usual

it jumped if z > 6 and x is more than 3 m or less than m / 3, or if this and the delivery before both have z > 6
and x is more than 1.5 m or less than m / 1.5, to the same side. Growth moves the median along with it.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from typing import Final, Literal

WINDOW_DAYS: Final = 120
LEAST_GAPS: Final = 6
SILENT_TIMES: Final = 3.0
LATE_TIMES: Final = 1.5
LONGEST_TIMES: Final = 1.5
CHANCE_TIMES: Final = 7.0
RHYTHM_SHARE: Final = 0.7

COMPARED_DAYS: Final = 180
JUDGED_DAYS: Final = 7
LEAST_LIKE: Final = 5
LEAST_ROWS: Final = 20
FAR: Final = 6.0
AT_ONCE: Final = 3.0
TWICE: Final = 1.5

State = Literal["fresh", "late", "silent", "irregular"]


@dataclass(frozen=True)
class Rhythm:
    """How often a series speaks, in days; None where too little is known to say. `n` gaps were seen."""

    usual: float | None
    late_after: float | None
    silent_after: float | None
    n: int

    def state(self, last: date | None, as_of: date) -> State:
        """fresh, late or silent on `as_of`; irregular when nothing can be expected."""
        if last is None or self.late_after is None or self.silent_after is None:
            return "irregular"
        silence = (as_of - last).days
        if silence > self.silent_after:
            return "silent"
        return "late" if silence > self.late_after else "fresh"

    def next_expected(self, last: date | None) -> date | None:
        """The day the next delivery is usual."""
        if last is None or self.usual is None:
            return None
        return last + timedelta(days=math.ceil(self.usual))


def rhythm(
    days: Sequence[date], *, set_to: float | None = None, times: float | None = None
) -> Rhythm:
    """The rhythm of deliveries on `days` (distinct, ascending); `set_to` and `times` as an admin set them."""
    times = times or SILENT_TIMES
    if days:
        days = [day for day in days if (days[-1] - day).days <= WINDOW_DAYS]
    gaps = sorted((b - a).days for a, b in itertools.pairwise(days))
    if set_to:
        return Rhythm(set_to, LATE_TIMES * set_to, times * set_to, len(gaps))
    if len(gaps) < LEAST_GAPS:
        return Rhythm(None, None, None, len(gaps))
    usual, longest = float(median(gaps)), float(gaps[-2])
    silent = max(times * usual, LONGEST_TIMES * longest)
    near = sum(abs(gap - usual) <= max(1.0, usual / 2) for gap in gaps)
    if near < RHYTHM_SHARE * len(gaps):
        silent = max(silent, CHANCE_TIMES * (1 + len(gaps) ** -0.5) * sum(gaps) / len(gaps))
    return Rhythm(usual, min(max(LATE_TIMES * usual, longest), silent), silent, len(gaps))


@dataclass(frozen=True)
class Day:
    """What a series sent on one day."""

    on: date
    rows: int
    mean: float | None


@dataclass(frozen=True)
class Jump:
    """A day unlike the `n` days like it: `what` is rows or mean; `good_on` the delivery before it."""

    on: date
    good_on: date
    what: Literal["rows", "mean"]
    usual: float
    seen: float
    n: int


def jump(series: Sequence[Day], as_of: date, *, after: date | None = None) -> Jump | None:
    """The first jump of the last days of `series` (ascending, up to `as_of`); None without one.

    `after`: an admin has looked at everything up to that day; it is neither judged nor compared with.
    """
    series = [day for day in series if day.on <= as_of and (after is None or day.on > after)]
    for place, day in enumerate(series):
        if (as_of - day.on).days >= JUDGED_DAYS or place == 0:
            continue
        for what in ("rows", "mean"):
            found = _unlike(series, place, what, as_of)
            if found is None:
                continue
            usual, seen, n, side, at_once = found
            if at_once:
                return Jump(day.on, series[place - 1].on, what, usual, seen, n)
            before = _unlike(series, place - 1, what, as_of) if place > 1 else None
            if before is not None and before[3] == side:
                return Jump(series[place - 1].on, series[place - 2].on, what, usual, seen, n)
    return None


def _unlike(
    series: Sequence[Day], place: int, what: Literal["rows", "mean"], as_of: date
) -> tuple[float, float, int, int, bool] | None:
    """(usual, seen, n, side, far enough at once) when the day is far from the days like it."""
    day = series[place]
    like = _like(series[:place], day)
    if len(like) < LEAST_LIKE:
        return None
    usual_rows = median(each.rows for each in like)
    if what == "rows":
        seen, values = float(day.rows), [float(each.rows) for each in like]
        m = median(values)
        floor = max(math.sqrt(m), 0.1 * m)
        if m < LEAST_ROWS or (seen < m and day.on >= as_of):
            return None
    else:
        if day.mean is None or day.rows < max(LEAST_ROWS, usual_rows / 2):
            return None
        seen, values = day.mean, [each.mean for each in like if each.mean is not None]
        if len(values) < LEAST_LIKE:
            return None
        m = median(values)
        floor = 0.05 * abs(m)
    scale = max(1.4826 * median(abs(value - m) for value in values), floor, 1e-12)
    if abs(seen - m) / scale <= FAR:
        return None
    low, high = abs(m) * (1 - 1 / TWICE), abs(m) * (TWICE - 1)
    side = 1 if seen > m else -1
    moved = side * (seen - m)
    if moved <= (high if side > 0 else low):
        return None
    at_once = moved > abs(m) * ((AT_ONCE - 1) if side > 0 else (1 - 1 / AT_ONCE))
    return m, seen, len(values), side, at_once


def _like(before: Sequence[Day], day: Day) -> list[Day]:
    """The days before it that it is compared with."""
    recent = [each for each in before if (day.on - each.on).days <= COMPARED_DAYS]
    same = [each for each in recent if each.on.weekday() == day.on.weekday()][-10:]
    if len(same) >= LEAST_LIKE:
        return same
    weekend = day.on.weekday() >= 5
    return [each for each in recent if (each.on.weekday() >= 5) == weekend][-20:]
