"""The nights of the demo book, and the day its scorecard was improved."""

import datetime as dt
from collections.abc import Callable

from django.db import transaction
from django.utils import timezone

from csm.demo.book import Plan
from csm.lib.errors import WorkbenchError
from csm.models import User
from csm.nightly import after_night, run_nightly
from scoring.models import Scorecard, ScorecardVersion, ScoreRun, Snapshot
from scoring.services import versions

SCORECARD = "crm-engagement"
NOTE = (
    "log1p for revenue and won amount, square root for activities and employees, so that a few "
    "giants no longer flatten everyone else."
)
_TRANSFORMS = {
    "annual_revenue": "log1p",
    "total_won_amount": "log1p",
    "total_activities_30d": "sqrt",
    "number_of_employees": "sqrt",
}
# Before the months of work begin: plans are measured under one version.
_CHANGE_DAYS_AGO = 130


def nights(plan: Plan) -> list[dt.date]:
    """Every date of the history, oldest first."""
    return [plan.as_of - dt.timedelta(days=ago) for ago in range(plan.days - 1, -1, -1)]


def run_nights(
    plan: Plan,
    *,
    by: User,
    connect: Callable[[], object],
    work: Callable[[], object],
    done: Callable[[dt.date], None],
) -> int:
    """Score the nights that are not there yet; returns how many. `done` hears of every date.

    `connect` is called before the first of them that knows the customer's systems, `work` when the newest
    is scored and its triggers are still to be judged.

    Raises WorkbenchError when a night fails; running it again goes on from there.
    """
    if not Scorecard.objects.exists():
        versions.load_presets()
    there = set(
        ScoreRun.objects.filter(state=ScoreRun.State.DONE, scorecard=None).values_list(
            "as_of", flat=True
        )
    )
    changed_on = plan.as_of - dt.timedelta(days=min(_CHANGE_DAYS_AGO, plan.days * 3 // 4))
    ran, connected = 0, False
    for night in nights(plan):
        if night not in there:
            if night >= plan.connected_on and not connected:
                connect()
                connected = True
            if night >= changed_on:
                improve_scorecard(plan, changed_on, by=by)
            run = run_nightly(night, by=by, history_only=night != plan.as_of)
            if run.state != ScoreRun.State.DONE:
                raise WorkbenchError(f"The night of {night} failed: {run.error}")
            if night == plan.as_of:
                work()
            after_night(run)
            ran += 1
        done(night)
    return ran


@transaction.atomic
def improve_scorecard(plan: Plan, on: dt.date, *, by: User) -> None:
    """Publish version 2 of the CRM scorecard, once, and only if nobody has tuned it themselves."""
    scorecard = Scorecard.objects.filter(key=SCORECARD).first()
    if scorecard is None or scorecard.versions.count() != 1:
        return
    draft = versions.start_draft(scorecard, by=by)
    for measure in draft.measures.filter(metric__in=_TRANSFORMS, normaliser="min_max"):
        measure.params = {**measure.params, "transform": _TRANSFORMS[measure.metric]}
        measure.save(update_fields=["params"])
    published = versions.publish(draft, by=by, note=NOTE)
    # In the demo's calendar both versions were published before they scored.
    _backdate(scorecard.versions.get(number=1), nights(plan)[0] - dt.timedelta(days=1))
    _backdate(published, on)


def _backdate(version: ScorecardVersion, day: dt.date) -> None:
    at = timezone.make_aware(dt.datetime.combine(day, dt.time(9, 30)))
    ScorecardVersion.objects.filter(pk=version.pk).update(created_at=at, published_at=at)


@transaction.atomic
def forget_improvement() -> None:
    """Back to the scorecard as it shipped, when only demo nights have used version 2."""
    for version in ScorecardVersion.objects.filter(
        scorecard__key=SCORECARD, note=NOTE, state=ScorecardVersion.State.ACTIVE
    ):
        drafts = version.scorecard.versions.filter(number__gt=version.number)
        if not Snapshot.objects.filter(version=version).exists() and not drafts.exists():
            first = version.scorecard.versions.filter(number=version.number - 1)
            # Past the guard of published versions: this one is the demo's own and goes with its nights.
            ScorecardVersion.objects.filter(pk=version.pk).delete()
            first.update(state=ScorecardVersion.State.ACTIVE)
