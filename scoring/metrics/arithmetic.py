"""From the parts of a metric to its value, array by array; what cannot be said is NaN."""

import numpy as np

from csm.lib.money import per_unit
from scoring.metrics.metric import Floats


def share(of: Floats, whole: Floats) -> Floats:
    """`of / whole`; unknown without a whole."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, of / whole, np.nan)


def share_at_most_one(of: Floats, whole: Floats) -> Floats:
    return np.minimum(share(of, whole), 1.0)


def share_without(failed: Floats, whole: Floats) -> Floats:
    """`1 − failed / whole`, at least 0."""
    return np.maximum(1.0 - share(failed, whole), 0.0)


def change(now: Floats, before: Floats) -> Floats:
    """`now / before − 1`; unknown where there was nothing before."""
    return share(now, before) - 1.0


def difference(now: Floats, before: Floats) -> Floats:
    return now - before


def total(*parts: Floats) -> Floats:
    """The sum of what is known; unknown where nothing is."""
    stacked = np.vstack(parts)
    known = ~np.isnan(stacked)
    return np.where(known.any(axis=0), np.where(known, stacked, 0.0).sum(axis=0), np.nan)


def first_known(*parts: Floats) -> Floats:
    found = parts[0]
    for part in parts[1:]:
        found = np.where(np.isnan(found), part, found)
    return found


def major(minor: Floats) -> Floats:
    """An amount in major units."""
    return minor / per_unit()
