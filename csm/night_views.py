"""Nights: what ran, how far it is, and starting, stopping and going on with them.

A night goes on in `playbooks` when its scores are published, so its page lives above both.
"""

import csv
from collections.abc import Callable
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import require_admin
from accounts.downloads import record_export
from csm import night_plan
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.spreadsheet import MARK, guarded
from csm.nightly import start_night
from csm.tasks import wake, wake_nights
from playbooks.models import TriggerNight
from playbooks.services import night as triggers
from scoring import night_selectors
from scoring.models import ScoreRun, ScoreShard
from scoring.services import night_acts
from scoring.services.nights import OPEN

# Stages of the second half: what the page calls them → the names they have in the row.
_FOLLOW_UP: Final[dict[str, tuple[str, ...]]] = {
    "Triggers": (),
    "Exit tests": ("owners", "overflow", "exit tests"),
    "Clocks": ("clocks", "attention"),
    "Notices": ("notices",),
    "Effects": ("effects",),
}


@require_safe
def night_list(request: HttpRequest) -> HttpResponse:
    """The nights that ran, newest first."""
    user: Any = request.user
    state = request.GET.get("state", "")
    page, pager = numbered(request, night_selectors.runs_in(state), "nights")
    shown = list(page.object_list)
    plans = night_selectors.plans_of(shown)
    now = timezone.now()
    query = f"&state={state}" if state in night_selectors.STATES else ""
    options = [("", "All")] + [(key, label) for key, (label, _) in night_selectors.STATES.items()]
    return render(
        request,
        "scoring/night_list.html",
        {
            "runs": [night_selectors.listed(run, plans, now) for run in shown],
            "may_start": user.is_admin,
            "missed": night_plan.missed(now) if user.is_admin else [],
            "state": state,
            "options": [
                {"label": label, "url": f"?state={key}" if key else "?", "active": key == state}
                for key, label in options
            ],
            "csv_query": query.lstrip("&"),
            "pager": pager,
        },
    )


@require_safe
def night_csv(request: HttpRequest) -> HttpResponse:
    """The history of runs as filtered, as CSV; seconds and accounts a second."""
    runs = list(night_selectors.runs_in(request.GET.get("state", "")))
    record_export(request, "nights", len(runs))
    response = HttpResponse(MARK, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="nights.csv"'
    response["Cache-Control"] = "no-store"
    out = csv.writer(response)
    stages = ("counting", "scoring", "publishing")
    counts = ("accounts", "scored", "unknown", "band_changes")
    out.writerow(
        ["run", "as_of", "state", *counts, "started_at", "finished_at", "seconds"]
        + [f"{name}_seconds" for name in stages]
        + ["accounts_per_second", "started_by", "back_fill", "error"]
    )
    now = timezone.now()
    for run in runs:
        is_done = run.state == ScoreRun.State.DONE
        rate = night_selectors.rate_of(run)
        out.writerow(
            [run.pk, run.as_of, run.state]
            + [getattr(run, name) if is_done else "" for name in counts]
            + [
                _moment(run.started_at),
                _moment(run.finished_at),
                round(night_selectors.seconds_of(run, now), 2) if run.finished_at else "",
            ]
            + [round(run.stages[name], 2) if name in run.stages else "" for name in stages]
            + [
                round(rate) if rate is not None else "",
                guarded(str(run.started_by or "")),
                "yes" if run.history_only else "no",
                guarded(run.error),
            ]
        )
    return response


def _moment(at: Any) -> str:
    return timezone.localtime(at).isoformat(timespec="seconds") if at else ""


@require_safe
def night_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One night; htmx asks for its progress alone, and for the whole page once it is over."""
    runs = ScoreRun.objects.defer("statistics").select_related(
        "started_by", "scorecard", "cancelled_by"
    )
    run = get_object_or_404(runs, pk=pk)
    shards = list(run.shards.defer("partial"))
    judged = TriggerNight.objects.filter(run=run).first()
    now = timezone.now()
    is_open = run.state in OPEN
    follows = judged is not None and judged.state in triggers.OPEN
    context = {
        "run": run,
        "is_open": is_open,
        "is_live": is_open or follows,
        "progress": night_selectors.progress(run, shards, now),
        "judged": judged,
        "stages": night_selectors.stages_of(run, shards)
        + (_follow_up(judged) if not run.history_only and run.scorecard_id is None else []),
        "follow_note": _follow_note(judged, shards) if judged is not None and follows else "",
        "shards": shards,
    }
    if request.headers.get("HX-Request"):
        response = render(request, "scoring/night_progress.html", context)
        # The same address answers with the whole page: a cache must tell them apart.
        patch_vary_headers(response, ["HX-Request"])
        # Over, or from scores to triggers: figures and buttons around it change too.
        was_open = request.GET.get("was") == "open"
        if not context["is_live"] or was_open != is_open:
            response["HX-Refresh"] = "true"
        return response
    plans = night_selectors.plans_of([run])
    user: Any = request.user
    stopped = run.state in night_acts.STOPPED and user.is_admin
    context |= {
        "listed": night_selectors.listed(run, plans, now),
        "findings": night_selectors.findings(run, plans),
        "may_act": user.is_admin,
        "why_not": night_acts.why_not(run) if stopped else "",
        "may_retry": stopped,
        "replaced": _replaced(run, shards),
    }
    return render(request, "scoring/night.html", context)


def _replaced(run: ScoreRun, shards: list[ScoreShard]) -> int:
    """Shards of a stopped run whose figures took the place of an earlier run's of the same night."""
    if run.state not in night_acts.STOPPED:
        return 0
    done = ScoreRun.objects.filter(as_of=run.as_of, state=ScoreRun.State.DONE)
    newest = done.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None or newest > run.pk:
        return 0
    return sum(1 for shard in shards if shard.state == ScoreShard.State.SCORED)


def _follow_up(judged: TriggerNight | None) -> list[dict[str, Any]]:
    """The stages after publishing, as `night_selectors.stages_of` words the first ones."""
    names = list(_FOLLOW_UP)
    here = -1
    if judged is not None:
        here = next((i for i, n in enumerate(names) if judged.stage in _FOLLOW_UP[n]), 0)
        if judged.state in (TriggerNight.State.DONE, TriggerNight.State.FAILED):
            here = len(names)
    failed = judged.report.get("failures", {}) if judged is not None else {}
    found = []
    for place, name in enumerate(names):
        state = "done" if place < here else "now" if place == here else "waiting"
        if any(key in failed for key in (name.lower(), *_FOLLOW_UP[name])):
            state = "stopped"
        found.append({"label": name, "state": state, "seconds": ""})
    return found


def _follow_note(judged: TriggerNight, shards: list[ScoreShard]) -> str:
    if judged.state == TriggerNight.State.FOLLOW_UP:
        return f"Under way: {judged.stage}" if judged.stage else "Finishing"
    past = sum(1 for shard in shards if shard.last_id <= judged.position)
    return f"Triggers over {past} of {len(shards)} parts"


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Score tonight now, or go on with the night that was interrupted."""
    user = require_admin(request)
    try:
        run = start_night(today(), by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("nights")
    _record(request, f"started the night of {run.as_of}", run)
    wake(run)
    return redirect("night", run.pk)


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop an open night; workers stop at their next piece."""
    user = require_admin(request)
    run = get_object_or_404(ScoreRun.objects.defer("statistics"), pk=pk)
    return _act(
        request,
        run,
        lambda: night_acts.cancel(run, by=user, at=timezone.now()),
        f"cancelled the night of {run.as_of}",
        "Cancelled. Pages go on showing the night before.",
    )


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on with a night that stopped, from what is done."""
    user = require_admin(request)
    run = get_object_or_404(ScoreRun.objects.defer("statistics"), pk=pk)
    return _act(
        request,
        run,
        lambda: night_acts.retry(run, by=user, at=timezone.now()),
        f"went on with the night of {run.as_of}",
        "",
    )


@require_POST
def retry_shard(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Let one shard be tried again, and its night with it."""
    user = require_admin(request)
    shard = get_object_or_404(
        ScoreShard.objects.select_related("run").defer("partial"), run_id=pk, number=number
    )
    return _act(
        request,
        shard.run,
        lambda: night_acts.retry(shard, by=user, at=timezone.now()),
        f"tried part {number} of the night of {shard.run.as_of} again",
        "",
    )


def _act(
    request: HttpRequest, run: ScoreRun, act: Callable[[], ScoreRun], what: str, told: str
) -> HttpResponse:
    try:
        with transaction.atomic():
            run = act()
            _record(request, what, run)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("night", run.pk)
    if told:
        messages.success(request, told)
    wake_nights()
    return redirect("night", run.pk)


@require_POST
def backfill(request: HttpRequest) -> HttpResponse:
    """Score the nights that were missed from what was known on each, oldest first."""
    user = require_admin(request)
    try:
        runs = night_plan.backfill_missed(by=user, at=timezone.now())
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("nights")
    if runs:
        days = ", ".join(str(run.as_of) for run in runs)
        _record(request, f"started a back-fill of {len(runs)} nights", runs[0], days=days)
        messages.success(request, f"{len(runs)} missed nights are being scored, oldest first.")
        wake_nights()
    return redirect("nights")


def _record(request: HttpRequest, what: str, run: ScoreRun, **detail: str) -> None:
    user: Any = request.user
    audit.record(
        audit.Kind.OPERATION,
        what,
        by=user,
        at=timezone.now(),
        detail={"run": run.pk, "as_of": str(run.as_of), **detail},
    )
