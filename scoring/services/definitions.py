"""Metrics admins define without code: kept, changed while nothing depends on them, switched off."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q

from accounts import audit
from accounts.models import MetricDefinition
from csm.lib.errors import WorkbenchError
from scoring.metrics.catalogue import CATALOGUE, forget_definitions
from scoring.metrics.read import frame
from scoring.models import Cap, Measure, ScorecardVersion, ScoreRun

# What may change once a published scorecard reads the metric: words, never numbers.
WORDS = ("label", "description", "is_active")


class DefinitionError(WorkbenchError):
    """A metric that cannot be kept; the text says why and what to do."""


@dataclass(frozen=True)
class Trial:
    """What a definition would give over the first accounts of a night."""

    accounts: int
    known: int
    quantiles: dict[int, float]


def is_published(key: str) -> bool:
    """Whether a published version reads the metric: then its numbers must stay what they were."""
    published = ScorecardVersion.objects.exclude(state=ScorecardVersion.State.DRAFT)
    reads = (
        Measure.objects.filter(Q(metric=key) | Q(denominator=key), version__in=published),
        Cap.objects.filter(metric=key, version__in=published),
        published.filter(Q(pipeline_metric=key) | Q(won_metric=key)),
    )
    return any(rows.exists() for rows in reads)


def save(definition: MetricDefinition, *, by: Any) -> MetricDefinition:
    """Keep a new or changed definition.

    Raises DefinitionError when its key is taken by a metric that ships, or when it would change the
    numbers of a metric that a published scorecard reads.
    """
    if definition.key in CATALOGUE:
        raise DefinitionError(
            f"{definition.key} is a metric that ships with the workbench: choose another key."
        )
    with transaction.atomic():
        before = MetricDefinition.objects.select_for_update().filter(pk=definition.pk).first()
        if before is None:
            definition.created_by = by
        elif is_published(before.key):
            changed = [
                str(field.verbose_name)
                for field in MetricDefinition._meta.concrete_fields
                if field.name not in WORDS
                and getattr(before, field.attname) != getattr(definition, field.attname)
            ]
            if changed:
                raise DefinitionError(
                    f"A published scorecard reads this metric, so its {' and '.join(changed)} must "
                    "stay as they are: define another metric and publish a version that reads it."
                )
        definition.save()
        names = [field.attname for field in MetricDefinition._meta.concrete_fields]
        audit.record(
            audit.Kind.TUNING,
            f"{'changed' if before else 'made'} the metric {definition.key}",
            by=by,
            detail={
                "before": {name: _plain(getattr(before, name)) for name in names} if before else {},
                "after": {name: _plain(getattr(definition, name)) for name in names},
            },
        )
    forget_definitions()
    return definition


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def trial(definition: MetricDefinition, run: ScoreRun) -> Trial:
    """The values a definition would give on a night, for the accounts of its first shard; keeps nothing."""
    shard = run.shards.order_by("number").first()
    if shard is None:
        return Trial(0, 0, {})
    with transaction.atomic():
        MetricDefinition.objects.filter(key=definition.key).delete()
        MetricDefinition(
            **{
                field.attname: getattr(definition, field.attname)
                for field in MetricDefinition._meta.concrete_fields
                if not field.primary_key
            }
        ).save(force_insert=True)
        rows = frame(
            [definition.key], as_of=run.as_of, first_id=shard.first_id, last_id=shard.last_id
        )
        transaction.set_rollback(True)
    values = rows[definition.key].to_numpy(dtype=np.float64)
    known = values[np.isfinite(values)]
    quantiles = (
        {q: float(np.percentile(known, q)) for q in (5, 25, 50, 75, 95)} if len(known) else {}
    )
    return Trial(len(values), len(known), quantiles)
