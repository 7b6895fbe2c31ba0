"""One shard's work: count its part of the statistics, or score it and store its snapshots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db.models import Q

from csm.lib.copy import bulk_insert
from csm.lib.money import per_unit
from scoring.engine import codec, statistics
from scoring.engine.revenue import predict
from scoring.engine.score import Scored
from scoring.engine.score import score as score_packed
from scoring.engine.spec import UNKNOWN_BAND
from scoring.models import BandChange, ScoreRun, ScoreShard, Snapshot
from scoring.services import revisions, rollups
from scoring.services.populations import Group, Plan, frozen_of, groups

# {version id: {"predicted": [minor units], "rollup": sums}}
Gathered = dict[str, dict[str, Any]]

SNAPSHOT_FIELDS = (
    "account",
    "as_of",
    "version",
    "run",
    "score",
    "computed",
    "band",
    "coverage",
    "predicted_6m_amount",
    "components",
    "inputs",
    "points",
)


@dataclass
class _Recent:
    """The groups of the shard counted last, so that a book of one shard is read once a night."""

    key: tuple[int, int]
    groups: list[Group]


_recent: _Recent | None = None


def _groups(run: ScoreRun, plan: Plan, shard: ScoreShard) -> list[Group]:
    return list(
        groups(
            plan,
            as_of=run.as_of,
            first_id=shard.first_id,
            last_id=shard.last_id,
            frozen=frozen_of(run.frozen),
        )
    )


def count(run: ScoreRun, plan: Plan, shard: ScoreShard) -> dict[str, Any]:
    """Partial statistics of the shard by version id, as JSON."""
    global _recent
    found = _groups(run, plan, shard)
    _recent = _Recent((run.pk, shard.pk), found)
    return {
        str(group.version_id): statistics.partial(group.spec, group.packed, group.peers).to_json()
        for group in found
    }


def merge(run: ScoreRun, plan: Plan) -> dict[str, Any]:
    """The statistics of the whole run by version id, as JSON; the order of the shards does not matter."""
    partials = list(run.shards.order_by("number").values_list("partial", flat=True))
    merged = {}
    for version_id, _ in plan:
        key = str(version_id)
        mine = [statistics.Partial.from_json(part[key]) for part in partials if key in part]
        if mine:
            merged[key] = statistics.merge(mine).to_json()
    return merged


def score(run: ScoreRun, plan: Plan, shard: ScoreShard) -> tuple[dict[str, Any], Gathered]:
    """Score the shard and store its snapshots and band changes.

    Returns the shard's report, and what the end of the night puts together from all shards.

    Replaces what an earlier attempt or an earlier run of the same night and versions left in this range.
    The caller holds the transaction.
    """
    global _recent
    recent, _recent = _recent, None
    found = (
        recent.groups if recent and recent.key == (run.pk, shard.pk) else _groups(run, plan, shard)
    )
    results = [
        score_packed(
            group.spec,
            group.packed,
            statistics.Stats.from_json(run.statistics[str(group.version_id)]),
        )
        for group in found
    ]
    revised: dict[str, revisions.Revision] = {}
    if ScoreRun.objects.filter(as_of=run.as_of).exclude(pk=run.pk).exists():
        for group, scored in zip(found, results, strict=True):
            revised[str(group.version_id)] = revisions.compare(
                run, group, scored, shard.first_id, shard.last_id
            )
        clear(run.as_of, [version_id for version_id, _ in plan], shard.first_id, shard.last_id)
    report: dict[str, Any] = {"accounts": 0, "scored": 0, "unknown": 0, "band_changes": 0}
    clipped: dict[str, dict[str, int]] = {}
    warnings: dict[str, list[str]] = {}
    gathered: Gathered = {}
    for group, scored in zip(found, results, strict=True):
        revenue = predict(group.spec.revenue, scored.score, group.pipeline, group.won)
        amounts = minor_units(revenue)
        bulk_insert(Snapshot, SNAPSHOT_FIELDS, snapshot_rows(run, group, scored, amounts))
        gathered[str(group.version_id)] = {
            "predicted": [amount for amount in amounts if amount is not None],
            "rollup": rollups.count(group, scored),
        }
        report["accounts"] += len(group.account_ids)
        report["scored"] += int(np.isfinite(scored.score).sum())
        report["unknown"] += int((scored.band == UNKNOWN_BAND).sum())
        report["band_changes"] += _store_band_changes(run, shard, group, scored)
        keys = [measure.key for measure in group.spec.measures]
        clipped[str(group.version_id)] = dict(zip(keys, scored.clipped.tolist(), strict=True))
        warnings[str(group.version_id)] = list(scored.warnings)
    return report | {"clipped": clipped, "warnings": warnings, "revised": revised}, gathered


def clear(as_of: date, version_ids: Sequence[int], first_id: int, last_id: int) -> None:
    """Remove a night's snapshots and band changes of these versions in a range of accounts."""
    night = {
        "as_of": as_of,
        "version_id__in": version_ids,
        "account_id__gte": first_id,
        "account_id__lte": last_id,
    }
    for model in (Snapshot, BandChange):
        model._default_manager.filter(**night).delete()


def minor_units(amounts: np.ndarray) -> list[int | None]:
    """Major units to integer minor units; NaN to None."""
    factor = per_unit()
    return [None if amount != amount else round(amount * factor) for amount in amounts.tolist()]


def snapshot_rows(
    run: ScoreRun, group: Group, scored: Scored, predicted: list[int | None]
) -> Iterator[tuple[Any, ...]]:
    """Rows of snapshots in the order of `SNAPSHOT_FIELDS`; `predicted` in minor units."""
    size = len(group.account_ids)
    return zip(
        group.account_ids.tolist(),
        [run.as_of] * size,
        [group.version_id] * size,
        [run.pk] * size,
        codec.nullable(scored.score),
        codec.nullable(scored.computed),
        scored.band.tolist(),
        scored.coverage.tolist(),
        predicted,
        codec.encode_points(scored.component_scores),
        codec.encode_inputs(group.packed),
        codec.encode_points(scored.points),
        strict=True,
    )


def _store_band_changes(run: ScoreRun, shard: ScoreShard, group: Group, scored: Scored) -> int:
    inside = Q(account_id__gte=shard.first_id, account_id__lte=shard.last_id)
    changed = band_changes(run, group, scored, inside)
    BandChange.objects.bulk_create(changed, batch_size=2000)
    return len(changed)


def band_changes(run: ScoreRun, group: Group, scored: Scored, inside: Q) -> list[BandChange]:
    """Accounts of the group whose band differs from the previous night under the same version, not stored.

    `inside` names the group's accounts to the database.
    """
    before_on = _previous_night(run, group.version_id)
    if before_on is None:
        return []
    night = Snapshot.objects.filter(inside, as_of=before_on, version_id=group.version_id).order_by()
    before = {
        account_id: (band, score)
        for account_id, band, score in night.values_list("account_id", "band", "score")
    }
    words = group.spec.band_words
    return [
        BandChange(
            account_id=account_id,
            version_id=group.version_id,
            run=run,
            as_of=run.as_of,
            previous_as_of=before_on,
            old_band=before[account_id][0],
            new_band=band,
            old_band_name=words[before[account_id][0]][0],
            new_band_name=words[band][0],
            old_score=before[account_id][1],
            new_score=new,
        )
        for account_id, band, new in zip(
            group.account_ids.tolist(),
            scored.band.tolist(),
            codec.nullable(scored.score),
            strict=True,
        )
        if account_id in before and before[account_id][0] != band
    ]


def _previous_night(run: ScoreRun, version_id: int) -> date | None:
    """The last finished night before this one, when it scored with the same version."""
    done = ScoreRun.objects.filter(state=ScoreRun.State.DONE, as_of__lt=run.as_of)
    # Only a plan's own runs count: a run of one scorecard asked for by name is another series.
    recent = done.filter(as_of__gte=run.as_of - timedelta(days=31), scorecard=run.scorecard)
    nights = [
        row.as_of
        for row in recent.only("as_of", "plan").order_by("-as_of", "-id")
        if version_id in row.plan
    ]
    return max(nights) if nights else None
