"""Accounts scored again between two nights, as the newest night would score them now.

The night's plan, statistics, cuts and frozen feeds, as of its date, through the night's own functions: what
is stored is a snapshot of that night like any other, so it explains itself and `verify_snapshots` holds.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from accounts.models import ChangedAccount
from csm.lib.copy import bulk_insert
from scoring.engine import statistics
from scoring.engine.revenue import predict
from scoring.engine.score import Scored
from scoring.engine.score import score as score_packed
from scoring.models import AccountHealth, BandChange, ScoreRun, ScoreShard, Snapshot
from scoring.selectors import newest_run
from scoring.services import rollup_moves, shards
from scoring.services.by_day_lock import one_writer
from scoring.services.health import HEALTH_FIELDS, health_rows
from scoring.services.populations import Group, Plan, frozen_of, groups
from scoring.services.versions import published_spec

log = logging.getLogger("scoring.by_day")

# A night may be published while accounts are read: then they are read again for that one.
_TRIES: Final = 3


@dataclass
class Rescored:
    """What was scored under which night.

    `again`: read too early, as somebody else has scored some of them, or a night was published, meanwhile.
    Neither: accounts that are no customers any more, which keep their last score, and those of a version the
    night knows no statistics of, which wait for the next.
    """

    run: ScoreRun | None = None
    accounts: set[int] = field(default_factory=set)
    again: set[int] = field(default_factory=set)


def rescore(account_ids: Collection[int], *, at: datetime) -> Rescored:
    """Score some accounts again under the newest finished night; all of it in one transaction, or nothing.

    Snapshot, current health, change of band and daily sums of that night are replaced. `at` is when. Before
    the first night nothing happens. A score never rests on older facts than the one it replaces: when another
    worker has scored one of them since they were read, none is, and all are in `again`.
    """
    for _ in range(_TRIES):
        run = newest_run()
        if run is None or not account_ids:
            return Rescored()
        done = _rescore(run, sorted(set(account_ids)), at)
        if done is not None:
            return done
    return Rescored(again=set(account_ids))


def _rescore(run: ScoreRun, ids: list[int], at: datetime) -> Rescored | None:
    """None when another night was published meanwhile."""
    plan = [(version_id, published_spec(version_id)) for version_id in run.plan]
    before = _asked(ids)
    done = Rescored(run)
    scored: list[tuple[Group, Scored]] = []
    for group in groups(
        plan,
        as_of=run.as_of,
        first_id=ids[0],
        last_id=ids[-1],
        frozen=frozen_of(run.frozen),
        only=ids,
    ):
        stats = run.statistics.get(str(group.version_id))
        if stats is None:
            continue
        scored.append(
            (group, score_packed(group.spec, group.packed, statistics.Stats.from_json(stats)))
        )
    if not scored:
        return done
    with transaction.atomic():
        one_writer()
        newest = newest_run(defer=True)
        if newest is None or newest.pk != run.pk:
            return None
        now = _asked(ids)
        taken = {pk for pk, row in before.items() if pk not in now or now[pk].was_at != row.was_at}
        if taken:
            # What we read may be older than what is stored by now.
            done.again = set(ids)
            log.info("by day: %s accounts were scored by another worker", len(taken))
            return done
        _write(run, plan, scored, before, at)
    done.accounts = {pk for group, _ in scored for pk in group.account_ids.tolist()}
    return done


def _asked(ids: list[int]) -> dict[int, ChangedAccount]:
    return ChangedAccount.objects.in_bulk(ids)


def _write(
    run: ScoreRun,
    plan: Plan,
    scored: list[tuple[Group, Scored]],
    before: Mapping[int, ChangedAccount],
    at: datetime,
) -> None:
    """Replace everything the night holds of the accounts. The caller holds the transaction and the turn."""
    ids = [pk for group, _ in scored for pk in group.account_ids.tolist()]
    inside = Q(account_id__in=ids)
    old = rollup_moves.counted(run, ids, before)
    night: dict[str, Any] = {"as_of": run.as_of, "version_id__in": run.plan}
    Snapshot.objects.filter(inside, **night).delete()
    BandChange.objects.filter(inside, **night).delete()
    for group, result in scored:
        revenue = predict(group.spec.revenue, result.score, group.pipeline, group.won)
        rows = shards.snapshot_rows(run, group, result, shards.minor_units(revenue))
        bulk_insert(Snapshot, shards.SNAPSHOT_FIELDS, rows)
        shards.store_band_changes(run, group, result, Q(account_id__in=group.account_ids.tolist()))
    AccountHealth.objects.filter(inside).delete()
    health: list[AccountHealth] = []
    for group, _ in scored:
        rows = health_rows(
            run,
            group.version_id,
            group.spec,
            _cuts(run, group.version_id),
            group.account_ids.tolist(),
        )
        health += [_health(row, at) for row in rows]
    AccountHealth.objects.bulk_create(health)
    rollup_moves.move(run, dict(plan), old, scored)
    # Accounts that came after the night belong to its last range from now on.
    last = ScoreShard.objects.filter(run=run).order_by("-number").values_list("pk", flat=True)[:1]
    ScoreShard.objects.filter(pk__in=list(last), last_id__lt=max(ids)).update(last_id=max(ids))


def _health(row: tuple[Any, ...], at: datetime) -> AccountHealth:
    names = ("account_id", "as_of", "version_id", "run_id", *HEALTH_FIELDS[4:])
    return AccountHealth(**dict(zip(names, row, strict=True)), rescored_at=at)


def _cuts(run: ScoreRun, version_id: int) -> tuple[float, float] | None:
    cuts = run.report.get(str(version_id), {}).get("cuts")
    return tuple(cuts) if cuts else None
