"""Proof: a night computed again from what it stored gives the same numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from scoring.engine import codec
from scoring.engine.score import score as score_packed
from scoring.engine.spec import ScorecardSpec, slots
from scoring.models import ScoreRun
from scoring.services.nights import plan_of, statistics_of

_STORED = """
SELECT a.id, s.score, s.band, s.coverage, s.components, s.inputs, s.points,
       h.as_of, h.run_id, h.score, h.band, h.coverage, h.components, h.predicted_6m_amount,
       s.predicted_6m_amount
FROM accounts_account a
JOIN scoring_snapshot s ON s.account_id = a.id AND s.as_of = %s AND s.version_id = %s AND s.run_id = %s
LEFT JOIN scoring_accounthealth h ON h.account_id = a.id
WHERE a.id BETWEEN %s AND %s
ORDER BY a.id
"""


@dataclass
class Verified:
    """What was compared and what differed; at most 20 differences are spelled out."""

    snapshots: int = 0
    current: int = 0
    differing: int = 0
    differences: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.differing += 1
        if len(self.differences) < 20:
            self.differences.append(text)


def verify(run: ScoreRun) -> Verified:
    """Recompute every snapshot of a finished run from its stored inputs, statistics and version.

    Where current health points at this run it must equal the snapshots. Memory is bounded by a shard.
    """
    plan = plan_of(run)
    stats = statistics_of(run, plan)
    result = Verified()
    for first_id, last_id in run.shards.order_by("number").values_list("first_id", "last_id"):
        for version_id, spec in plan:
            rows = _rows(run, version_id, first_id, last_id)
            if rows:
                for text in _compare(run, spec, stats[version_id], rows, result):
                    result.note(text)
    return result


def _rows(run: ScoreRun, version_id: int, first_id: int, last_id: int) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_STORED, [run.as_of, version_id, run.pk, first_id, last_id])
        return cursor.fetchall()


def _compare(
    run: ScoreRun,
    spec: ScorecardSpec,
    stats: Any,
    rows: Sequence[tuple[Any, ...]],
    result: Verified,
) -> Iterator[str]:
    columns = list(zip(*rows, strict=True))
    scored = score_packed(spec, codec.decode_inputs(columns[5], len(slots(spec))), stats)
    points = codec.encode_points(scored.points)
    components = codec.encode_points(scored.component_scores)
    result.snapshots += len(rows)
    again = zip(
        codec.nullable(scored.score),
        scored.band.tolist(),
        scored.coverage.tolist(),
        components,
        points,
        strict=True,
    )
    for row, (score, band, coverage, parts, earned) in zip(rows, again, strict=True):
        account_id = row[0]
        stored = (row[1], row[2], row[3], bytes(row[4]), bytes(row[6]))
        if stored != (score, band, coverage, bytes(parts), bytes(earned)):
            yield f"account {account_id}: stored score {row[1]}, computed again {score}"
        if row[8] == run.pk:
            result.current += 1
            if (row[9], row[10], row[11], bytes(row[12]), row[13]) != (
                row[1],
                row[2],
                row[3],
                bytes(row[4]),
                row[14],
            ):
                yield f"account {account_id}: current health {row[9]} differs from its snapshot {row[1]}"
