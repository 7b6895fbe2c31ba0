"""A night scored again: what differs from the last time, and which facts came in between."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Q

from accounts.models import ImportRun
from scoring.engine import codec
from scoring.engine.definition import Slot
from scoring.engine.score import Scored
from scoring.engine.spec import slots
from scoring.models import ScoreRun, Snapshot
from scoring.services.populations import Group

# Examples kept per version, the largest differences first.
EXAMPLES = 20
_SUMMED = ("compared", "changed", "appeared", "gone")

Revision = dict[str, Any]


@dataclass(frozen=True)
class _Before:
    account_ids: np.ndarray
    scores: np.ndarray
    inputs: np.ndarray


def compare(run: ScoreRun, group: Group, scored: Scored, first_id: int, last_id: int) -> Revision:
    """How a group's new scores differ from the snapshots of the same night and version there are.

    Counts of accounts: `compared` have both, `changed` another input or score, `appeared` and `gone` only
    one of the two; `inputs` counts changed inputs by metric; `examples` are the largest differences as
    {"account", "before", "after", "inputs"}. Empty when the night was never scored with this version.
    """
    before = _before(run, group, first_id, last_id)
    if before is None:
        return {}
    new_ids = group.account_ids
    both, old_at, new_at = np.intersect1d(before.account_ids, new_ids, return_indices=True)
    old_inputs = before.inputs[old_at]
    new_inputs = group.packed[new_at].astype(np.float32)
    differs = ~((old_inputs == new_inputs) | (np.isnan(old_inputs) & np.isnan(new_inputs)))
    was, now = before.scores[old_at], scored.score[new_at]
    moved = ~((was == now) | (np.isnan(was) & np.isnan(now)))
    changed = np.flatnonzero(differs.any(axis=1) | moved)
    places = slots(group.spec)
    counts = Counter(
        {slot.column: int(n) for slot, n in zip(places, differs.sum(axis=0), strict=True) if n}
    )
    size = np.nan_to_num(np.abs(now - was), nan=np.inf)
    largest = changed[np.argsort(-size[changed], kind="stable")][:EXAMPLES]
    return {
        "compared": len(both),
        "changed": len(changed),
        "appeared": len(new_ids) - len(both),
        "gone": len(before.account_ids) - len(both),
        "inputs": dict(counts),
        "examples": [_example(both, was, now, differs, places, row) for row in largest],
    }


def _before(run: ScoreRun, group: Group, first_id: int, last_id: int) -> _Before | None:
    rows = list(
        Snapshot.objects.filter(
            as_of=run.as_of,
            version_id=group.version_id,
            account_id__gte=first_id,
            account_id__lte=last_id,
        )
        .order_by("account_id")
        .values_list("account_id", "score", "inputs")
    )
    if not rows:
        return None
    ids, scores, inputs = zip(*rows, strict=True)
    return _Before(
        np.array(ids, dtype=np.int64),
        np.array(scores, dtype=np.float64),
        codec.decode_inputs(inputs, len(slots(group.spec))),
    )


def _example(
    ids: np.ndarray,
    was: np.ndarray,
    now: np.ndarray,
    differs: np.ndarray,
    places: Sequence[Slot],
    row: int,
) -> dict[str, Any]:
    return {
        "account": int(ids[row]),
        "before": _plain(was[row]),
        "after": _plain(now[row]),
        "inputs": [places[at].column for at in np.flatnonzero(differs[row]).tolist()],
    }


def _plain(value: float) -> float | None:
    return None if value != value else float(value)


def merge(parts: Sequence[Revision]) -> Revision:
    """The revisions of several shards as one; empty when none compared anything."""
    found = [part for part in parts if part]
    if not found:
        return {}
    total: Revision = {key: sum(part[key] for part in found) for key in _SUMMED}
    inputs: Counter[str] = Counter()
    for part in found:
        inputs.update(part["inputs"])
    examples = sorted((each for part in found for each in part["examples"]), key=_size)
    return total | {"inputs": dict(inputs.most_common()), "examples": examples[:EXAMPLES]}


def _size(example: dict[str, Any]) -> float:
    before, after = example["before"], example["after"]
    return float("-inf") if before is None or after is None else -abs(after - before)


def imports_between(run: ScoreRun) -> list[dict[str, Any]]:
    """Imports loaded or undone since the same night was last scored, newest first: why it may differ."""
    earlier = (
        ScoreRun.objects.filter(
            as_of=run.as_of, state=ScoreRun.State.DONE, started_at__lt=run.started_at
        )
        .order_by("-started_at")
        .values_list("started_at", flat=True)
        .first()
    )
    if earlier is None:
        return []
    since = Q(state=ImportRun.State.DONE, finished_at__gte=earlier)
    since |= Q(state=ImportRun.State.UNDONE, undone_at__gte=earlier)
    return [
        {"id": each.pk, "feed": each.feed, "file": each.file_name, "state": each.state}
        for each in ImportRun.objects.filter(since).order_by("-id")[:EXAMPLES]
    ]
