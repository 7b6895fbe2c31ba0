"""When we and the customer were in touch, and the readings of those weeks counted from it."""

from dataclasses import dataclass

import numpy as np

from csm.demo.facts.world import World, evenly
from csm.demo.histories import ACTIVITY_CAP

WINDOW = 30
# A review every quarter, for accounts that are looked after at all.
_QUARTER = 90
_LOOKED_AFTER = 3


@dataclass(frozen=True)
class Touches:
    """One entry per activity, by account and oldest first; `review` marks the quarterly ones."""

    account: np.ndarray
    ago: np.ndarray
    review: np.ndarray


def touches(world: World) -> Touches:
    """Every activity back to `WINDOW` days before the systems were connected; older ones are few.

    The weekly readings since then are replaced by what these activities count to, so reported and derived
    figures agree to the day.
    """
    rng = world.rng(1)
    reach = world.plan.connected + WINDOW + 7
    rows = np.flatnonzero(world.fed & (world.since > 0))
    found = [_regular(world, rng, rows, reach)]
    lonely, quiet = _lonely(world, rows, reach)
    found.append(lonely)
    # A new customer is welcomed on the first day.
    young = rows[(world.since[rows] <= reach) & world.alive(rows, world.since[rows])]
    found.append((young, world.since[young]))
    reviewed = _reviews(world, rng, rows, reach, quiet)
    account = np.concatenate([part[0] for part in (*found, reviewed)])
    days = np.concatenate([part[1] for part in (*found, reviewed)])
    review = np.zeros(len(account), dtype=bool)
    review[len(account) - len(reviewed[0]) :] = True
    order = np.lexsort((-days, account))
    result = _capped(Touches(account[order], days[order], review[order]))
    _count_again(world, result, rows)
    return result


def _lonely(
    world: World, rows: np.ndarray, reach: int
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The single activities that readings of quiet weeks told of, and the oldest of each account."""
    grid = world.grid
    days = grid.ago + np.nan_to_num(grid.metrics["days_since_last_activity"])
    count = grid.metrics["total_activities_30d"]
    within = (count <= 1) & (grid.ago <= reach)
    within[np.arange(world.size), np.argmax(grid.ago <= reach, axis=1)] = True
    within &= np.isin(np.arange(world.size), rows)[:, None]
    account, week = np.nonzero(within)
    pairs = np.unique(np.stack([account, days[account, week].astype(int)]), axis=1)
    account, ago = pairs[:, world.alive(pairs[0], pairs[1])]
    oldest = np.full(world.size, reach)
    np.maximum.at(oldest, account, ago)
    return (account, ago), oldest


def _regular(
    world: World, rng: np.random.Generator, rows: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    ago = np.arange(reach, -1, -1)
    at = np.repeat(rows, len(ago))
    # A count over 30 days belongs to the middle of them.
    middle = np.tile(np.maximum(ago - WINDOW // 2, 0), len(rows))
    rate = world.metric("total_activities_30d", at, middle).reshape(len(rows), -1) / WINDOW
    rate[rate < 0.9 / WINDOW] = 0
    # Where readings told of one or none, `_lonely` knows its day.
    week = np.clip((world.grid.ago[at, 0] - np.tile(ago, len(rows))) // 7, 0, None)
    count = world.grid.metrics["total_activities_30d"]
    rate[(count <= 1)[at, np.minimum(week, count.shape[1] - 1)].reshape(rate.shape)] = 0
    # Messages come in bunches, larger ones where there are many.
    bunch = 1 + np.searchsorted(np.array([2, 6, 20]) / WINDOW, np.median(rate, axis=1))
    account, day = evenly(rng, rows, ago, rate / bunch[:, None])
    size = np.zeros(world.size, dtype=int)
    size[rows] = bunch
    account, day = np.repeat(account, size[account]), np.repeat(day, size[account])
    # Weekends are quiet: most of it happened on the Friday before.
    weekday = ((world.on(day).astype("datetime64[D]").astype(int) + 3) % 7).astype(int)
    day = day + np.where((weekday >= 5) & (rng.random(len(day)) < 0.8), weekday - 4, 0)
    keep = world.alive(account, day)
    return account[keep], day[keep]


def _reviews(
    world: World, rng: np.random.Generator, rows: np.ndarray, reach: int, quiet: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Two quarterly reviews; none in the silence before `quiet` days ago that a reading told of."""
    first = rng.integers(3, _QUARTER, len(rows))
    account = np.concatenate([rows, rows])
    ago = np.concatenate([first, first + _QUARTER])
    looked_after = world.metric("total_activities_30d", account, ago) >= _LOOKED_AFTER
    keep = looked_after & world.alive(account, ago) & ((ago <= reach) | (ago >= quiet[account]))
    return account[keep], ago[keep]


def _key(account: np.ndarray, ago: np.ndarray) -> np.ndarray:
    """Ascends by account, oldest first."""
    return account * 100_000 + (50_000 - ago)


def _capped(found: Touches) -> Touches:
    """Without those beyond what anybody logs in 30 days."""
    account, ago, review = found.account, found.ago, found.review
    while True:
        before = np.searchsorted(_key(account, ago), _key(account, ago + WINDOW), side="right")
        beyond = np.flatnonzero(np.arange(len(ago)) - before >= ACTIVITY_CAP)
        if not len(beyond):
            return Touches(account, ago, review)
        # A few at a time: each that goes makes room for those after it.
        account, ago, review = (np.delete(part, beyond[::4]) for part in (account, ago, review))


def _count_again(world: World, found: Touches, rows: np.ndarray) -> None:
    """Put what the activities count to into the weekly figures since the systems were connected."""
    grid = world.grid
    key = _key(found.account, found.ago)
    exact = np.isin(np.arange(world.size), rows)
    for week in range(grid.ago.shape[1]):
        ago = grid.ago[:, week]
        here = np.flatnonzero(exact & (ago <= world.plan.connected) & grid.told[:, week])
        until = np.searchsorted(key, _key(here, ago[here]), side="right")
        since = np.searchsorted(key, _key(here, ago[here] + WINDOW), side="right")
        known = (until > 0) & (found.account[np.maximum(until - 1, 0)] == here)
        here, until, since = here[known], until[known], since[known]
        grid.metrics["total_activities_30d"][here, week] = until - since
        grid.metrics["days_since_last_activity"][here, week] = found.ago[until - 1] - ago[here]
