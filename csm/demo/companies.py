"""What each demo customer is: size, trade, place, contract, and the story its history will tell."""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from csm.demo.names import COUNTRIES, company_names
from csm.demo.people import CSMS

# Shares of the book. The stories' curves are in `histories`.
STORIES: Mapping[str, float] = {
    "steady": 0.465,
    "growing": 0.14,
    "seasonal": 0.10,
    "declining": 0.07,
    "churned": 0.05,
    "recovered": 0.05,
    "new": 0.06,
    # The source fell silent for these 60 to 110 days ago.
    "stale": 0.035,
    # Only the number of activities is known, or nothing at all: too little to judge.
    "thin": 0.02,
    "silent": 0.01,
}
INDUSTRIES: Mapping[str, float] = {
    "Technology": 0.29,
    "Financial Services": 0.20,
    "Healthcare": 0.17,
    "Manufacturing": 0.14,
    "Retail": 0.11,
    "Education": 0.07,
    "": 0.02,
}
SIZES: Mapping[str, float] = {
    "Small Business": 0.42,
    "Mid-Market": 0.33,
    "Large": 0.165,
    "Enterprise": 0.07,
    "": 0.015,
}
# Size → median ARR in major units, its spread (sigma of the logarithm), range of employees.
_ARR: Mapping[str, tuple[float, float, int, int]] = {
    "Small Business": (7_000, 0.55, 4, 99),
    "Mid-Market": (32_000, 0.55, 100, 999),
    "Large": (120_000, 0.6, 1_000, 4_999),
    "Enterprise": (420_000, 0.7, 5_000, 48_000),
    "": (20_000, 0.8, 20, 2_000),
}
_TAGS = ("reference customer", "multi-product", "price-sensitive", "beta programme", "partner-led")
GIANT_TAG = "strategic"


def spread(rng: np.random.Generator, shares: Mapping[str, float], n: int) -> np.ndarray:
    """n keys in random order whose counts are the shares as exactly as whole accounts allow."""
    keys = np.array(list(shares), dtype=object)
    bounds = np.cumsum(list(shares.values()))
    marks = (rng.permutation(n) + 0.5) / max(n, 1) * bounds[-1]
    return keys[np.searchsorted(bounds, marks).clip(0, len(keys) - 1)]


def companies(n: int, days: int, seed: int, as_of: dt.date) -> pd.DataFrame:
    """n customers as of a date, one per row.

    Columns: external_id, name, industry, size_segment, account_type, country, tags, employees, arr
    (major units, NaN unknown), story, customer_since, churned_on, renewal_on (dates or None), owner
    (username or ""), team (name or ""). The same arguments give the same frame.
    """
    # A stream per concern: changing one leaves the others' numbers alone.
    kind, place, money, contract, people = (np.random.default_rng([seed, k]) for k in range(1, 6))
    story = spread(kind, STORIES, n)
    industry = spread(kind, INDUSTRIES, n)
    size = spread(kind, SIZES, n)
    # Schools and shops are the ones with quiet months.
    seasonal = (
        (story == "steady") & np.isin(industry, ["Retail", "Education"]) & (kind.random(n) < 0.35)
    )
    story[seasonal] = "seasonal"
    country = spread(place, {key: share for key, (share, _) in COUNTRIES.items()}, n)
    country[place.random(n) < 0.01] = ""
    names = company_names(place, list(country), list(industry))

    arr, employees, giant = _amounts(money, size)
    since, churned, renewal = _contracts(contract, story, days, as_of)
    owner, team = _owners(people, n)
    return pd.DataFrame(
        {
            "external_id": [f"DEMO-{i + 1:06d}" for i in range(n)],
            "name": names,
            "industry": industry,
            "size_segment": size,
            "account_type": spread(kind, {"Customer": 0.93, "Partner": 0.05, "": 0.02}, n),
            "country": country,
            "tags": _tags(kind, size, giant),
            "employees": employees,
            "arr": arr,
            "story": story,
            "customer_since": pd.Series(since, dtype=object),
            "churned_on": pd.Series(churned, dtype=object),
            "renewal_on": pd.Series(renewal, dtype=object),
            "owner": owner,
            "team": team,
        }
    )


def _amounts(
    rng: np.random.Generator, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = len(size)
    median, sigma, low, high = (np.array([_ARR[s][k] for s in size], dtype=float) for k in range(4))
    within = rng.beta(1.3, 2.6, n)
    # Bigger within the segment pays more: the two share a part of their spread.
    arr = median * np.exp(sigma * (0.8 * rng.standard_normal(n) + 1.5 * (within - 0.33)))
    employees = np.exp(
        np.log(low) + within * np.log(np.maximum(high / np.maximum(low, 1), 1))
    ).round()
    giant = np.zeros(n, dtype=bool)
    giants = np.flatnonzero(size == "Enterprise")[: max(1, n // 1500)]
    giant[giants] = True
    arr[giants] = rng.uniform(4e6, 14e6, len(giants))
    arr = np.round(arr, -2)
    arr[(rng.random(n) < 0.02) & ~giant] = np.nan
    return arr, employees, giant


def _tags(rng: np.random.Generator, size: np.ndarray, giant: np.ndarray) -> list[list[str]]:
    draws = rng.random((len(size), len(_TAGS)))
    found = []
    for i, segment in enumerate(size):
        tags = [tag for tag, draw in zip(_TAGS, draws[i], strict=True) if draw < 0.06]
        if giant[i] or (segment == "Enterprise" and draws[i, 0] > 0.85):
            tags.append(GIANT_TAG)
        found.append(tags)
    return found


def anniversary(since: dt.date, on_or_after: dt.date, every: int = 1) -> dt.date:
    """The first date on or after another that is a whole number of `every` years after `since`."""
    years = max(every, (on_or_after.year - since.year) // every * every)
    while (found := add_years(since, years)) < on_or_after:
        years += every
    return found


def add_years(day: dt.date, years: int) -> dt.date:
    """The same day another year; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _contracts(
    rng: np.random.Generator, story: np.ndarray, days: int, as_of: dt.date
) -> tuple[list[dt.date], list[dt.date | None], list[dt.date | None]]:
    n = len(story)
    tenure = np.clip(rng.gamma(2.0, 520, n), days + 20, 4_200).astype(int)
    new = rng.integers(10, max(days - 20, 11), n)
    # Late enough in the window that the decline before it can be seen.
    left = rng.integers(1, max(days - 80, 2), n)
    soon = rng.integers(15, 121, n)
    years = rng.integers(1, 6, n)
    chance = rng.random((n, 3))
    since: list[dt.date] = []
    churned: list[dt.date | None] = []
    renewal: list[dt.date | None] = []
    for i in range(n):
        start, end, due = as_of - dt.timedelta(int(tenure[i])), None, None
        if story[i] == "new":
            start = as_of - dt.timedelta(int(new[i]))
        elif story[i] == "churned":
            end = as_of - dt.timedelta(int(left[i]))
            if chance[i, 0] < 0.8:
                # Four of five leave when the contract ends.
                start, due = add_years(end, -int(years[i])), end
            else:
                due = anniversary(start, end)
        elif story[i] == "declining" and chance[i, 0] < 0.6:
            due = as_of + dt.timedelta(int(soon[i]))
            start = add_years(due, -int(years[i]) - 1)
        if due is None:
            due = anniversary(start, as_of, every=3 if chance[i, 1] < 0.08 else 1)
        since.append(start)
        churned.append(end)
        renewal.append(None if chance[i, 2] < 0.015 and end is None else due)
    return since, churned, renewal


def _owners(rng: np.random.Generator, n: int) -> tuple[list[str], list[str]]:
    loads = np.array([person.load for person in CSMS])
    picks = rng.choice(len(CSMS), size=n, p=loads / loads.sum())
    free = rng.random(n)
    # 3 % wait for an owner within a team; a handful belongs to nobody yet.
    owner = ["" if free[i] < 0.033 else CSMS[picks[i]].username for i in range(n)]
    team = ["" if free[i] < 0.003 else CSMS[picks[i]].team for i in range(n)]
    return owner, team
