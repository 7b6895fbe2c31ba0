"""Why an account stands where it stands in a list, in words. One wording for page, CSV and home."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.conf import settings
from django.utils import timezone

from csm.lib import display
from csm.lib.money import per_unit
from playbooks import urgency
from playbooks.models import Severity
from scoring import priority as weights
from scoring.priority import Priority, priority

# A reason that adds less than this to the priority is not worth a word.
_LEAST_POINTS = 1.0


@dataclass(frozen=True)
class Part:
    """One reason for a place in the queue: `points` of at most `most`, in `words`; empty: nothing to say."""

    label: str
    points: float
    most: float
    words: str = ""


@dataclass(frozen=True)
class Work:
    """What is open on an account, as `AccountWork` keeps it."""

    alert: str = ""
    severity: int | None = None
    alert_points: float = 0.0
    clock: str = ""
    clock_due_at: datetime | None = None
    clock_broken: bool = False
    clock_points: float = 0.0

    @property
    def alert_words(self) -> str:
        """ "critical alert: Score below 30"."""
        if not self.alert or self.severity is None:
            return ""
        return f"{Severity(self.severity).label.lower()} alert: {self.alert}"

    @property
    def clock_words(self) -> str:
        """ "first response overdue", "root cause due 24 Nov 14:00"."""
        if not self.clock or self.clock_due_at is None:
            return ""
        if self.clock_broken:
            return f"{self.clock.lower()} overdue"
        return f"{self.clock.lower()} due {timezone.localtime(self.clock_due_at):%-d %b %H:%M}"


def attention(
    score: float | None,
    change_30d: float | None,
    renewal_on: date | None,
    arr_amount: int | None,
    as_of: date,
) -> Priority:
    """The priority of one account as the night computes it, columns of one entry each.

    Scores on 0–100, `arr_amount` in minor units of the book's currency; None is unknown.
    """
    days = None if renewal_on is None else (renewal_on - as_of).days
    arr = None if arr_amount is None else arr_amount / per_unit()
    return priority(_float(score), _float(change_30d), _float(days), _float(arr))


def parts_of(
    *,
    score: float | None,
    change_30d: float | None,
    renewal_on: date | None,
    arr_amount: int | None,
    currency: str,
    as_of: date,
    work: Work,
    top: float = 100,
) -> list[Part]:
    """Every part of the priority with its points, those of open work last; they add up to it.

    `score` and `change_30d` on 0–100, shown on 0–`top`; `arr_amount` in minor units, which weighs only in
    the book's currency: nothing converts others.
    """
    days = None if renewal_on is None else (renewal_on - as_of).days
    if currency != settings.DEFAULT_CURRENCY:
        arr_amount = None
    found = attention(score, change_30d, renewal_on, arr_amount, as_of)
    # Whole points are enough to act on; a scale of ten needs its decimal.
    digits = 0 if top >= 100 else 1
    fell = "" if change_30d is None else display.number(-change_30d * top / 100, digits)
    return [
        Part(
            "Health",
            float(found.health[0]),
            weights.HEALTH,
            "no score" if score is None else f"score {display.number(score * top / 100, digits)}",
        ),
        Part(
            "Trend",
            float(found.trend[0]),
            weights.TREND,
            f"fell {fell} in 30 days" if found.trend[0] > 0 else "",
        ),
        Part(
            "Renewal",
            float(found.renewal[0]),
            weights.RENEWAL,
            "" if days is None or found.renewal[0] <= 0 else renewal_words(days),
        ),
        Part(
            "ARR",
            float(found.arr[0]),
            weights.ARR,
            "" if arr_amount is None else f"ARR {display.money(arr_amount, currency)}",
        ),
        Part("Alerts", work.alert_points, urgency.ALERTS, work.alert_words),
        Part("Clocks", work.clock_points, urgency.CLOCKS, work.clock_words),
    ]


def why_now(parts: list[Part]) -> str:
    """The parts that weigh, in words: "score 31, fell 12 in 30 days, renews in 21 days, …"."""
    said = [part.words for part in parts[1:] if part.words and part.points >= _LEAST_POINTS]
    return ", ".join([parts[0].words, *said])


def renewal_words(days: int) -> str:
    """ "renews in 21 days", "renews today", "renewal overdue by 3 days"."""
    if days == 0:
        return "renews today"
    count = f"{abs(days):,} day{'' if abs(days) == 1 else 's'}"
    return f"renews in {count}" if days > 0 else f"renewal overdue by {count}"


def why_unknown(*, coverage: float | None, least: float) -> str:
    """Why nobody can judge the account; `coverage` and `least` as shares of weight, None: never scored."""
    if coverage is None:
        return "not scored yet: the account came after the last night"
    if coverage == 0:
        return "no measure of its scorecard has data"
    return (
        f"data for {display.percent(coverage)} of the weight, "
        f"at least {display.percent(least)} is needed for a band"
    )


def _float(value: float | None) -> np.ndarray:
    return np.array([np.nan if value is None else value], dtype=np.float64)


def parts_told() -> list[tuple[str, float, str]]:
    """What adds up to a place in the queue: name, most points, how they are given."""
    return [
        ("Health", weights.HEALTH, "the lower the score, the more; all of it at score 0"),
        (
            "Trend",
            weights.TREND,
            f"points lost in 30 days; all of it at a fall of {weights.WORST_FALL:.0f} or more",
        ),
        (
            "Renewal",
            weights.RENEWAL,
            f"from {weights.RENEWAL_DAYS:.0f} days ahead; all of it when due or overdue",
        ),
        (
            "ARR",
            weights.ARR,
            f"on a log scale from {display.compact(weights.ARR_FROM)} to "
            f"{display.compact(weights.ARR_TO)} a year; unknown ARR adds nothing",
        ),
        (
            "Alerts",
            urgency.ALERTS,
            "by the loudest open alert that is not snoozed, and 2 more while nobody has taken it; "
            "alerts about an opportunity add nothing",
        ),
        (
            "Clocks",
            urgency.CLOCKS,
            "all of it once a clock is overdue; 7 when due within a day, 4 within three, 2 later",
        ),
    ]
