"""Accounts nobody had begun to work on, week by week: what plans are compared with."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from django.db.models import Count, Max, Min

from accounts.models import Account
from playbooks.effect import Matches, match
from playbooks.selectors.treatments import (
    HORIZONS,
    LOOKBACK_DAYS,
    Nights,
    add_kept,
    busy_since,
    changes_of,
    chunks,
    scores_on,
    treatments,
)
from scoring.selectors import snapshots_of
from scoring.services.versions import published_spec

# Untreated accounts looked at per week.
SAMPLE: Final = 5_000
# Untreated means: no plan begun by the end of the week, save those over for so many days.
#
# A plan begun later does not disqualify. Accounts that stay bad get one sooner or later, so leaving them out
# would compare the treated with those that recovered, and make every playbook look harmful. (Risk-set
# matching: Li, Propert and Rosenbaum 2001, Journal of the American Statistical Association 96.) The price: a
# plan begun later helps the comparison, and the effect comes out nearer to none than it is.
REST_DAYS: Final = 30
_TREND_DAYS: Final = 30


@dataclass(frozen=True)
class Comparison:
    """Treated rows, the untreated rows some of them are compared with, and who with whom."""

    treated: pd.DataFrame
    pool: pd.DataFrame
    matches: Matches
    # Untreated accounts looked at, over all weeks.
    looked_at: int


def comparison(as_of: date) -> Comparison:
    """Every plan of the last year with up to five untreated accounts that looked like it in its week.

    Queries grow with the weeks that have plans (53 at most), not with accounts; in memory are the plans, the
    accounts they are compared with, and one week's sample of at most `SAMPLE` accounts.
    """
    since = as_of - timedelta(days=LOOKBACK_DAYS)
    nights = Nights(since - timedelta(days=_TREND_DAYS + 7), as_of)
    treated = treatments(as_of, nights)
    busy = busy_since(since - timedelta(days=7 + REST_DAYS))
    pools: list[pd.DataFrame] = []
    ours: list[npt.NDArray[np.int64]] = []
    theirs: list[npt.NDArray[np.int64]] = []
    eligible: list[npt.NDArray[np.int64]] = []
    kept_rows = looked_at = 0
    for bucket in sorted(set(treated["bucket"].tolist())):
        week = treated[treated["bucket"] == bucket]
        places = week.index.to_numpy(np.int64)
        pool = _untreated(bucket, nights, busy, as_of)
        looked_at += len(pool)
        found = match(week, pool, exact=("version", "tone", "size"))
        used, where = np.unique(found.pool, return_inverse=True)
        ours.append(places[found.treated])
        theirs.append(where.astype(np.int64) + kept_rows)
        eligible.append(places[found.eligible])
        if len(used):
            chosen = pool.iloc[used].reset_index(drop=True)
            for name, values in changes_of(chosen, nights, as_of).items():
                chosen[name] = values
            pools.append(chosen)
            kept_rows += len(chosen)
    together = pd.concat(pools, ignore_index=True) if pools else _nobody()
    add_kept(together, as_of)
    return Comparison(
        treated, together, Matches(_joined(ours), _joined(theirs), _joined(eligible)), looked_at
    )


def _joined(parts: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def _nobody() -> pd.DataFrame:
    columns = ["account", "version", "started", "score", "trend"]
    columns += [f"change_{days}" for days in HORIZONS]
    frame = pd.DataFrame({name: np.empty(0) for name in columns})
    return frame.assign(tone="", size="", industry="", later=False)


def _untreated(bucket: int, nights: Nights, busy: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """A sample of the accounts without a plan by the end of the week, as they stood in its middle."""
    night = nights.near(min(bucket + 3, as_of.toordinal()))
    if night is None:
        return _nobody()
    open_then = (busy["first"] <= bucket + 6) & (busy["last"] >= bucket - REST_DAYS)
    taken = set(busy.loc[open_then, "account"].tolist())
    ids = [pk for pk in _sample(bucket) if pk not in taken]
    start = night.toordinal()
    before = nights.near(start - _TREND_DAYS)
    earlier = scores_on(ids, {before} if before else set())
    rows = []
    for chunk in chunks(ids):
        standing = snapshots_of(chunk, days=[night]).filter(score__isnull=False).order_by()
        rows += list(
            standing.values_list(
                "account_id",
                "version_id",
                "band",
                "score",
                "account__size_segment",
                "account__industry",
            )
        )
    if not rows:
        return _nobody()
    frame = pd.DataFrame(
        rows, columns=["account", "version", "band", "score", "size", "industry"]
    ).sort_values("account", ignore_index=True)
    pairs = list(zip(frame["account"].tolist(), frame["version"].tolist(), strict=True))
    past = [np.nan if before is None else earlier.get((*pair, before), np.nan) for pair in pairs]
    frame["trend"] = frame["score"] - np.array(past, dtype=np.float64)
    frame["started"] = start
    after = (busy["first"] > bucket + 6) & (busy["first"] <= start + max(HORIZONS))
    frame["later"] = frame["account"].isin(set(busy.loc[after, "account"].tolist()))
    words = {version: published_spec(version).band_words for version in frame["version"].unique()}
    frame["tone"] = [
        words[version][band][1]
        for version, band in zip(frame["version"], frame["band"].tolist(), strict=True)
    ]
    return frame


def _sample(seed: int) -> list[int]:
    """Ids of at most about `SAMPLE` accounts, the same for the same week. Two queries."""
    accounts = Account.objects.filter(merged_into=None).order_by()
    told = accounts.aggregate(first=Min("pk"), last=Max("pk"), n=Count("pk"))
    if not told["n"]:
        return []
    if told["n"] <= SAMPLE:
        return list(accounts.values_list("pk", flat=True).order_by("pk"))
    span = told["last"] - told["first"] + 1
    draws = min(span, SAMPLE * span // told["n"])
    picked = np.random.default_rng(seed).integers(told["first"], told["last"] + 1, draws)
    found: list[int] = []
    for chunk in chunks(np.unique(picked).tolist()):
        found += accounts.filter(pk__in=chunk).order_by("pk").values_list("pk", flat=True)
    return found
