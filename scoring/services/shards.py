"""One shard's work: count its part of the statistics, or score it and store its snapshots."""

import logging
import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from django.db.models import Q

from csm.lib.copy import Column, columns_of, write_columns
from csm.lib.money import per_unit
from scoring.engine import codec, statistics
from scoring.engine.revenue import predict
from scoring.engine.score import Scored
from scoring.engine.score import score as score_packed
from scoring.engine.spec import UNKNOWN_BAND
from scoring.models import BandChange, ScoreRun, ScoreShard, Snapshot
from scoring.services import partitions, revisions, rollups, staged
from scoring.services.populations import Group, Plan, frozen_of, groups

log = logging.getLogger("scoring.nights")

# {version id: {"rollup": sums}}
Gathered = dict[str, dict[str, Any]]

SNAPSHOT_FIELDS = (
    "account",
    "as_of",
    "version",
    "run",
    "score",
    "band",
    "coverage",
    "predicted_6m_amount",
    "components",
    "inputs",
    "points",
)


# What was read to count a shard is kept for scoring it, in files without a name, about 100 bytes an account:
# the database gives it out more slowly than any disk.
KEPT_SHARDS = 200
_kept: dict[tuple[int, int], IO[bytes]] = {}


def _keep(run: ScoreRun, shard: ScoreShard, found: list[Group]) -> None:
    """Keep a shard's groups, of this run only, those counted first: they are scored first."""
    for key in [key for key in _kept if key[0] != run.pk]:
        _kept.pop(key).close()
    if len(_kept) >= KEPT_SHARDS:
        return
    with ExitStack() as unless_kept:
        try:
            file = unless_kept.enter_context(TemporaryFile())
            pickle.dump(found, file, protocol=5)
        except OSError as error:
            log.warning("shard %s is read again, as it cannot be kept: %s", shard.number, error)
        else:
            _kept[run.pk, shard.pk] = file
            unless_kept.pop_all()


def _read_back(run: ScoreRun, shard: ScoreShard) -> list[Group] | None:
    """What this process kept of the shard, once."""
    file = _kept.pop((run.pk, shard.pk), None)
    if file is None:
        return None
    with file:
        file.seek(0)
        # Nobody else can open the file: it has no name.
        found: list[Group] = pickle.load(file)  # noqa: S301
    return found


def kept(run: ScoreRun) -> list[int]:
    """Shards of the run this process has read already, by primary key: scoring them here is cheapest."""
    return [shard for run_id, shard in _kept if run_id == run.pk]


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
    partitions.ensure(run.as_of, ahead=True)
    found = _groups(run, plan, shard)
    _keep(run, shard, found)
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
    partitions.ensure(run.as_of)
    found = _read_back(run, shard) or _groups(run, plan, shard)
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
    is_staged = staged.is_begun(run)
    inside = Q(account_id__gte=shard.first_id, account_id__lte=shard.last_id)
    for group, scored in zip(found, results, strict=True):
        revenue = predict(group.spec.revenue, scored.score, group.pipeline, group.won)
        amounts = minor_units(revenue)
        write_columns(Snapshot._meta.db_table, snapshot_columns(run, group, scored, amounts))
        if is_staged:
            staged.add(run, group, scored, amounts, shard.first_id, shard.last_id)
        gathered[str(group.version_id)] = {"rollup": rollups.count(group, scored)}
        report["accounts"] += len(group.account_ids)
        report["scored"] += int(np.isfinite(scored.score).sum())
        report["unknown"] += int((scored.band == UNKNOWN_BAND).sum())
        report["band_changes"] += store_band_changes(run, group, scored, inside)
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


def minor_units(amounts: np.ndarray) -> np.ndarray:
    """Major units to whole minor units, as float64 to the nearest, halves to even; NaN stays."""
    return np.rint(amounts * per_unit())


def snapshot_columns(
    run: ScoreRun, group: Group, scored: Scored, predicted: np.ndarray
) -> list[Column]:
    """Snapshots in the order of `SNAPSHOT_FIELDS`; `predicted` from `minor_units`."""
    size = len(group.account_ids)
    return [
        Column("account_id", "int8", group.account_ids),
        Column.same("as_of", "date", run.as_of, size),
        Column.same("version_id", "int4", group.version_id, size),
        Column.same("run_id", "int4", run.pk, size),
        Column.floats("score", scored.score),
        Column("band", "int2", scored.band),
        Column("coverage", "float8", scored.coverage),
        Column.whole("predicted_6m_amount", predicted),
        Column("components", "bytea", codec.points_matrix(scored.component_scores)),
        Column("inputs", "bytea", codec.inputs_matrix(group.packed)),
        Column("points", "bytea", codec.points_matrix(scored.points)),
    ]


def snapshot_rows(
    run: ScoreRun, group: Group, scored: Scored, predicted: np.ndarray
) -> Iterator[tuple[Any, ...]]:
    """The rows of `snapshot_columns`."""
    columns = snapshot_columns(run, group, scored, predicted)
    return zip(*(column.plain() for column in columns), strict=True)


def store_band_changes(run: ScoreRun, group: Group, scored: Scored, inside: Q) -> int:
    """Store whose band differs from the previous night under the same version; how many.

    `inside` names the group's accounts to the database.
    """
    before_on = _previous_night(run, group.version_id)
    if before_on is None:
        return 0
    night = Snapshot.objects.filter(inside, as_of=before_on, version_id=group.version_id)
    before = columns_of(
        night.order_by("account_id"), {"account_id": "int8", "band": "int8", "score": "float8"}
    )
    _, old_at, new_at = np.intersect1d(
        before["account_id"], group.account_ids, assume_unique=True, return_indices=True
    )
    moved = before["band"][old_at] != scored.band[new_at]
    old_at, new_at = old_at[moved], new_at[moved]
    changed = len(new_at)
    if not changed:
        return 0
    names = [name for name, _ in group.spec.band_words]
    old_band, new_band = before["band"][old_at], scored.band[new_at]
    columns = [
        Column("account_id", "int8", group.account_ids[new_at]),
        Column.same("version_id", "int8", group.version_id, changed),
        Column.same("run_id", "int8", run.pk, changed),
        Column.same("as_of", "date", run.as_of, changed),
        Column.same("previous_as_of", "date", before_on, changed),
        Column("old_band", "int2", old_band),
        Column("new_band", "int2", new_band),
        # Unknown, −1, is the last of the names.
        Column("old_band_name", "text", old_band % len(names), words=names),
        Column("new_band_name", "text", new_band % len(names), words=names),
        Column.floats("old_score", before["score"][old_at]),
        Column.floats("new_score", scored.score[new_at]),
    ]
    write_columns(BandChange._meta.db_table, columns)
    return changed


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
