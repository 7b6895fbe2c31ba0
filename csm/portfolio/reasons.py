"""Why an account stands where it stands in a list, in words. One wording for page, CSV and home."""

from datetime import date

import numpy as np

from csm.lib import display
from csm.lib.money import per_unit
from scoring.priority import Priority, priority

# A reason that adds less than this to the priority is not worth a word.
_LEAST_POINTS = 1.0


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


def why_now(
    *,
    score: float | None,
    change_30d: float | None,
    renewal_on: date | None,
    arr_amount: int | None,
    currency: str,
    as_of: date,
    top: float = 100,
) -> str:
    """The parts of `scoring.priority` that weigh: "score 31, fell 12 in 30 days, renews in 21 days, …".

    `score` and `change_30d` on 0–100, shown on 0–`top`; `arr_amount` in minor units.
    """
    days = None if renewal_on is None else (renewal_on - as_of).days
    parts = attention(score, change_30d, renewal_on, arr_amount, as_of)
    # Whole points are enough to act on; a scale of ten needs its decimal.
    digits = 0 if top >= 100 else 1
    said = ["no score" if score is None else f"score {display.number(score * top / 100, digits)}"]
    if change_30d is not None and parts.trend[0] >= _LEAST_POINTS:
        said.append(f"fell {display.number(-change_30d * top / 100, digits)} in 30 days")
    if days is not None and parts.renewal[0] >= _LEAST_POINTS:
        said.append(renewal_words(days))
    if parts.arr[0] >= _LEAST_POINTS:
        said.append(f"ARR {display.money(arr_amount, currency)}")
    return ", ".join(said)


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
