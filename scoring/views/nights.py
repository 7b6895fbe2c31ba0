"""Nights as everyone reads them: what ran, how far it is, what it found."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from csm.lib import display
from csm.lib.money import per_unit
from scoring.models import ScorecardVersion, ScoreRun, ScoreShard
from scoring.services.nights import OPEN
from scoring.services.populations import frozen_feeds
from scoring.services.versions import published_spec

PER_PAGE = 50
# Statistics hold whole populations; no page but the account's needs them.
_HEAVY = ("statistics", "report")
_TONES = {ScoreRun.State.DONE: "good", ScoreRun.State.FAILED: "poor"}


@require_safe
def night_list(request: HttpRequest) -> HttpResponse:
    """The nights that ran, newest first."""
    runs = ScoreRun.objects.defer(*_HEAVY).select_related("started_by", "scorecard")
    page = Paginator(runs, PER_PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    plans = _plans(shown)
    user: Any = request.user
    return render(
        request,
        "scoring/night_list.html",
        {
            "runs": [_listed(run, plans) for run in shown],
            "may_start": user.is_admin,
            "pager": {
                "first": page.start_index(),
                "last": page.end_index(),
                "total": page.paginator.count,
                "noun": "nights",
                "prev_url": f"?page={page.previous_page_number()}" if page.has_previous() else "",
                "next_url": f"?page={page.next_page_number()}" if page.has_next() else "",
            },
        },
    )


@require_safe
def night_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One night; htmx asks for its progress alone, and for the whole page once it is over."""
    runs = ScoreRun.objects.defer("statistics").select_related("started_by", "scorecard")
    run = get_object_or_404(runs, pk=pk)
    shards = list(run.shards.defer("partial"))
    context = {"run": run, "is_open": run.state in OPEN, **_progress(run, shards)}
    if request.headers.get("HX-Request"):
        response = render(request, "scoring/night_progress.html", context)
        # The same address answers with the whole page: a cache must tell them apart.
        patch_vary_headers(response, ["HX-Request"])
        if not context["is_open"]:
            response["HX-Refresh"] = "true"
        return response
    plans = _plans([run])
    context |= {
        "listed": _listed(run, plans),
        "shards": shards,
        "findings": _findings(run, plans),
    }
    return render(request, "scoring/night.html", context)


def _plans(runs: list[ScoreRun]) -> dict[int, ScorecardVersion]:
    """The versions that the nights scored with, by id; one query."""
    wanted = {pk for run in runs for pk in run.plan}
    return ScorecardVersion.objects.select_related("scorecard").in_bulk(wanted)


def _listed(run: ScoreRun, plans: dict[int, ScorecardVersion]) -> dict[str, Any]:
    end = run.finished_at or timezone.now()
    return {
        "run": run,
        "tone": _TONES.get(ScoreRun.State(run.state), "unknown"),
        "duration": duration((end - run.started_at).total_seconds()),
        "versions": [plans[pk] for pk in run.plan if pk in plans],
        "is_open": run.state in OPEN,
        "frozen": frozen_feeds(run.frozen),
    }


def duration(seconds: float) -> str:
    """Seconds as people say them: 3.1 s, 2 min 5 s, 1 h 4 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _progress(run: ScoreRun, shards: list[ScoreShard]) -> dict[str, Any]:
    """Pieces done of two per shard: counted, then scored."""
    worth = {ScoreShard.State.WAITING: 0, ScoreShard.State.COUNTED: 1, ScoreShard.State.SCORED: 2}
    done = sum(worth[ScoreShard.State(shard.state)] for shard in shards)
    return {
        "done": done,
        "total": 2 * len(shards),
        "progress_label": {
            ScoreRun.State.COUNTING: "Counting the population",
            ScoreRun.State.SCORING: "Scoring",
        }.get(ScoreRun.State(run.state), "Pieces done"),
    }


def _findings(run: ScoreRun, plans: dict[int, ScorecardVersion]) -> list[dict[str, Any]]:
    """Per version: warnings, clipped values by measure, and where the tiers were cut."""
    found = []
    for pk in run.plan:
        report, version = run.report.get(str(pk)), plans.get(pk)
        if report is None or version is None:
            continue
        labels = {measure.key: measure.label for measure in published_spec(pk).measures}
        clipped = {
            labels.get(key, key): count for key, count in report.get("clipped", {}).items() if count
        }
        cuts = report.get("cuts")
        found.append(
            {
                "version": version,
                "warnings": report.get("warnings", []),
                "clipped": sorted(clipped.items(), key=lambda pair: -pair[1]),
                # Quartiles of the predicted revenue, stored in minor units.
                "revised": report.get("revised"),
                "cuts": [display.compact(cut / per_unit()) for cut in cuts] if cuts else None,
            }
        )
    return found
