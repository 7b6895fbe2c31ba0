"""The last step of a night: current health, tiers and the roll-up change in one transaction."""

from collections import Counter
from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from scoring.models import DailyRollup, ScoreRun
from scoring.services import revisions, rollups, staged
from scoring.services.by_day_lock import one_writer
from scoring.services.health import Cuts
from scoring.services.populations import Plan

_COUNTED = ("accounts", "scored", "unknown", "band_changes")
_FINISHED = (*_COUNTED, "report", "state", "error", "finished_at")


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
        whole = staged.is_whole(locked)
        cuts = {
            version_id: staged.cuts_of(locked, version_id, whole=whole) for version_id, _ in plan
        }
        if is_to_be_shown(locked):
            staged.replace(locked, plan, cuts, whole=whole)
        DailyRollup.objects.filter(as_of=locked.as_of).delete()
        for version_id, spec in plan:
            rollups.store(locked, version_id, spec, _sums(locked, version_id))
        rollups.total(locked.as_of)
        _finish(locked, plan, cuts)
        locked.save(update_fields=_FINISHED)
        locked.shards.update(partial={})
        staged.drop_ended()
    staged.analyse_once()


def is_to_be_shown(run: ScoreRun) -> bool:
    """Whether current health becomes this night's: it is no back-fill."""
    later = ScoreRun.objects.filter(
        state=ScoreRun.State.DONE, history_only=False, as_of__gt=run.as_of
    )
    return not run.history_only and not later.exists()


def _sums(run: ScoreRun, version_id: int) -> Iterator[rollups.Sums]:
    """What each shard that had accounts of a version summed up, one by one: together they are of some size."""
    key = str(version_id)
    found = run.shards.order_by("number").values_list("partial", flat=True)
    return (part[key]["rollup"] for part in found.iterator(chunk_size=1) if key in part)


def _finish(run: ScoreRun, plan: Plan, cuts: dict[int, Cuts | None]) -> None:
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
