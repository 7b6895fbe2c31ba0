"""When a series is silent and when it has jumped: arithmetic on days, no database, no clock.

Silence. Gaps are the days between two deliveries of the last `WINDOW_DAYS`; `usual` is their median and
`longest` the second longest of them, so that one outage of the past does not become normal. With at least
`LEAST_GAPS` gaps (or an interval an admin set)

    late   once the silence exceeds max(1.5 × usual, longest)
    silent once the silence exceeds max(times × usual, 1.5 × longest)           times = 3 unless set

and a series of chance events, or without a rhythm (fewer than 70 % of its gaps lie within a day
or half of the median), has to be silent for 7 × (1 + 1/√n) × its mean gap as well: a pause of
chance events is longer once in a thousand times, the mean of n gaps being uncertain itself.
Weekends need no rule of their own: they are the longest gaps of a feed that rests on them.

Jump. A day is compared with days before it: where the week explains more than half of the spread, with ten of
the same weekday (or, with fewer than five, twenty of the same part of the week), otherwise with the last sixty.
With their median m and scale s = max(1.4826 × MAD, floor), z = |x - m| / s,

    rows   floor max(√m, 0.1 m), only where m ≥ 20; a fall is judged once the day is over
    mean   floor 0.05 |m|, only where the day has at least 20 rows and half of the usual

it jumped if z > 6, x lies a quarter outside of everything compared with, and x is more than 3 m or less than
m / 3, or if that holds of this delivery and the one before, to the same side, with 1.5 in place of 3. With less
than forty days that no week explains it takes ten of them and a factor of 10 (cents for dollars). Growth moves
the median along with it; days of few and different accounts are as wide as their range.
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
OUTSIDE: Final = 0.25
LEAST_PLAIN: Final = 10
ENOUGH: Final = 40
FEW_TIMES: Final = 10.0
WEEKLY_SHARE: Final = 0.5

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
    days: Sequence[date],
    *,
    chance: bool = False,
    set_to: float | None = None,
    times: float | None = None,
) -> Rhythm:
    """The rhythm of deliveries on `days` (distinct, ascending); `set_to` and `times` as an admin set them.

    `chance`: the series speaks when something happens, however regular that looked.
    """
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
    if chance or near < RHYTHM_SHARE * len(gaps):
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
    what: "Figure"
    usual: float
    seen: float
    n: int


def jump(series: Sequence[Day], as_of: date, *, after: date | None = None) -> Jump | None:
    """The first jump of the last days of `series` (ascending, up to `as_of`); None without one.

    `after`: an admin has looked at everything up to that day; it is neither judged nor compared with.
    """
    series = [day for day in series if day.on <= as_of and (after is None or day.on > after)]
    for place, day in enumerate(series):
        if (as_of - day.on).days >= JUDGED_DAYS:
            continue
        for what in _FIGURES:
            found = _unlike(series[:place], day, what, as_of, AT_ONCE)
            if found is not None:
                return Jump(day.on, series[place - 1].on, what, found.usual, found.seen, found.n)
            if place < 2:
                continue
            # Both against what was there before either.
            base, first = series[: place - 1], series[place - 1]
            pair = [_unlike(base, each, what, as_of, TWICE) for each in (first, day)]
            if pair[0] is not None and pair[1] is not None and pair[0].side == pair[1].side:
                worst = pair[1]
                return Jump(first.on, base[-1].on, what, worst.usual, worst.seen, worst.n)
    return None


Figure = Literal["rows", "mean"]
_FIGURES: Final[tuple[Figure, ...]] = ("rows", "mean")


@dataclass(frozen=True)
class _Unlike:
    usual: float
    seen: float
    n: int
    side: int


def _unlike(
    before: Sequence[Day], day: Day, what: Figure, as_of: date, times: float
) -> _Unlike | None:
    """How the day differs from the days before it, when it is further than `times` away."""
    values, by_week = _compared(before, day, what)
    if len(values) < LEAST_LIKE:
        return None
    if not by_week and len(values) < ENOUGH:
        if len(values) < LEAST_PLAIN:
            return None
        times = FEW_TIMES
    m = median(values)
    if what == "rows":
        seen, floor = float(day.rows), max(math.sqrt(m), 0.1 * m)
        if m < LEAST_ROWS or (seen < m and day.on >= as_of):
            return None
    else:
        rows = median(_compared(before, day, "rows")[0])
        if day.mean is None or day.rows < max(LEAST_ROWS, rows / 2):
            return None
        seen, floor = day.mean, 0.05 * abs(m)
    scale = max(1.4826 * median(abs(value - m) for value in values), floor, 1e-12)
    if abs(seen - m) / scale <= FAR:
        return None
    if seen > m:
        most = max(values)
        outside = seen > most + OUTSIDE * abs(most) and seen - m > abs(m) * (times - 1)
        return _Unlike(m, seen, len(values), 1) if outside else None
    least = min(values)
    outside = seen < least - OUTSIDE * abs(least) and m - seen > abs(m) * (1 - 1 / times)
    return _Unlike(m, seen, len(values), -1) if outside else None


def _compared(before: Sequence[Day], day: Day, what: Figure) -> tuple[list[float], bool]:
    """The figures of the days that `day` is compared with, and whether they were chosen by the week."""
    recent = [
        (each.on, float(value))
        for each in before
        if (day.on - each.on).days <= COMPARED_DAYS
        and (value := each.rows if what == "rows" else each.mean) is not None
    ]
    last = recent[-60:]
    if not _is_weekly(last):
        return [value for _, value in last], False
    same = [value for on, value in recent if on.weekday() == day.on.weekday()][-10:]
    if len(same) >= LEAST_LIKE:
        return same, True
    weekend = day.on.weekday() >= 5
    return [value for on, value in recent if (on.weekday() >= 5) == weekend][-20:], True


def _is_weekly(values: Sequence[tuple[date, float]]) -> bool:
    """Whether the day of the week explains more than half of the mean distance from the middle."""
    if not values:
        return False
    by_day: dict[int, list[float]] = {}
    for on, value in values:
        by_day.setdefault(on.weekday(), []).append(value)
    middles = {weekday: median(group) for weekday, group in by_day.items()}
    middle = median(value for _, value in values)
    within = sum(abs(value - middles[on.weekday()]) for on, value in values)
    return within < WEEKLY_SHARE * sum(abs(value - middle) for _, value in values)
