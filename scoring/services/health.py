"""What current health is: a row an account, from its snapshot, its record and its earlier scores.

A worker that has just scored accounts has all of it at hand (`columns_of_scored`); afterwards it is computed
again from what the snapshots stored (`columns_of_stored`). Both are the same to the last bit.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection

from csm.lib.copy import Column, among, read_columns
from csm.lib.money import in_own_currency, per_unit
from scoring.engine import codec, statistics
from scoring.engine.pack import Floats
from scoring.engine.revenue import tier_by_amount, tier_by_quantile
from scoring.engine.score import Scored
from scoring.engine.score import score as score_packed
from scoring.engine.spec import ScorecardSpec, slots
from scoring.models import ScoreRun
from scoring.priority import priority
from scoring.services.populations import Group

Cuts = tuple[float, float]

HEALTH_FIELDS = (
    "account",
    "as_of",
    "version",
    "run",
    "score",
    "band",
    "band_name",
    "tone",
    "coverage",
    "components",
    "change_7d",
    "change_30d",
    "top_driver",
    "top_driver_lost",
    "priority",
    "predicted_6m_amount",
    "tier",
)

# One stretch of the snapshots' primary key per night.
_NIGHT = """
SELECT a.id, s.score, s.band, s.coverage, s.components, s.inputs, s.predicted_6m_amount,
       week.score, month.score, {arr}, a.renewal_on
FROM accounts_account a
JOIN scoring_snapshot s ON s.account_id = a.id AND s.as_of = %s AND s.version_id = %s AND s.run_id = %s
LEFT JOIN scoring_snapshot week
  ON week.account_id = a.id AND week.as_of = %s AND week.version_id = s.version_id
LEFT JOIN scoring_snapshot month
  ON month.account_id = a.id AND month.as_of = %s AND month.version_id = s.version_id
WHERE {accounts}
ORDER BY a.id
"""


@dataclass(frozen=True, eq=False)
class _Night:
    """What one version's night says of n accounts, and their accounts: money in minor units, NaN unknown.

    components (n, bytes of one row). points, weights (n, measures) as `Scored` has them. renewal_days: from
    the night on. week, month: the score then.
    """

    ids: np.ndarray
    score: Floats
    band: np.ndarray
    coverage: Floats
    components: np.ndarray
    points: Floats
    weights: Floats
    predicted: Floats
    week: Floats
    month: Floats
    arr: Floats
    renewal_days: Floats


def columns_of_scored(
    run: ScoreRun, group: Group, scored: Scored, predicted: Floats, first_id: int, last_id: int
) -> list[Column]:
    """Current health of a group that has just been scored, in the order of `HEALTH_FIELDS`; PostgreSQL only.

    `predicted` as the snapshots store it. Tiers by quantile stay empty: where they begin is not known before
    the whole book is scored. The range is that of the group's shard.
    """
    inside = [first_id, last_id]
    renewal = read_columns(
        "SELECT id, renewal_on - %s::date AS days FROM accounts_account "
        "WHERE id BETWEEN %s AND %s AND renewal_on IS NOT NULL ORDER BY id",
        [run.as_of, *inside],
        {"id": "int8", "days": "float8"},
    )
    week, month = (
        read_columns(
            "SELECT account_id AS id, score FROM scoring_snapshot WHERE as_of = %s AND version_id = %s "
            "AND account_id BETWEEN %s AND %s ORDER BY account_id",
            [day, group.version_id, *inside],
            {"id": "int8", "score": "float8"},
        )
        for day in _before(run.as_of)
    )
    ids = group.account_ids
    night = _Night(
        ids=ids,
        score=scored.score,
        band=scored.band,
        coverage=scored.coverage,
        components=codec.points_matrix(scored.component_scores),
        points=scored.points,
        weights=scored.weights,
        predicted=predicted,
        week=_at(ids, week, "score"),
        month=_at(ids, month, "score"),
        arr=group.attributes["arr_amount"].to_numpy(dtype=np.float64),
        renewal_days=_at(ids, renewal, "days"),
    )
    return _columns(run, group.version_id, group.spec, None, night)


def _at(ids: np.ndarray, columns: Mapping[str, Any], name: str) -> Floats:
    """A column by account, NaN where it has no row."""
    found = np.full(len(ids), np.nan)
    place = np.searchsorted(columns["id"], ids)
    near = np.minimum(place, len(columns["id"]) - 1)
    if len(columns["id"]):
        here = columns["id"][near] == ids
        found[here] = columns[name][near[here]]
    return found


def columns_of_stored(
    run: ScoreRun,
    version_id: int,
    spec: ScorecardSpec,
    cuts: Cuts | None,
    first_id: int,
    last_id: int,
) -> list[Column]:
    """Current health of a range from its snapshots, in the order of `HEALTH_FIELDS`; [] without any."""
    rows = _night_rows(run, version_id, "a.id BETWEEN %s AND %s", [first_id, last_id])
    return (
        _columns(run, version_id, spec, cuts, _of_rows(rows, run, version_id, spec)) if rows else []
    )


def health_rows(
    run: ScoreRun,
    version_id: int,
    spec: ScorecardSpec,
    cuts: Cuts | None,
    account_ids: Collection[int],
) -> Iterator[tuple[Any, ...]]:
    """Current health of a few accounts from their snapshots, in the order of `HEALTH_FIELDS`."""
    rows = _night_rows(run, version_id, *among("a.id", account_ids))
    if not rows:
        return iter(())
    columns = _columns(run, version_id, spec, cuts, _of_rows(rows, run, version_id, spec))
    return zip(*(column.plain() for column in columns), strict=True)


def _night_rows(
    run: ScoreRun, version_id: int, accounts: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    week, month = _before(run.as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            _NIGHT.format(accounts=accounts, arr=in_own_currency("a.arr_amount", "a.currency")),
            [run.as_of, version_id, run.pk, week, month, *values],
        )
        return cursor.fetchall()


def _before(as_of: date) -> tuple[date, date]:
    return as_of - timedelta(days=7), as_of - timedelta(days=30)


def _of_rows(
    rows: Sequence[tuple[Any, ...]], run: ScoreRun, version_id: int, spec: ScorecardSpec
) -> _Night:
    ids, scores, bands, coverage, components, inputs, predicted, week, month, arr, renewal = zip(
        *rows, strict=True
    )
    stats = statistics.Stats.from_json(run.statistics[str(version_id)])
    scored = score_packed(spec, codec.decode_inputs(inputs, len(slots(spec))), stats)
    packed = b"".join(bytes(row) for row in components)
    return _Night(
        ids=np.array(ids, dtype=np.int64),
        score=_floats(scores),
        band=np.array(bands, dtype=np.int64),
        coverage=_floats(coverage),
        components=np.frombuffer(packed, dtype=np.uint8).reshape(len(rows), -1),
        points=scored.points,
        weights=scored.weights,
        predicted=_floats(predicted),
        week=_floats(week),
        month=_floats(month),
        arr=_floats(arr),
        renewal_days=_days_until(renewal, run.as_of),
    )


def _floats(values: Sequence[float | int | None]) -> Floats:
    return np.array(values, dtype=np.float64)


def _days_until(days: Sequence[Any], as_of: date) -> Floats:
    """Days from `as_of`; NaN where there is no date. SQLite hands dates over as text."""
    parsed = (date.fromisoformat(day) if isinstance(day, str) else day for day in days)
    return np.array(
        [np.nan if day is None else (day - as_of).days for day in parsed], dtype=np.float64
    )


def _columns(
    run: ScoreRun, version_id: int, spec: ScorecardSpec, cuts: Cuts | None, night: _Night
) -> list[Column]:
    """Current health as columns, in the order of `HEALTH_FIELDS`."""
    score = night.score
    change_7d, change_30d = score - night.week, score - night.month
    lost = np.where(np.isfinite(night.points), night.weights - night.points, -1.0)
    driver = lost.argmax(axis=1)
    most = lost[np.arange(len(lost)), driver]
    labels = [measure.label for measure in spec.measures]
    attention = priority(score, change_30d, night.renewal_days, night.arr / per_unit()).total
    words = spec.band_words
    # -1, Unknown, is the last of the words.
    place = night.band % len(words)
    tiers, tier = np.unique(_tiers(spec, night.predicted, cuts), return_inverse=True)
    size = len(night.ids)
    return [
        Column("account_id", "int8", night.ids),
        Column.same("as_of", "date", run.as_of, size),
        Column.same("version_id", "int8", version_id, size),
        Column.same("run_id", "int8", run.pk, size),
        Column.floats("score", score),
        Column("band", "int2", night.band),
        Column("band_name", "text", place, words=[name for name, _ in words]),
        Column("tone", "text", place, words=[tone for _, tone in words]),
        Column("coverage", "float8", night.coverage),
        Column("components", "bytea", night.components),
        Column.floats("change_7d", change_7d),
        Column.floats("change_30d", change_30d),
        Column("top_driver", "text", np.where(most > 0, driver, len(labels)), words=[*labels, ""]),
        Column.floats("top_driver_lost", np.where(most > 0, most, np.nan)),
        Column("priority", "float8", attention),
        Column.whole("predicted_6m_amount", night.predicted),
        Column("tier", "text", tier, words=tiers.tolist()),
    ]


def _tiers(spec: ScorecardSpec, amounts: Floats, cuts: Cuts | None) -> np.ndarray:
    """Tier letters or numbers; `amounts` and `cuts` in minor units."""
    if spec.revenue.tiers == "amount":
        return tier_by_amount(amounts / per_unit())
    if cuts is None:
        return np.full(len(amounts), "")
    return tier_by_quantile(amounts, cuts)
