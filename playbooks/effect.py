"""Did it work? Treated accounts against comparable ones nobody treated. Pure arithmetic on frames.

The change of a treated account alone says little: accounts are treated when they are low, and what is low
tends to come back by itself. So each treated account is compared with up to `NEIGHBOURS` untreated ones that
looked the same when the treatment began: the same values in the exact columns (start week, scorecard version,
tone, size), the same industry where enough of them exist, and the nearest score and 30-day trend within a
caliper. What still differs in score and trend is evened out by regression.

Sources: Abadie and Imbens (2006), "Large Sample Properties of Matching Estimators for Average Treatment
Effects", Econometrica 74(1), for the estimator and its variance when controls are used again; Abadie and
Imbens (2011), "Bias-Corrected Matching Estimators for Average Treatment Effects", Journal of Business &
Economic Statistics 29(1), for the regression adjustment. Both are written here for the treated (ATT), with a
varying number of matches, and summed by account, because one account may stand in several weeks.

What it cannot see: whatever made somebody treat one account and not its twin, beyond the columns above.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

NEIGHBOURS: Final = 5
# In standard deviations of score and trend together (Euclidean distance).
CALIPER: Final = 0.5
# Fewer matched treated accounts say nothing.
LEAST: Final = 20
EXACT: Final = ("tone", "size")
# Rows of the distance matrix computed at once.
_ROWS: Final = 256
# Dozens of playbooks are looked at side by side; at 95 % some would seem to work by luck alone every month.
LEVEL: Final = 0.98
_Z: Final = 2.3263478740408408

NOT_ENOUGH, NONE_SHOWN, BETTER, WORSE = "not_enough", "none", "better", "worse"


@dataclass(frozen=True)
class Matches:
    """Who is compared with whom: row positions in `treated` and in `pool`, one pair each.

    `eligible`: positions of treated rows whose score and trend at the start are known.
    """

    treated: Places
    pool: Places
    eligible: Places


@dataclass(frozen=True)
class Effect:
    """What the treatment added, in the unit of the outcome (points of score).

    `treated`: treated rows with a known outcome; `matched`: those with at least one control whose outcome is
    known; `unmatched` their share without one, None without any. Figures are None when `verdict` is
    "not_enough"; `low` and `high` bound the interval of `effect` at `LEVEL`. `verdict`: not_enough, none (the
    interval includes 0), better or worse.
    """

    treated: int
    matched: int
    unmatched: float | None
    mean_treated: float | None
    mean_matched: float | None
    effect: float | None
    low: float | None
    high: float | None
    verdict: str


def compare(treated: pd.DataFrame, pool: pd.DataFrame, *, exact: Sequence[str] = EXACT) -> Effect:
    """Match and estimate in one go; columns as in `match`, and `outcome` in both frames."""
    return estimate(treated, pool, match(treated, pool, exact=exact))


def match(treated: pd.DataFrame, pool: pd.DataFrame, *, exact: Sequence[str] = EXACT) -> Matches:
    """Up to `NEIGHBOURS` untreated rows for each treated one, with replacement. Outcomes are not looked at.

    Both frames: the `exact` columns, `industry`, `score` (0–100) and `trend` (points, 30 days). A row whose
    score or trend is unknown is not matched.
    """
    spots = treated[["score", "trend"]].to_numpy(np.float64)
    grounds = pool[["score", "trend"]].to_numpy(np.float64)
    known, usable = np.isfinite(spots).all(axis=1), np.isfinite(grounds).all(axis=1)
    eligible = np.flatnonzero(known)
    pairs: list[tuple[Places, Places]] = []
    if known.any() and usable.any():
        spread = grounds[usable].std(axis=0)
        spread[spread == 0] = 1.0
        spots, grounds = spots / spread, grounds / spread
        alike = _codes(treated, pool, exact)
        trade = _codes(treated, pool, ["industry"])
        cells = pd.Series(np.flatnonzero(usable)).groupby(alike[1][usable]).indices
        candidates = np.flatnonzero(usable)
        for code, rows in pd.Series(eligible).groupby(alike[0][eligible]).indices.items():
            if code not in cells:
                continue
            ours, theirs = eligible[rows], candidates[cells[code]]
            for first in range(0, len(ours), _ROWS):
                some = ours[first : first + _ROWS]
                pairs.append(_nearest(some, theirs, spots, grounds, trade))
    if not pairs:
        nobody = np.empty(0, dtype=np.int64)
        return Matches(nobody, nobody, eligible)
    ours, theirs = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return Matches(ours, theirs, eligible)


def _codes(treated: pd.DataFrame, pool: pd.DataFrame, columns: Sequence[str]) -> list[Places]:
    """Numbers that are equal exactly where the columns are, for both frames."""
    both = pd.concat([treated[list(columns)], pool[list(columns)]], ignore_index=True)
    numbers = both.groupby(list(columns), sort=False, dropna=False).ngroup()
    codes: Places = numbers.to_numpy().astype(np.int64)
    return [codes[: len(treated)], codes[len(treated) :]]


def _nearest(
    ours: Places, theirs: Places, spots: Floats, grounds: Floats, trade: list[Places]
) -> tuple[Places, Places]:
    gap = spots[ours][:, None, :] - grounds[theirs][None, :, :]
    distance = np.sqrt((gap**2).sum(axis=2))
    distance[distance > CALIPER] = np.inf
    same = trade[0][ours][:, None] == trade[1][theirs][None, :]
    enough = (same & np.isfinite(distance)).sum(axis=1) >= NEIGHBOURS
    distance[enough[:, None] & ~same] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :NEIGHBOURS]
    near = np.isfinite(np.take_along_axis(distance, order, axis=1))
    return np.repeat(ours, near.sum(axis=1)), theirs[order[near]]


def estimate(
    treated: pd.DataFrame,
    pool: pd.DataFrame,
    matches: Matches,
    *,
    outcome: str = "outcome",
    rows: npt.NDArray[np.bool_] | None = None,
) -> Effect:
    """Mean outcome of the treated less that of their matches, adjusted, with its interval.

    `rows` narrows the treated rows (one playbook of many). Both frames have `outcome`, unknown as NaN;
    an `account` column, where present, says which rows are the same account.
    """
    results = treated[outcome].to_numpy(np.float64)
    others = pool[outcome].to_numpy(np.float64)
    wanted = np.isfinite(results) if rows is None else np.isfinite(results) & rows
    counted = int(wanted[matches.eligible].sum())
    use = wanted[matches.treated] & np.isfinite(others[matches.pool])
    ours, theirs = matches.treated[use], matches.pool[use]
    which, place, times = np.unique(ours, return_inverse=True, return_counts=True)
    matched = len(which)
    unmatched = 1 - matched / counted if counted else None
    if matched < LEAST:
        nothing = (None, None, None, None, None)
        return Effect(counted, matched, unmatched, *nothing, NOT_ENOUGH)

    # Each treated row counts 1, shared equally among its controls.
    share = 1 / times[place]
    slope, residuals = _regression(pool, theirs, others[theirs], share)
    start_ours = treated[["score", "trend"]].to_numpy(np.float64)[ours]
    start_theirs = pool[["score", "trend"]].to_numpy(np.float64)[theirs]
    likely = others[theirs] + (start_ours - start_theirs) @ slope
    counterfactual = np.bincount(place, weights=likely * share, minlength=matched)
    gaps = results[which] - counterfactual
    effect = float(gaps.mean())

    by_account = _sums(_ids(treated, which), gaps - effect)
    variance = (by_account**2).sum()
    # Controls used again carry the same luck into several pairs; what one pair carries is in the gaps already.
    reused = _sums(_ids(pool, theirs), residuals * share)
    variance += max(0.0, float((reused**2).sum() - ((residuals * share) ** 2).sum()))
    error = float(np.sqrt(variance)) / matched
    half = _quantile(len(by_account) - 1) * error * np.sqrt(matched / max(1, matched - 1))
    low, high = effect - half, effect + half
    verdict = BETTER if low > 0 else WORSE if high < 0 else NONE_SHOWN
    mean = float(results[which].mean())
    return Effect(
        counted, matched, unmatched, mean, mean - effect, effect, float(low), float(high), verdict
    )


def shares_kept(
    treated: pd.DataFrame,
    pool: pd.DataFrame,
    matches: Matches,
    *,
    kept: str = "kept",
    rows: npt.NDArray[np.bool_] | None = None,
) -> tuple[float | None, float | None, int]:
    """(share of ARR kept, share the untreated would have kept, matched accounts), both weighted alike.

    `treated`: `arr` (any unit, unknown as NaN) and `kept` (1 still a customer, 0 gone, NaN unknown); `pool`:
    `kept`. Only matched rows count on either side. (None, None, n) below `LEAST`.
    """
    still = treated[kept].to_numpy(np.float64)
    theirs_still = pool[kept].to_numpy(np.float64)
    worth = treated["arr"].to_numpy(np.float64)
    wanted = np.isfinite(still) & np.isfinite(worth)
    if rows is not None:
        wanted &= rows
    use = wanted[matches.treated] & np.isfinite(theirs_still[matches.pool])
    which, place, times = np.unique(matches.treated[use], return_inverse=True, return_counts=True)
    total = worth[which].sum()
    if len(which) < LEAST or total <= 0:
        return None, None, len(which)
    kept_by_others = (
        np.bincount(place, weights=theirs_still[matches.pool[use]], minlength=len(which)) / times
    )
    ours = float((worth[which] * still[which]).sum() / total)
    return ours, float((worth[which] * kept_by_others).sum() / total), len(which)


def _regression(
    pool: pd.DataFrame, rows: Places, results: Floats, weights: Floats
) -> tuple[Floats, Floats]:
    """Slopes of the outcome on score and trend among the matched controls, and what they leave unexplained."""
    starts = pool[["score", "trend"]].to_numpy(np.float64)[rows]
    design = np.column_stack([np.ones(len(rows)), starts])
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(design * root[:, None], results * root, rcond=None)[0]
    distinct = len(np.unique(rows))
    # Three figures were fitted to so many controls: the residuals are that much too small.
    loss = np.sqrt(distinct / max(1, distinct - design.shape[1]))
    return solution[1:], (results - design @ solution) * loss


def _ids(frame: pd.DataFrame, rows: Places) -> npt.NDArray[np.int64]:
    return frame["account"].to_numpy(np.int64)[rows] if "account" in frame else rows


def _sums(ids: npt.NDArray[np.int64], values: Floats) -> Floats:
    _, place = np.unique(ids, return_inverse=True)
    return np.bincount(place, weights=values).astype(np.float64)


def _quantile(freedom: int) -> float:
    """99 % quantile of Student's t (Abramowitz and Stegun 26.7.5); within 0.005 from 10 degrees on."""
    nu = max(1, freedom)
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    return _Z + first / nu + second / nu**2
