"""The night: which stages run, in which order. Written nowhere else."""

from datetime import date, datetime
from typing import Any

from django.utils import timezone

from accounts.events.apply import apply_events
from accounts.trust import breaker, duplicates
from csm.night_workers import others
from playbooks.services import delivery, night
from scoring.models import Scorecard, ScoreRun
from scoring.selectors import scorecard_called
from scoring.services import nights, profiles, versions

# Messages a night sends itself: a webhook that does not answer takes seconds.
_SENT_AT_ONCE = 50


def run_nightly(
    as_of: date,
    scorecard_key: str | None = None,
    *,
    by: Any = None,
    shard_size: int = nights.SHARD_SIZE,
    history_only: bool = False,
    plan: list[int] | None = None,
    judge: bool = True,
    progress: nights.Progress | None = None,
    workers: int = 1,
) -> ScoreRun:
    """Score the night of `as_of` in this process; resumes an unfinished one.

    With `scorecard_key` that scorecard scores every account, otherwise each account gets the first
    active scorecard whose scope matches. `history_only` back-fills: current health stays;
    `plan` names the version ids to score with instead of the active ones; `judge` as in `start_night`;
    with `workers` above 1 further processes work on it too. Raises
    WorkbenchError (NightError) with a sentence; a run that failed in its work is returned in state
    "failed" with the error in it.
    """
    run = start_night(
        as_of,
        scorecard_key,
        by=by,
        shard_size=shard_size,
        history_only=history_only,
        plan=plan,
        judge=judge,
    )
    if workers <= 1:
        return nights.work(run, progress=progress)
    with others(run, workers - 1):
        return nights.work(run, progress=progress)


def after_night(run: ScoreRun) -> None:
    """What follows a published night and nobody waits for; doors call it, repeating it is harmless.

    Triggers, alerts, exit tests, clocks and notices first: people wait for those.
    """
    judged = night.ensure(run)
    if judged is not None:
        night.work(judged, at=timezone.now())
        # Some of it: the rest, and what fails, goes out by the minute.
        delivery.send_due(at=timezone.now(), limit=_SENT_AT_ONCE)
    profiles.ensure(run)


def start_night(
    as_of: date,
    scorecard_key: str | None = None,
    *,
    by: Any = None,
    shard_size: int = nights.SHARD_SIZE,
    history_only: bool = False,
    plan: list[int] | None = None,
    judge: bool = True,
    since: datetime | None = None,
) -> ScoreRun:
    """The row of the night, new or unfinished, for any number of workers to work on.

    With `judge`, what waits is applied first and the breaker looks at the sources as of the night: for
    tonight only, as a freeze opened for a past night would hold every night since. `since` as in
    `nights.start`.
    """
    if not Scorecard.objects.exists():
        versions.load_presets()
    if judge and not history_only:
        apply_events(as_of=as_of)
        breaker.check(as_of)
        duplicates.search_when_due()
    scorecard = None if scorecard_key is None else scorecard_called(scorecard_key)
    return nights.start(
        as_of,
        scorecard=scorecard,
        by=by,
        shard_size=shard_size,
        history_only=history_only,
        plan=plan,
        since=since,
    )
