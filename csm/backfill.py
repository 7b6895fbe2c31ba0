"""Nights of the past, in order: scored for the first time, or again to see what changed."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from csm.nightly import run_nightly
from scoring.models import ScoreRun
from scoring.services import nights


def backfill(
    first: date,
    last: date,
    scorecard_key: str | None = None,
    *,
    as_it_was: bool = False,
    by: Any = None,
    shard_size: int = nights.SHARD_SIZE,
    progress: nights.Progress | None = None,
) -> Iterator[ScoreRun]:
    """Score every night from `first` to `last` from the facts dated on or before it; yields each run.

    A night is scored with the scorecards that are active now, or, `as_it_was`, with the versions it was
    scored with last (nights never scored are left out). Pages go on showing the newest night. Raises
    NightError like `run_nightly`; a failed run is yielded and ends the iteration.
    """
    for offset in range((last - first).days + 1):
        night = first + timedelta(days=offset)
        done = ScoreRun.objects.filter(as_of=night, state=ScoreRun.State.DONE)
        earlier = done.order_by("-history_only", "pk").only("plan", "history_only").last()
        if as_it_was and earlier is None:
            continue
        shown = night == last if earlier is None else not earlier.history_only
        run = run_nightly(
            night,
            scorecard_key,
            by=by,
            shard_size=shard_size,
            history_only=not shown,
            plan=earlier.plan if as_it_was and earlier is not None else None,
            # A back-fill asks what stood then; it opens nothing.
            judge=False,
            progress=progress,
        )
        yield run
        if run.state != ScoreRun.State.DONE:
            return
