"""Predicted six-month revenue by rule, and the two tier schemes."""

import numpy as np
import numpy.typing as npt

from scoring.engine.definition import Revenue
from scoring.engine.pack import Floats

Tiers = npt.NDArray[np.str_]

QUANTILE_TIERS = ("A", "B", "C")
AMOUNT_TIERS = ("1", "2", "3", "4")
# Lowest amounts of tiers 3, 2 and 1 in major units; the last is above its limit, the others from it on.
AMOUNT_CUTS = (100e3, 1e6, 10e6)


def predict(
    revenue: Revenue, health: npt.ArrayLike, pipeline: npt.ArrayLike, won: npt.ArrayLike
) -> Floats:
    """Predicted revenue per account, in the currency of `pipeline` and `won`.

    With p = health / 100: pipeline * p + upsell_share * won * (upsell_base + upsell_slope * p).
    `health` is 0-100 and a heuristic weight, not a probability. NaN where a part is missing.
    """
    chance = np.asarray(health, dtype=np.float64) / 100.0
    upsell_rate = revenue.upsell_base + revenue.upsell_slope * chance
    upsell = revenue.upsell_share * np.asarray(won, dtype=np.float64) * upsell_rate
    with np.errstate(invalid="ignore", over="ignore"):
        predicted = np.asarray(pipeline, dtype=np.float64) * chance + upsell
    return np.where(np.isfinite(predicted), predicted, np.nan)


def quantile_cuts(predicted: npt.ArrayLike) -> tuple[float, float]:
    """(Q25, Q75) with linear interpolation, NaN ignored; (nan, nan) without any figure."""
    values = np.asarray(predicted, dtype=np.float64)
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.25, 0.75], method="linear")
    return float(low), float(high)


def tier_by_quantile(predicted: npt.ArrayLike, cuts: tuple[float, float]) -> Tiers:
    """'A' above Q75, 'C' below Q25, 'B' between (limits included), '' for NaN."""
    values = np.asarray(predicted, dtype=np.float64)
    tiers = np.where(values > cuts[1], "A", np.where(values < cuts[0], "C", "B"))
    return np.where(np.isnan(values), "", tiers)


def tier_by_amount(predicted: npt.ArrayLike) -> Tiers:
    """'1' above 10 million, '2' from 1 million, '3' from 100,000, '4' below, '' for NaN."""
    values = np.asarray(predicted, dtype=np.float64)
    low, middle, high = AMOUNT_CUTS
    tiers = np.select(
        [values > high, values >= middle, values >= low], ["1", "2", "3"], default="4"
    )
    return np.where(np.isnan(values), "", tiers)
