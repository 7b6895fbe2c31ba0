"""What high-risk accounts have in common: the median of each metric among them against all accounts."""

from dataclasses import dataclass

import numpy as np

from csm.portfolio.insights_selectors import Accounts
from scoring.engine.spec import required_metrics
from scoring.metrics.catalogue import find
from scoring.metrics.read import ATTRIBUTES, frame
from scoring.models import ScoreRun
from scoring.selectors import specs_of

# What a flat CRM export tells of an account; with them come the metrics the night's scorecards read.
FLAT = (
    "days_since_last_activity",
    "total_activities_30d",
    "total_contacts",
    "contacts_with_email",
    "annual_revenue",
    "total_won_amount",
    "number_of_employees",
    "current_pipeline_amount",
)
CONTACT_RATIO = "contact_ratio"
CHUNK = 20_000


@dataclass(frozen=True)
class Characteristic:
    """One metric; medians in the metric's unit (money in major units), `n` accounts that have it.

    `difference` is (median of the high-risk − median of all) / |median of all|; None when that is 0.
    """

    metric: str
    label: str
    kind: str
    definition: str
    median_high_risk: float | None
    n_high_risk: int
    median_all: float
    n_all: int

    @property
    def difference(self) -> float | None:
        if self.median_high_risk is None or self.median_all == 0:
            return None
        return (self.median_high_risk - self.median_all) / abs(self.median_all)


def characteristics(accounts: Accounts, run: ScoreRun) -> list[Characteristic]:
    """Every metric at least one of `accounts` has, as of the night, and the contact ratio.

    Reads a chunk of accounts at a time and keeps one float column per metric.
    """
    keys = _metrics(run)
    rows = accounts.order_by("pk").values_list("pk", "band")
    pairs = np.fromiter(
        ((pk, -1 if band is None else band) for pk, band in rows.iterator(chunk_size=CHUNK)),
        dtype=np.dtype([("pk", np.int64), ("band", np.int16)]),
    )
    columns = {key: np.full(len(pairs), np.nan) for key in keys}
    for start in range(0, len(pairs), CHUNK):
        ids = pairs["pk"][start : start + CHUNK]
        # The range may hold accounts of other books: only ours are kept.
        found = frame(keys, as_of=run.as_of, first_id=int(ids[0]), last_id=int(ids[-1])).reindex(
            ids
        )
        for key in keys:
            columns[key][start : start + CHUNK] = found[key].to_numpy(dtype=np.float64)
    high = pairs["band"] == 0
    described = [
        _described(key, columns[key], high) for key in keys if not np.isnan(columns[key]).all()
    ]
    ratio = _contact_ratio(columns["contacts_with_email"], columns["total_contacts"])
    if not np.isnan(ratio).all():
        described.append(_described(CONTACT_RATIO, ratio, high))
    return described


def _metrics(run: ScoreRun) -> list[str]:
    read = [key for spec in specs_of(run).values() for key in required_metrics(spec)]
    numbers = (
        key
        for key in read
        if key not in ATTRIBUTES and not ((metric := find(key)) and metric.is_category)
    )
    return list(dict.fromkeys([*FLAT, *numbers]))


def _contact_ratio(with_email: np.ndarray, contacts: np.ndarray) -> np.ndarray:
    """Without any contact there is nothing to reach: unknown, not 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(contacts > 0, with_email / contacts, np.nan)


def _described(key: str, values: np.ndarray, high: np.ndarray) -> Characteristic:
    known = values[~np.isnan(values)]
    risky = values[high & ~np.isnan(values)]
    metric = None if key == CONTACT_RATIO else find(key)
    return Characteristic(
        metric=key,
        label=metric.label if metric else "Contact ratio",
        kind=metric.kind if metric else "ratio",
        definition=metric.description
        if metric
        else "Contacts with an e-mail address divided by all contacts of the account.",
        median_high_risk=float(np.median(risky)) if len(risky) else None,
        n_high_risk=len(risky),
        median_all=float(np.median(known)),
        n_all=len(known),
    )
