"""Every metric a scorecard may use, by key."""

import difflib
from collections.abc import Iterable

from scoring.metrics import activity, commercial, contacts, outcomes, support, usage
from scoring.metrics.metric import Metric

CATALOGUE: dict[str, Metric] = {
    metric.key: metric
    for family in (activity, contacts, commercial, usage, support, outcomes)
    for metric in family.METRICS
}


def unknown_metrics(keys: Iterable[str]) -> list[str]:
    """A sentence for every key that is not in the catalogue, with the nearest one that is."""
    faults = []
    for key in keys:
        if key and key not in CATALOGUE:
            near = difflib.get_close_matches(key, CATALOGUE, n=1, cutoff=0.5)
            hint = (
                f"did you mean '{near[0]}'?"
                if near
                else "`scorecards metrics` lists what there is."
            )
            faults.append(f"The metric '{key}' is not in the catalogue: {hint}")
    return faults
