"""Every metric a scorecard may use, by key: those that ship, and those admins defined."""

import difflib
from collections.abc import Iterable
from time import monotonic

from accounts.models import MetricDefinition
from scoring.metrics import (
    activity,
    commercial,
    contacts,
    contracts,
    features,
    feedback,
    finance,
    outcomes,
    support,
    usage,
)
from scoring.metrics.custom import defined, metric_of
from scoring.metrics.metric import Metric

FAMILIES = {
    "Activities": activity,
    "Contacts": contacts,
    "Deals": commercial,
    "Contracts": contracts,
    "Payments": finance,
    "Usage": usage,
    "Features": features,
    "Support": support,
    "Outcomes": outcomes,
    "Feedback": feedback,
}
CATALOGUE: dict[str, Metric] = {
    metric.key: metric for family in FAMILIES.values() for metric in family.METRICS
}


def catalogue() -> dict[str, Metric]:
    """The metrics that ship and the active ones admins defined; one query."""
    return CATALOGUE | {
        key: metric for key, metric in defined(active=True).items() if key not in CATALOGUE
    }


def metrics_of(keys: Iterable[str]) -> dict[str, Metric]:
    """What is known of `keys`, in their order; a query only when one of them does not ship.

    Definitions that were switched off count: a published scorecard may still use them. A key nobody
    defines is left out.
    """
    wanted = list(dict.fromkeys(keys))
    others = [key for key in wanted if key not in CATALOGUE]
    known = CATALOGUE | defined(others) if others else CATALOGUE
    return {key: known[key] for key in wanted if key in known}


# Attributes of the account that a scorecard may read like a metric.
_ATTRIBUTES = ("", "industry", "lifecycle_stage")
# Pages ask for labels dozens of times; a definition may be this many seconds old there.
_FRESH_SECONDS = 10.0
# When they were read, all that are defined, and the keys of those switched on.
_told: tuple[float, dict[str, Metric], frozenset[str]] = (float("-inf"), {}, frozenset())


def _defined_lately() -> tuple[dict[str, Metric], frozenset[str]]:
    global _told
    if monotonic() - _told[0] > _FRESH_SECONDS:
        rows = list(MetricDefinition.objects.all())
        on = frozenset(row.key for row in rows if row.is_active)
        _told = (monotonic(), {row.key: metric_of(row) for row in rows}, on)
    return _told[1:]


def find(key: str) -> Metric | None:
    """The metric of a key for showing it: its label may be seconds old, switched-off ones are found."""
    if key in CATALOGUE or key in _ATTRIBUTES:
        return CATALOGUE.get(key)
    return _defined_lately()[0].get(key)


def offered() -> dict[str, Metric]:
    """`catalogue` for pages: what another process defined may be missing there for seconds."""
    own, on = _defined_lately()
    return CATALOGUE | {key: own[key] for key in own if key in on and key not in CATALOGUE}


def forget_definitions() -> None:
    """Make pages of this process read them again: after they changed."""
    global _told
    _told = (float("-inf"), {}, frozenset())


def unknown_metrics(keys: Iterable[str]) -> list[str]:
    """A sentence for every key that is not in the catalogue, with the nearest one that is."""
    asked = [key for key in keys if key and key not in CATALOGUE]
    if not asked:
        return []
    known = catalogue()
    faults = []
    for key in asked:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = (
                f"did you mean '{near[0]}'?"
                if near
                else "`scorecards metrics` lists what there is."
            )
            faults.append(f"The metric '{key}' is not in the catalogue: {hint}")
    return faults
