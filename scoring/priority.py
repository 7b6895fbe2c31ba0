"""The order of attention: which account first, and why. Pure arithmetic on columns.

| part | most points | all of it when |
|---|---|---|
| health | 40 | the score is 0; half of it at 50 |
| trend | 15 | the score fell 20 points or more in 30 days |
| renewal | 15 | the renewal is due or overdue; it counts from 180 days ahead |
| ARR | 10 | ten million a year; on a log scale from one thousand |

That makes 80. The other 20 of 100 belong to open work on the account, which is not known here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Points each reason can add; they make up 80.
HEALTH, TREND, RENEWAL, ARR = 40.0, 15.0, 15.0, 10.0
# A fall of 20 points in 30 days is the worst trend; a renewal counts from 180 days ahead; ARR runs on a
# log scale from one thousand to ten million of the book's currency.
WORST_FALL, RENEWAL_DAYS, ARR_FROM, ARR_TO = 20.0, 180.0, 1e3, 1e7


@dataclass(frozen=True)
class Priority:
    """Points per reason, one entry an account; `total` is their sum, 0–80."""

    health: Floats
    trend: Floats
    renewal: Floats
    arr: Floats

    @property
    def total(self) -> Floats:
        return self.health + self.trend + self.renewal + self.arr


def priority(score: Floats, change_30d: Floats, days_to_renewal: Floats, arr: Floats) -> Priority:
    """Points of attention; `arr` in major units, NaN is unknown and adds nothing.

    An overdue renewal counts as due today. An account without a score gets no points for health: not
    knowing is listed under Unknown, it is not a risk found.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        parts = (
            HEALTH * (1 - score / 100),
            TREND * np.clip(-change_30d / WORST_FALL, 0, 1),
            RENEWAL * np.clip(1 - np.maximum(days_to_renewal, 0) / RENEWAL_DAYS, 0, 1),
            ARR * np.clip(np.log(arr / ARR_FROM) / np.log(ARR_TO / ARR_FROM), 0, 1),
        )
    return Priority(*(np.nan_to_num(part, nan=0.0, neginf=0.0) for part in parts))
