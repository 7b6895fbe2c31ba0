"""Every metric of the catalogue over the whole book on a night: coverage and spread.

It runs after the night is published, so no page waits for it, and reads one shard at a time.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from django.db import transaction

from scoring.metrics.catalogue import catalogue
from scoring.metrics.metric import Metric
from scoring.metrics.read import frame
from scoring.models import MetricProfile, ScoreRun
from scoring.services.populations import frozen_of

# Values kept per metric for quantiles and bins; a larger book is sampled evenly, and the page says so.
SAMPLE: Final = 20_000
BINS: Final = 20
_QUANTILES: Final = (5, 25, 50, 75, 95)


@dataclass
class _Sums:
    """What is counted of one metric, shard by shard."""

    accounts: int = 0
    known: int = 0
    total: float = 0.0
    kept: list[np.ndarray] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)


def ensure(run: ScoreRun) -> bool:
    """Profile the metrics of a finished night that pages show, once; whether there was anything to do."""
    if run.state != ScoreRun.State.DONE or run.history_only or run.scorecard_id is not None:
        return False
    if MetricProfile.objects.filter(as_of=run.as_of).exists():
        return False
    refresh(run)
    return True


def refresh(run: ScoreRun) -> None:
    """Compute and store the profiles of a night, replacing earlier ones. Memory is that of one shard."""
    metrics = catalogue()
    sums = {key: _Sums() for key in metrics}
    step = max(1, -(-run.accounts // SAMPLE))
    for shard in _frames(run, metrics):
        for key, metric in metrics.items():
            _count(sums[key], metric, shard[key].to_numpy(), step)
    rows = [
        MetricProfile(
            as_of=run.as_of,
            metric=key,
            accounts=each.accounts,
            known=each.known,
            mean=each.total / each.known if each.known and not metrics[key].is_category else None,
            spread=_spread(each, metrics[key]),
        )
        for key, each in sums.items()
    ]
    with transaction.atomic():
        MetricProfile.objects.filter(as_of=run.as_of).delete()
        MetricProfile.objects.bulk_create(rows)


def _frames(run: ScoreRun, metrics: dict[str, Metric]) -> Iterator[Any]:
    for first_id, last_id in run.shards.order_by("number").values_list("first_id", "last_id"):
        yield frame(
            list(metrics),
            as_of=run.as_of,
            first_id=first_id,
            last_id=last_id,
            frozen=frozen_of(run.frozen),
        )


def _count(sums: _Sums, metric: Metric, values: np.ndarray, step: int) -> None:
    sums.accounts += len(values)
    if metric.is_category:
        found = Counter(value for value in values.tolist() if value)
        sums.words.update(found)
        sums.known += sum(found.values())
        return
    numbers = values.astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    sums.known += len(known)
    sums.total += float(known.sum())
    sums.kept.append(known[::step])


def _spread(sums: _Sums, metric: Metric) -> dict[str, Any]:
    if metric.is_category:
        return {"values": dict(sums.words.most_common())}
    values = np.concatenate(sums.kept) if sums.kept else np.empty(0)
    if not len(values):
        return {}
    # Percentiles 1 to 99: a handful of giants must not flatten everybody else into one bar.
    low, high = np.percentile(values, [1, 99])
    inside = values[(values >= low) & (values <= high)]
    counts, edges = np.histogram(inside, bins=BINS if high > low else 1)
    return {
        "n": len(values),
        "quantiles": {str(q): float(np.percentile(values, q)) for q in _QUANTILES},
        "bins": [
            [float(start), float(end), int(count)]
            for start, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
        ],
    }
