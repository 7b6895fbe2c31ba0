"""What all facts of a demo book share: who is a customer when, and how well they fare that day."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from csm.demo.histories import Grid, days_ago
from csm.demo.plan import Plan

# Health of accounts in the middle of the published bands, from hopeless to thriving; figures that
# have published averages are interpolated between theirs.
GRADES = (0.1, 0.4, 0.62, 0.82, 0.95)
# Stories of which other systems know nothing: the account is nowhere but in the CRM export.
_UNFED = ("thin", "silent", "stale")


@dataclass(frozen=True)
class World:
    """Arrays by row of the company frame; days count back from as_of.

    `since` and `churned` are days ago (churned −1: still a customer), `fed` whether the systems behind
    the API know the account, `start` its settled health 0 to 1.
    """

    plan: Plan
    companies: pd.DataFrame
    grid: Grid
    since: np.ndarray
    churned: np.ndarray
    fed: np.ndarray
    start: np.ndarray

    @property
    def size(self) -> int:
        return len(self.since)

    @property
    def as_of(self) -> np.datetime64:
        return np.datetime64(self.plan.as_of, "D")

    @property
    def story(self) -> np.ndarray:
        return self.companies["story"].to_numpy()

    @property
    def dealt(self) -> np.ndarray:
        """Whose deals the CRM knows: also those of accounts of which nothing else is told any more."""
        return self.fed | (self.story == "stale")

    def rng(self, stream: int) -> np.random.Generator:
        """A stream per concern: changing one leaves the others' numbers alone."""
        return np.random.default_rng([self.plan.seed, 100 + stream])

    def on(self, ago: np.ndarray) -> np.ndarray:
        """The dates of days ago; NaT where `ago` is NaN."""
        days = np.asarray(ago, dtype=float)
        gone = np.isnan(days)
        found = self.as_of - np.where(gone, 0, days).astype("timedelta64[D]")
        found[gone] = np.datetime64("NaT")
        return found

    def alive(self, rows: np.ndarray, ago: np.ndarray) -> np.ndarray:
        """Whether the accounts were customers that many days ago, and the day is not ahead."""
        return (ago >= 0) & (ago <= self.since[rows]) & (ago > self.churned[rows])

    def curve(self, rows: np.ndarray, ago: np.ndarray) -> np.ndarray:
        """Engagement against the account's own normal, between its weekly points."""
        return self._along(self.grid.curve, rows, ago)

    def metric(self, key: str, rows: np.ndarray, ago: np.ndarray) -> np.ndarray:
        """A reported metric between its weekly points; constant outside them."""
        return self._along(self.grid.metrics[key], rows, ago)

    def _along(self, values: np.ndarray, rows: np.ndarray, ago: np.ndarray) -> np.ndarray:
        last = values.shape[1] - 1
        at = np.clip((self.grid.ago[rows, 0] - ago) / 7, 0, last)
        left = np.minimum(at.astype(int), max(last - 1, 0))
        right = np.minimum(left + 1, last)
        part = at - left
        return values[rows, left] * (1 - part) + values[rows, right] * part

    def health(self, rows: np.ndarray, ago: np.ndarray) -> np.ndarray:
        """How well an account fares on a day, 0 to 1: what every fact of that day is drawn from."""
        curve = np.minimum(self.curve(rows, ago), 1.1)
        return np.clip(self.start[rows] * (0.3 + 0.7 * curve), 0.02, 1.0)


def build(plan: Plan, companies: pd.DataFrame, grid: Grid) -> World:
    n = len(companies)
    rng = np.random.default_rng([plan.seed, 100])
    story = companies["story"].to_numpy()
    lift = np.where(story == "growing", 0.06, 0.0)
    start = 0.36 + 0.54 * grid.level**0.7 + lift + 0.1 * rng.standard_normal(n)
    return World(
        plan=plan,
        companies=companies,
        grid=grid,
        since=days_ago(companies["customer_since"], plan.as_of),
        churned=days_ago(companies["churned_on"], plan.as_of),
        fed=~np.isin(story, _UNFED),
        start=np.clip(start, 0.06, 1.0),
    )


def grade(health: np.ndarray, values: Sequence[float]) -> np.ndarray:
    """The figure usual at a health: `values` are those at `GRADES`."""
    return np.interp(health, GRADES, values)


def evenly(
    rng: np.random.Generator, rows: np.ndarray, ago: np.ndarray, rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and days of events that come at a daily `rate` (accounts × days), evenly with a random start.

    Any stretch of days holds as many as its rates add up to, give or take one.
    """
    total = np.cumsum(rate, axis=1) + rng.random((len(rate), 1))
    counts = np.diff(np.floor(total), axis=1, prepend=0).astype(int)
    counts[:, 0] = np.floor(total[:, 0]).astype(int)
    at, day = np.nonzero(counts)
    times = counts[at, day]
    return np.repeat(rows[at], times), np.repeat(ago[day], times)
