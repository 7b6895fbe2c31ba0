"""Weekly readings of the demo book: each story as a curve, and the metrics that follow from it.

A curve is an account's engagement against its own normal, 1 being usual. Activities, the time since
the last one, reachable contacts and pipeline are drawn from it: a decline shows in all of them.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Nobody logs more than this in 30 days: a handful of giants must not flatten everybody's score.
ACTIVITY_CAP = 60
_DORMANT_DAYS = (70, 120)

METRICS = (
    "total_activities_30d",
    "days_since_last_activity",
    "contacts_with_email",
    "total_contacts",
    "annual_revenue",
    "total_won_amount",
    "number_of_employees",
    "current_pipeline_amount",
)
# What the export never fills in, for a share of the accounts.
_LEFT_OUT = {
    "current_pipeline_amount": 0.06,
    "annual_revenue": 0.03,
    "total_won_amount": 0.03,
    "number_of_employees": 0.02,
    "contacts_with_email": 0.012,
}
# Size → median of contacts known.
_CONTACTS = {"Small Business": 7, "Mid-Market": 18, "Large": 45, "Enterprise": 130, "": 12}


@dataclass(frozen=True)
class Readings:
    """Rows of what the source said, ordered by account and date.

    `account` is the row of the company frame, `on` datetime64[D], `metrics` one float array per
    metric with NaN where the source said nothing.
    """

    account: np.ndarray
    on: np.ndarray
    metrics: dict[str, np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Every account on its weekly reading days, told or not; arrays are accounts × weeks.

    `ago` are days before as_of, oldest week first; `curve` the engagement against the account's own
    normal, `level` (accounts) that normal, 0 to 1. `told` marks the readings the source sent. `metrics`
    is NaN where it left a metric out; `whole` has those it leaves out somewhere with nothing left out.
    """

    ago: np.ndarray
    curve: np.ndarray
    level: np.ndarray
    told: np.ndarray
    metrics: dict[str, np.ndarray]
    whole: dict[str, np.ndarray]

    def readings(self, as_of: dt.date) -> Readings:
        """The told ones, ordered by account and date."""
        on = np.datetime64(as_of, "D") - self.ago.astype("timedelta64[D]")
        return Readings(
            account=np.broadcast_to(np.arange(len(on))[:, None], on.shape)[self.told],
            on=on[self.told],
            metrics={key: self.metrics[key][self.told] for key in METRICS},
        )


def histories(companies: pd.DataFrame, days: int, seed: int, as_of: dt.date) -> Grid:
    """A figure per account and week over the `days` up to as_of, told while it was a customer.

    Accounts report on different weekdays, so about a seventh of the book changes each night.
    Amounts are in major units, as a CRM exports them.
    """
    n = len(companies)
    weeks = -(-(days + 6) // 7)
    when, curve_noise, people, money, gaps = (
        np.random.default_rng([seed, k]) for k in range(11, 16)
    )
    weekday = when.permutation(n) % 7
    # Days before as_of, oldest first: accounts × weeks.
    ago = weekday[:, None] + 7 * np.arange(weeks - 1, -1, -1)[None, :]
    since = days_ago(companies["customer_since"], as_of)
    churned = days_ago(companies["churned_on"], as_of)
    story = companies["story"].to_numpy()

    told = (ago <= since[:, None]) & ~(ago <= churned[:, None]) & (story != "silent")[:, None]
    told &= ~((story == "stale")[:, None] & (ago < when.integers(60, 111, n)[:, None]))

    curve = _curves(curve_noise, story, ago, since, churned, days, as_of)
    level = _levels(people, companies["size_segment"].to_numpy(), story)
    busy = np.clip(level[:, None] * curve * _wobble(curve_noise, n, weeks), 0, 1)
    metrics = _activity(gaps, busy, since[:, None] - ago)
    metrics |= _contacts(people, companies, curve, level)
    metrics |= _money(money, companies, curve, ago)
    whole = {key: metrics[key].copy() for key in (*_LEFT_OUT, "total_contacts")}
    _forget(gaps, story, metrics)
    return Grid(ago, curve, level, told, metrics, whole)


def days_ago(dates: pd.Series, as_of: dt.date) -> np.ndarray:
    """Days before as_of, −1 for none: no reading is that recent, so no comparison holds."""
    return np.array([-1 if day is None else (as_of - day).days for day in dates], dtype=int)


def _fall(ago: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """0 before `start` days ago, 1 from `end` days ago on, a smooth slope between."""
    along = np.clip((start - ago) / np.maximum(start - end, 1), 0, 1)
    return (1 - np.cos(np.pi * along)) / 2


def _curves(
    rng: np.random.Generator,
    story: np.ndarray,
    ago: np.ndarray,
    since: np.ndarray,
    churned: np.ndarray,
    days: int,
    as_of: dt.date,
) -> np.ndarray:
    n = len(story)
    u = rng.random((n, 4))[:, :, None]
    since, churned = since[:, None], churned[:, None]
    quiet = _quiet_season(np.datetime64(as_of, "D") - ago.astype("timedelta64[D]"))
    drop = 60 + 60 * u[:, 0]
    slide = 25 + 75 * u[:, 1]
    dip = days * (0.55 + 0.25 * u[:, 0])
    curves = {
        "growing": 0.55 + 0.5 * (1 - ago / max(days, 1)) * (0.6 + 0.4 * u[:, 0]),
        "seasonal": 1.1 - (0.35 + 0.25 * u[:, 0]) * quiet,
        # The slide began 25 to 100 days ago and is still on for the later ones.
        "declining": 1 - (0.7 + 0.3 * u[:, 0]) * _fall(ago, slide, slide - 80),
        # It begins 60 to 120 days before the end and is complete ten days before it.
        "churned": 1 - (0.95 + 0.05 * u[:, 2]) * _fall(ago, churned + drop, churned + 10),
        "recovered": 1
        - 0.75 * _fall(ago, dip, dip - 35)
        + (0.75 + 0.15 * u[:, 3]) * _fall(ago, dip - 50, dip - 90),
        "new": 0.4 + 0.6 * _fall(ago, since, since - 75),
    }
    found = np.ones(ago.shape)
    for name, curve in curves.items():
        rows = story == name
        found[rows] = np.broadcast_to(curve, ago.shape)[rows]
    # Everybody works a little less then.
    return found * (1 - 0.06 * quiet)


def _quiet_season(on: np.ndarray) -> np.ndarray:
    """1 in the middle of the summer and of the turn of the year, 0 far from both."""
    day = (on - on.astype("datetime64[Y]")).astype(int)
    summer = np.exp(-(((day - 212) / 24.0) ** 2))
    winter = np.exp(-((np.minimum(np.abs(day - 360), day + 5) / 11.0) ** 2))
    return np.maximum(summer, winter)


def _levels(rng: np.random.Generator, size: np.ndarray, story: np.ndarray) -> np.ndarray:
    """Each account's normal engagement, 0 to 1: many well kept, a tail that never took off."""
    n = len(size)
    lift = np.array([{"Small Business": -0.02, "Mid-Market": 0.0}.get(s, 0.02) for s in size])
    kinds = np.stack([rng.beta(9, 1.7, n), rng.beta(4, 3, n), rng.beta(0.8, 9, n)])
    level = kinds[np.searchsorted([0.49, 0.59], rng.random(n)), np.arange(n)]
    # A decline needs a height to fall from.
    falls = np.isin(story, ["churned", "declining", "recovered"])
    level = np.where(falls, np.maximum(level, 0.45 + 0.4 * rng.random(n)), level)
    return np.clip(level + lift, 0.005, 1)


def _wobble(rng: np.random.Generator, n: int, weeks: int) -> np.ndarray:
    """Week-to-week noise around 1 that remembers the week before."""
    noise = np.empty((n, weeks))
    state = rng.standard_normal(n)
    for week in range(weeks):
        state = 0.7 * state + np.sqrt(1 - 0.7**2) * rng.standard_normal(n)
        noise[:, week] = state
    return np.exp(0.13 * noise)


def _activity(
    rng: np.random.Generator, busy: np.ndarray, tenure: np.ndarray
) -> dict[str, np.ndarray]:
    """Activities of 30 days and days since the last one, which agree: no count, no recent day."""
    n, weeks = len(busy), busy.shape[1]
    count = np.minimum(np.round(ACTIVITY_CAP * busy), ACTIVITY_CAP)
    days = np.empty((n, weeks))
    patience = rng.integers(*_DORMANT_DAYS, n)
    last = rng.integers(30, _DORMANT_DAYS[0], n)
    for week in range(weeks):
        gap = np.minimum(np.floor(rng.exponential(1.0, n) * 90 / (count[:, week] + 3)), 29)
        # Where there is little, each activity is counted until it is 30 days old. Even a dormant account
        # gets its call after some months.
        few, silent = count[:, week] <= 1, last + 7
        fresh = few & (silent >= 30) & ((count[:, week] == 1) | (silent > patience))
        count[few, week] = (fresh | (silent < 30))[few]
        last = np.where(few, np.where(fresh, np.minimum(gap, 6), silent), gap)
        last = np.minimum(last, np.maximum(tenure[:, week], 0))
        # Younger than 30 days and silent would say both: then the first day was the activity.
        count[(count[:, week] == 0) & (last < 30), week] = 1
        days[:, week] = last
    return {"total_activities_30d": count, "days_since_last_activity": days}


def _contacts(
    rng: np.random.Generator, companies: pd.DataFrame, curve: np.ndarray, level: np.ndarray
) -> dict[str, np.ndarray]:
    n, weeks = len(curve), curve.shape[1]
    median = np.array([_CONTACTS[size] for size in companies["size_segment"]])
    start = np.maximum(np.round(median * np.exp(0.5 * rng.standard_normal(n))), 2)
    total = start[:, None] + np.cumsum(
        rng.random((n, weeks)) < 0.02 + 0.001 * median[:, None], axis=1
    )
    reach = np.clip(0.2 + 0.83 * level + 0.1 * rng.standard_normal(n), 0.1, 1)
    # Champions leave before the customer does.
    share = reach[:, None] * np.minimum(1, 0.4 + 0.6 * curve)
    return {
        "total_contacts": total,
        "contacts_with_email": np.minimum(np.round(total * share), total),
    }


def _money(
    rng: np.random.Generator, companies: pd.DataFrame, curve: np.ndarray, ago: np.ndarray
) -> dict[str, np.ndarray]:
    n, weeks = len(curve), curve.shape[1]
    employees = companies["employees"].to_numpy(dtype=float)
    arr = companies["arr"].to_numpy(dtype=float)
    paid = np.where(np.isnan(arr), 15_000.0, arr)
    revenue = np.round(employees * 160_000 * np.exp(0.45 * rng.standard_normal(n)), -3)
    # Some entities book next to nothing themselves, and some deals were never entered.
    revenue = np.where(rng.random(n) < 0.006, np.round(rng.uniform(8e3, 6e4, n), -2), revenue)
    entered = rng.random(n) >= 0.02
    years = 1 + rng.gamma(2.0, 0.9, n)
    deals = (rng.random((n, weeks)) < 0.035 * np.clip(curve, 0.1, 1.3)) * rng.uniform(
        0.04, 0.3, (n, weeks)
    )
    won = np.round(
        (paid * entered)[:, None] * (0.8 * years[:, None] + np.cumsum(deals, axis=1)), -2
    )
    appetite = rng.gamma(1.6, 0.22, n)[:, None] * np.exp(
        0.3 * np.cumsum(rng.standard_normal((n, weeks)), axis=1) / 5
    )
    pipeline = np.round(paid[:, None] * appetite * np.clip(curve, 0, 1.2) ** 1.5, -2)
    pipeline[rng.random((n, weeks)) < 0.03] = 0
    grown = 1 + 0.04 * (1 - ago / max(ago.max(), 1)) * np.less(rng.random(n), 0.4)[:, None]
    return {
        "annual_revenue": np.broadcast_to(revenue[:, None], (n, weeks)).copy(),
        "total_won_amount": won,
        "number_of_employees": np.round(employees[:, None] * grown),
        "current_pipeline_amount": pipeline,
    }


def _forget(rng: np.random.Generator, story: np.ndarray, metrics: dict[str, np.ndarray]) -> None:
    """What some accounts' source never fills in."""
    n = len(story)
    thin = story == "thin"
    for key, share in _LEFT_OUT.items():
        metrics[key][(rng.random(n) < share) | thin] = np.nan
    for key in ("total_contacts", "days_since_last_activity"):
        metrics[key][thin] = np.nan
