"""Stopping a night, and going on with one that stopped."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from csm.lib import display
from scoring.models import ScoreRun, ScoreShard
from scoring.services import versions
from scoring.services.nights import OPEN, NightError

STOPPED = (ScoreRun.State.FAILED, ScoreRun.State.CANCELLED)


def cancel(run: ScoreRun, *, by: Any, at: datetime) -> ScoreRun:
    """Stop an open run; its workers stop at their next piece. NightError when it is over already.

    Pages go on showing the night before. What was written so far belongs to a run that never finished, so
    no page reads it; the next run of that night, or this one taken up again, replaces it.
    """
    stopped = ScoreRun.objects.filter(pk=run.pk, state__in=OPEN).update(
        state=ScoreRun.State.CANCELLED, cancelled_by=by, finished_at=at
    )
    run.refresh_from_db()
    if not stopped:
        raise NightError(
            f"The night of {display.day(run.as_of)} is {run.get_state_display().lower()} already."
        )
    return run


def why_not(run: ScoreRun) -> str:
    """Why a stopped run cannot be gone on with, as a sentence; empty when it can."""
    if run.state not in STOPPED:
        return f"The night of {display.day(run.as_of)} is {run.get_state_display().lower()}."
    later = ScoreRun.objects.filter(as_of=run.as_of, pk__gt=run.pk)
    if later.filter(Q(state__in=OPEN) | Q(state=ScoreRun.State.DONE)).exists():
        return f"The night of {display.day(run.as_of)} was started again since."
    if later.exists():
        return f"A later attempt at the night of {display.day(run.as_of)} stopped too: go on with that one."
    if run.scorecard_id is None and not run.history_only:
        now = [version.pk for version in versions.active_versions()]
        if now != run.plan:
            return "Other scorecards are published since: score the night anew."
    return ""


def retry(what: ScoreRun | ScoreShard, *, by: Any, at: datetime) -> ScoreRun:
    """Go on with a stopped run from what is done; of a shard: let it be tried again, and its run with it.

    The caller wakes workers. Raises NightError with the reason when it cannot be gone on with.
    """
    run = what.run if isinstance(what, ScoreShard) else what
    with transaction.atomic():
        run = ScoreRun.objects.select_for_update().get(pk=run.pk)
        stuck = run.shards.filter(Q(attempts__gt=0) | ~Q(error=""))
        if isinstance(what, ScoreShard):
            stuck = stuck.filter(pk=what.pk)
        if run.state in OPEN:
            if not isinstance(what, ScoreShard):
                raise NightError(f"The night of {display.day(run.as_of)} is being worked on.")
            stuck.update(attempts=0)
            return run
        if reason := why_not(run):
            raise NightError(reason)
        stuck.update(attempts=0, lease_until=None)
        begun = run.statistics or run.shards.filter(state=ScoreShard.State.SCORED).exists()
        paused = run.stages.get("paused", 0.0)
        if run.finished_at is not None:
            paused += max(0.0, (at - run.finished_at).total_seconds())
        run.state = ScoreRun.State.SCORING if begun else ScoreRun.State.COUNTING
        run.stages = {**run.stages, "paused": paused}
        run.error, run.finished_at, run.cancelled_by = "", None, None
        try:
            with transaction.atomic():
                run.save(update_fields=["state", "stages", "error", "finished_at", "cancelled_by"])
        except IntegrityError as error:
            raise NightError(
                f"The night of {display.day(run.as_of)} is being scored already."
            ) from error
    return run
