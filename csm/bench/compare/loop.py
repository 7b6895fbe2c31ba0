"""T3's other side: one account after the other through the ORM, in one transaction; and `bulk_update`.

Plain Python does the arithmetic of a scorecard, one account at a time, with the limits of the population given.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from math import log1p, sqrt
from typing import Any

import numpy as np
from django.db import transaction

from accounts.models import Account, Reading
from csm.lib.money import per_unit
from scoring.engine import codec
from scoring.engine.spec import Measure, ScorecardSpec, categories, slots
from scoring.engine.statistics import Stats
from scoring.metrics.read import ATTRIBUTES
from scoring.models import AccountHealth, Snapshot

_FILLED = {"redistribute": 0.0, "neutral": 50.0, "worst": 0.0}


def one_by_one(
    spec: ScorecardSpec, stats: Stats, version_id: int, run_id: int, on: dt.date, ids: Sequence[int]
) -> dict[int, float | None]:
    """Read, score and save each account by itself; the scores by account."""
    found: dict[int, float | None] = {}
    with transaction.atomic():
        for pk in ids:
            account = Account.objects.get(pk=pk)
            reading = Reading.objects.filter(account=account, on__lte=on).order_by("-on").first()
            figures = score(spec, stats, account, reading.metrics if reading else {})
            Snapshot.objects.create(
                account=account, as_of=on, version_id=version_id, run_id=run_id, **_stored(figures)
            )
            health = AccountHealth.objects.get(account=account)
            _set(health, figures, on, run_id)
            health.save()
            found[pk] = figures["score"]
    return found


def in_bulk(
    spec: ScorecardSpec, stats: Stats, version_id: int, run_id: int, on: dt.date, ids: Sequence[int]
) -> dict[int, float | None]:
    """The same with one query for all readings, `bulk_create` and `bulk_update` by the thousand."""
    found: dict[int, float | None] = {}
    with transaction.atomic():
        accounts = Account.objects.filter(pk__in=ids).select_related("health")
        readings = Reading.objects.filter(account__in=ids, on__lte=on).order_by("on")
        newest = {reading.account_id: reading.metrics for reading in readings}
        snapshots, current = [], []
        for account in accounts:
            figures = score(spec, stats, account, newest.get(account.pk, {}))
            snapshots.append(
                Snapshot(
                    account=account,
                    as_of=on,
                    version_id=version_id,
                    run_id=run_id,
                    **_stored(figures),
                )
            )
            _set(account.health, figures, on, run_id)
            current.append(account.health)
            found[account.pk] = figures["score"]
        Snapshot.objects.bulk_create(snapshots, batch_size=1000)
        fields = ["as_of", "run", "score", "band", "coverage", "components", "predicted_6m_amount"]
        AccountHealth.objects.bulk_update(current, fields, batch_size=1000)
    return found


def score(
    spec: ScorecardSpec, stats: Stats, account: Account, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """One account's figures: score, band, coverage, inputs, points, components, predicted."""
    inputs: list[float | None] = []
    values: list[float | None] = []
    measures = {measure.key: measure for measure in spec.measures}
    by_owner: dict[str, list[float | None]] = {}
    for slot in slots(spec):
        told = (
            getattr(account, slot.column) if slot.column in ATTRIBUTES else metrics.get(slot.column)
        )
        if slot.role == "category":
            names = categories(measures[slot.owner])
            told = float(names.index(told)) if told in names else None
        inputs.append(None if told is None else float(told))
        by_owner.setdefault(slot.owner, []).append(inputs[-1])
    for measure in spec.measures:
        values.append(_value(measure, by_owner[measure.key], stats))
    figures = _weighed(spec, values)
    return figures | {"inputs": inputs, "predicted": _predicted(spec, metrics, figures["score"])}


def _value(measure: Measure, told: Sequence[float | None], stats: Stats) -> float | None:
    value, params = told[0], measure.params
    if value is None:
        return None
    if measure.normaliser == "linear":
        zero, full = params["zero_at"], params["full_at"]
        return min(100.0, max(0.0, 100 * (value - zero) / (full - zero)))
    if measure.normaliser == "share":
        whole = told[1]
        return None if not whole or whole <= 0 else min(100.0, max(0.0, 100 * value / whole))
    if measure.normaliser == "mapping":
        return float(params["points"][categories(measure)[int(value)]])
    if measure.normaliser == "steps":
        steps = params["steps"]
        falling = len(steps) > 1 and steps[-1][0] < steps[0][0]
        reached = [p for limit, p in steps if (value <= limit if falling else value >= limit)]
        return float(max(reached, default=0.0))
    entry = stats.of(measure)
    if entry.minimum is None or entry.maximum is None:
        return None
    low, high, transform = entry.minimum, entry.maximum, params.get("transform")
    if transform == "log1p":
        value, low, high = log1p(value), log1p(low), log1p(high)
    if not high > low:
        return 50.0
    part = ((high - value) if params.get("invert") else (value - low)) / (high - low)
    return 100.0 * (sqrt(part) if transform == "sqrt" else part)


def _weighed(spec: ScorecardSpec, values: Sequence[float | None]) -> dict[str, Any]:
    parts, coverage, place = [], 0.0, 0
    for component in spec.components:
        whole = sum(measure.weight for measure in component.measures)
        entries = []
        for measure in component.measures:
            value = values[place]
            place += 1
            if value is not None:
                coverage += component.weight * measure.weight / whole
            counts = value is not None or measure.missing != "redistribute"
            filled = _FILLED[measure.missing] if value is None else value
            entries.append((measure.weight if counts else 0.0, filled))
        parts.append((component.weight, sum(active for active, _ in entries), entries))
    coverage /= sum(component.weight for component in spec.components)
    scored = sum(weight for weight, share, _ in parts if share > 0)
    points: list[float] = []
    components: list[float | None] = []
    for weight, share, entries in parts:
        factor = weight / (share * scored) if share > 0 else 0.0
        points += [100 * active * factor * filled / 100 for active, filled in entries]
        components.append(
            sum(active * filled for active, filled in entries) / share if share > 0 else None
        )
    total = min(100.0, max(0.0, sum(points))) if coverage > 0 else None
    band = -1
    if total is not None and coverage >= spec.min_coverage - 1e-9:
        band = sum(round(total, 4) >= each.low for each in spec.bands[1:])
    return {
        "score": total,
        "band": band,
        "coverage": coverage,
        "points": points,
        "components": components,
    }


def _predicted(spec: ScorecardSpec, metrics: Mapping[str, Any], total: float | None) -> int | None:
    rule = spec.revenue
    pipeline, won = metrics.get(rule.pipeline_metric), metrics.get(rule.won_metric)
    if pipeline is None or won is None or total is None:
        return None
    chance = total / 100
    upsell = rule.upsell_share * won * (rule.upsell_base + rule.upsell_slope * chance)
    return round((pipeline * chance + upsell) * per_unit())


def _bytes(encode: Any, values: Sequence[float | None]) -> bytes:
    row = np.array([[np.nan if value is None else value for value in values]])
    packed: bytes = encode(row)[0]
    return packed


def _stored(figures: Mapping[str, Any]) -> dict[str, Any]:
    there = {field.name for field in Snapshot._meta.concrete_fields}
    stored = {
        "score": figures["score"],
        "band": figures["band"],
        "coverage": figures["coverage"],
        "predicted_6m_amount": figures["predicted"],
        "components": _bytes(codec.encode_points, figures["components"]),
        "inputs": _bytes(codec.encode_inputs, figures["inputs"]),
        "points": _bytes(codec.encode_points, figures["points"]),
    }
    return {name: value for name, value in stored.items() if name in there}


def _set(health: AccountHealth, figures: Mapping[str, Any], on: dt.date, run_id: int) -> None:
    health.as_of, health.run_id = on, run_id
    health.score, health.band = figures["score"], figures["band"]
    health.coverage = figures["coverage"]
    health.components = _bytes(codec.encode_points, figures["components"])
    health.predicted_6m_amount = figures["predicted"]
