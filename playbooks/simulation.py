"""What a trigger would have done night after night: opened, cleared, kept quiet. Pure.

The same rules as a real night: one open alert per account, cleared once the exit has held for so many days,
and none opened again before the cool-down has passed. Days are ordinals (`date.toordinal`).
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_NEVER: Final = -1


@dataclass
class Simulation:
    """The alerts of one trigger over a fixed range of accounts (`ids`, ascending)."""

    ids: Ints
    cooldown_days: int
    exit_days: int
    is_open: Bools = field(init=False)
    _exit_since: Ints = field(init=False)
    _ended: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.is_open = np.zeros(len(self.ids), dtype=bool)
        self._exit_since = np.full(len(self.ids), _NEVER, dtype=np.int64)
        self._ended = np.full(len(self.ids), _NEVER, dtype=np.int64)

    def step(
        self,
        day: int,
        ids: Ints,
        fires: npt.NDArray[np.int8],
        over: npt.NDArray[np.int8],
        inside: Bools,
    ) -> tuple[Ints, int]:
        """Live through one night; returns the ids on which an alert opened, and how many cleared.

        `fires` and `over` are the truth (1, 0, −1) of rule and exit for `ids`, the customers of the night, and
        `inside` says which of them are in the trigger's scope. Alerts of those who are no customers any more
        end without clearing.
        """
        here = np.zeros(len(self.ids), dtype=bool)
        at = np.searchsorted(self.ids, ids)
        here[at] = True
        self.is_open &= here
        rule = np.full(len(self.ids), -1, dtype=np.int8)
        done = rule.copy()
        rule[at], done[at] = fires, over
        may_open = np.zeros(len(self.ids), dtype=bool)
        may_open[at] = inside

        # What still fires is not over, whatever the exit says; unknown breaks the row of nights.
        holding = self.is_open & (done == 1) & (rule != 1)
        self._exit_since = np.where(
            holding, np.where(self._exit_since == _NEVER, day, self._exit_since), _NEVER
        )
        cleared = holding & (day - self._exit_since + 1 >= self.exit_days)
        self.is_open &= ~cleared
        self._ended[cleared] = day
        self._exit_since[cleared] = _NEVER

        rested = (self._ended == _NEVER) | (day - self._ended >= max(1, self.cooldown_days))
        opened = may_open & ~self.is_open & (rule == 1) & rested
        self.is_open |= opened
        return self.ids[opened], int(cleared.sum())


@dataclass(frozen=True)
class Turns:
    """Dated turns of accounts, e.g. churns, ready to be asked what came next."""

    keys: Ints

    # More than any ordinal: account and day in one sortable number.
    SPAN = 10_000_000

    @classmethod
    def of(cls, account_ids: Ints, days: Ints) -> "Turns":
        return cls(np.sort(account_ids * cls.SPAN + days))

    def next_after(self, account_ids: Ints, days: Ints) -> Ints:
        """(n,) the day of the first turn after each day; 0 where there is none."""
        if not len(self.keys):
            return np.zeros(len(account_ids), dtype=np.int64)
        at = np.searchsorted(self.keys, account_ids * self.SPAN + days, side="right")
        found = self.keys[np.minimum(at, len(self.keys) - 1)]
        same = (at < len(self.keys)) & (found // self.SPAN == account_ids)
        return np.where(same, found % self.SPAN, 0)
