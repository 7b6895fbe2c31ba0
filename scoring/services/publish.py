"""The last step of a night: current health, tiers and the roll-up change in one transaction."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from csm.lib.copy import among, bulk_insert
from csm.lib.money import per_unit
from scoring.engine import codec, statistics
from scoring.engine.revenue import quantile_cuts, tier_by_amount, tier_by_quantile
from scoring.engine.score import score as score_packed
from scoring.engine.spec import ScorecardSpec, slots
from scoring.models import AccountHealth, DailyRollup, ScoreRun
from scoring.priority import priority
from scoring.services import revisions, rollups
from scoring.services.by_day_lock import one_writer
from scoring.services.populations import Plan

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

_COUNTED = ("accounts", "scored", "unknown", "band_changes")
_FINISHED = (*_COUNTED, "report", "state", "error", "finished_at")

# One stretch of the snapshots' primary key per night.
_NIGHT = """
SELECT a.id, s.score, s.band, s.coverage, s.components, s.inputs, s.predicted_6m_amount,
       week.score, month.score, a.arr_amount, a.renewal_on
FROM accounts_account a
JOIN scoring_snapshot s ON s.account_id = a.id AND s.as_of = %s AND s.version_id = %s AND s.run_id = %s
LEFT JOIN scoring_snapshot week
  ON week.account_id = a.id AND week.as_of = %s AND week.version_id = s.version_id
LEFT JOIN scoring_snapshot month
  ON month.account_id = a.id AND month.as_of = %s AND month.version_id = s.version_id
WHERE {accounts}
ORDER BY a.id
"""


def publish(run: ScoreRun, plan: Plan) -> None:
    """Make `run` the night the pages show. Repeating it, or two workers doing it at once, is harmless.

    A night older than the one shown (a back-fill) gets its roll-up but leaves current health alone.
    """
    with transaction.atomic():
        one_writer()
        # The row lock decides between two workers; whoever comes second finds the state moved on.
        locked = ScoreRun.objects.select_for_update().get(pk=run.pk)
        if locked.state != ScoreRun.State.SCORING:
            return
        gathered = list(locked.shards.order_by("number").values_list("partial", flat=True))
        cuts = {version_id: _cuts(_of(gathered, version_id, "predicted")) for version_id, _ in plan}
        if not locked.history_only and not _is_older_than_shown(locked):
            _swap_health(locked, plan, cuts)
        DailyRollup.objects.filter(as_of=locked.as_of).delete()
        for version_id, spec in plan:
            rollups.store(locked, version_id, spec, _of(gathered, version_id, "rollup"))
        _finish(locked, plan, cuts)
        locked.save(update_fields=_FINISHED)
        locked.shards.update(partial={})


def _is_older_than_shown(run: ScoreRun) -> bool:
    return ScoreRun.objects.filter(
        state=ScoreRun.State.DONE, history_only=False, as_of__gt=run.as_of
    ).exists()


def _of(gathered: Sequence[dict[str, Any]], version_id: int, what: str) -> list[list[Any]]:
    """One thing the shards gathered under a version, a list per shard that had accounts of it."""
    key = str(version_id)
    return [part[key][what] for part in gathered if key in part]


def _cuts(predicted: Sequence[Sequence[int]]) -> tuple[float, float] | None:
    """Q25 and Q75 of predicted revenue in minor units."""
    amounts = [amount for part in predicted for amount in part]
    return quantile_cuts(np.array(amounts, dtype=np.float64)) if amounts else None


def _swap_health(run: ScoreRun, plan: Plan, cuts: dict[int, tuple[float, float] | None]) -> None:
    ranges = list(run.shards.order_by("number").values_list("first_id", "last_id"))
    for first_id, last_id in ranges:
        rows = [
            row
            for version_id, spec in plan
            for row in _health_rows(run, version_id, spec, cuts[version_id], first_id, last_id)
        ]
        _delete_scored(run, plan, first_id, last_id)
        bulk_insert(AccountHealth, HEALTH_FIELDS, rows)


def _delete_scored(run: ScoreRun, plan: Plan, first_id: int, last_id: int) -> None:
    """Clear the rows about to be replaced; an account the night did not score keeps its last one."""
    marks = ", ".join(["%s"] * len(plan))
    with connection.cursor() as cursor:
        # All of the snapshots' primary key is named: half of it would read the night once per account.
        cursor.execute(
            "DELETE FROM scoring_accounthealth WHERE account_id IN (SELECT s.account_id "
            f"FROM scoring_snapshot s WHERE s.as_of = %s AND s.version_id IN ({marks}) "
            "AND s.account_id BETWEEN %s AND %s AND s.run_id = %s)",
            [run.as_of, *(version_id for version_id, _ in plan), first_id, last_id, run.pk],
        )


def night_rows(
    run: ScoreRun, version_id: int, first_id: int, last_id: int
) -> list[tuple[Any, ...]]:
    """A range of a night's snapshots with their accounts, in the columns of `_NIGHT`."""
    return _night_rows(run, version_id, "a.id BETWEEN %s AND %s", [first_id, last_id])


def night_rows_of(
    run: ScoreRun, version_id: int, account_ids: Collection[int]
) -> list[tuple[Any, ...]]:
    """The rows of `night_rows` of some accounts."""
    return _night_rows(run, version_id, *among("a.id", account_ids))


def _night_rows(
    run: ScoreRun, version_id: int, accounts: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    week, month = run.as_of - timedelta(days=7), run.as_of - timedelta(days=30)
    with connection.cursor() as cursor:
        cursor.execute(
            _NIGHT.format(accounts=accounts),
            [run.as_of, version_id, run.pk, week, month, *values],
        )
        return cursor.fetchall()


def _health_rows(
    run: ScoreRun,
    version_id: int,
    spec: ScorecardSpec,
    cuts: tuple[float, float] | None,
    first_id: int,
    last_id: int,
) -> Iterator[tuple[Any, ...]]:
    """Rows of current health, computed again from what the snapshots stored."""
    rows = night_rows(run, version_id, first_id, last_id)
    return health_rows(run, version_id, spec, cuts, rows)


def health_rows(
    run: ScoreRun,
    version_id: int,
    spec: ScorecardSpec,
    cuts: tuple[float, float] | None,
    rows: Sequence[tuple[Any, ...]],
) -> Iterator[tuple[Any, ...]]:
    """Current health in the order of `HEALTH_FIELDS`, from rows of `night_rows`."""
    if not rows:
        return iter(())
    ids, scores, bands, coverage, components, inputs, predicted, week, month, arr, renewal = zip(
        *rows, strict=True
    )
    stats = statistics.Stats.from_json(run.statistics[str(version_id)])
    scored = score_packed(spec, codec.decode_inputs(inputs, len(slots(spec))), stats)
    score = _floats(scores)
    change_7d, change_30d = score - _floats(week), score - _floats(month)
    lost = np.where(np.isfinite(scored.points), scored.weights - scored.points, -1.0)
    driver = lost.argmax(axis=1)
    most = lost[np.arange(len(lost)), driver]
    labels = [measure.label for measure in spec.measures]
    attention = priority(
        score, change_30d, _days_until(renewal, run.as_of), _floats(arr) / per_unit()
    ).total
    amounts = _floats(predicted)
    tiers = _tiers(spec, amounts, cuts)
    words = spec.band_words
    size = len(ids)
    return zip(
        ids,
        [run.as_of] * size,
        [version_id] * size,
        [run.pk] * size,
        scores,
        bands,
        [words[band][0] for band in bands],
        [words[band][1] for band in bands],
        coverage,
        (bytes(packed) for packed in components),
        codec.nullable(change_7d),
        codec.nullable(change_30d),
        [labels[i] if points > 0 else "" for i, points in zip(driver, most, strict=True)],
        [points if points > 0 else None for points in most.tolist()],
        attention.tolist(),
        predicted,
        tiers,
        strict=True,
    )


def _tiers(
    spec: ScorecardSpec, amounts: np.ndarray, cuts: tuple[float, float] | None
) -> Sequence[str]:
    """Tier letters or numbers; `amounts` and `cuts` in minor units."""
    if spec.revenue.tiers == "amount":
        return [str(tier) for tier in tier_by_amount(amounts / per_unit())]
    if cuts is None:
        return [""] * len(amounts)
    return [str(tier) for tier in tier_by_quantile(amounts, cuts)]


def _floats(values: Sequence[float | int | None]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def _days_until(days: Sequence[Any], as_of: date) -> np.ndarray:
    """Days from `as_of`; NaN where there is no date. SQLite hands dates over as text."""
    parsed = (date.fromisoformat(day) if isinstance(day, str) else day for day in days)
    return np.array(
        [np.nan if day is None else (day - as_of).days for day in parsed], dtype=np.float64
    )


def _finish(run: ScoreRun, plan: Plan, cuts: dict[int, tuple[float, float] | None]) -> None:
    """Fill in the run's own figures from its shards' reports."""
    reports = list(run.shards.values_list("report", flat=True))
    for field in _COUNTED:
        setattr(run, field, sum(report.get(field, 0) for report in reports))
    run.report = {}
    for version_id, _ in plan:
        key = str(version_id)
        clipped: Counter[str] = Counter()
        warnings: dict[str, None] = {}
        for report in reports:
            clipped.update(report.get("clipped", {}).get(key, {}))
            warnings.update(dict.fromkeys(report.get("warnings", {}).get(key, ())))
        run.report[key] = {
            "cuts": cuts[version_id],
            "clipped": dict(clipped),
            "warnings": list(warnings),
        }
        if revised := revisions.merge(
            [report.get("revised", {}).get(key, {}) for report in reports]
        ):
            run.report[key]["revised"] = revised | {"imports": revisions.imports_between(run)}
    run.state, run.error, run.finished_at = ScoreRun.State.DONE, "", timezone.now()
