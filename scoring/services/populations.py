"""Which version scores which account, and the frames they are scored from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from accounts.trust.tables import feed_label
from scoring.engine.pack import pack, peer_names
from scoring.engine.spec import Scope, ScorecardSpec, required_baselines, required_metrics
from scoring.metrics.read import frame

# (version id, spec) in the order scopes are tried; the last takes every account no other claims.
Plan = Sequence[tuple[int, ScorecardSpec]]
# (source, feed) → last good day.
Frozen = Mapping[tuple[str, str], date]

ATTRIBUTES = ("owner_id", "team_id", "industry", "size_segment", "arr_amount")


@dataclass(frozen=True)
class Group:
    """Accounts of a shard under one version, with the matrix the engine starts from."""

    version_id: int
    spec: ScorecardSpec
    account_ids: np.ndarray
    # Who the accounts are on the night: `owner_id`, `team_id`, `industry`, `size_segment`, `arr_amount`.
    attributes: pd.DataFrame
    packed: np.ndarray
    # Column → code → name of the peer groups, for the run's report; empty without peer groups.
    peers: Mapping[str, Mapping[int, str]]
    pipeline: np.ndarray
    won: np.ndarray


def frozen_of(stored: Sequence[Sequence[str]]) -> Frozen:
    """What `ScoreRun.frozen` holds: the last good day of every feed the breaker held back that night."""
    return {(source, feed): date.fromisoformat(good_on) for source, feed, good_on in stored}


@dataclass(frozen=True)
class FrozenFeed:
    """A feed the breaker held back on a night, as a page names it."""

    source: str
    feed: str
    label: str
    good_on: date


def frozen_feeds(stored: Sequence[Sequence[str]]) -> list[FrozenFeed]:
    """What `ScoreRun.frozen` holds, for people."""
    return [
        FrozenFeed(source, feed, feed_label(feed), good_on)
        for (source, feed), good_on in frozen_of(stored).items()
    ]


def groups(
    plan: Plan,
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    frozen: Frozen | None = None,
    only: Sequence[int] = (),
) -> Iterator[Group]:
    """The accounts of a range by the version that scores them; with `only`, these of it and no others.

    The first version whose scope matches takes an account, the last of the plan takes the rest. Facts of a
    `frozen` feed after its last good day are not read.
    """
    metrics = {key for _, spec in plan for key in required_metrics(spec)}
    baselines = {pair for _, spec in plan for pair in required_baselines(spec)}
    rows = frame(
        metrics,
        as_of=as_of,
        first_id=first_id,
        last_id=last_id,
        baselines=baselines,
        frozen=frozen,
        only=only,
    )
    free = np.ones(len(rows), dtype=bool)
    for place, (version_id, spec) in enumerate(plan):
        last = place == len(plan) - 1
        mine = free if last else free & matches(spec.scope, rows)
        free = free & ~mine
        if mine.any():
            part = rows if mine.all() else rows[mine]
            yield Group(
                version_id=version_id,
                spec=spec,
                account_ids=part.index.to_numpy(),
                attributes=part[list(ATTRIBUTES)],
                packed=pack(spec, part),
                peers=peer_names(spec, part),
                pipeline=part[spec.revenue.pipeline_metric].to_numpy(),
                won=part[spec.revenue.won_metric].to_numpy(),
            )


def matches(scope: Scope, rows: pd.DataFrame) -> np.ndarray:
    """Which rows of a frame a scope covers; an empty list means any."""
    found = np.ones(len(rows), dtype=bool)
    for column in ("industry", "size_segment", "lifecycle_stage"):
        if allowed := getattr(scope, column):
            found &= rows[column].isin(allowed).to_numpy()
    if scope.tags:
        wanted = set(scope.tags)
        found &= np.array([bool(wanted & set(tags)) for tags in rows["tags"]], dtype=bool)
    return found
