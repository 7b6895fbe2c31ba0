"""Did it work? What playbooks and triggers brought, against accounts nobody worked on."""

from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.downloads import as_csv
from csm.lib import display
from csm.lib.addresses import with_params
from playbooks.effect import LEAST, LEVEL, NEIGHBOURS, NOT_ENOUGH
from playbooks.models import EffectReport
from playbooks.selectors.treatments import HORIZONS
from playbooks.selectors.untreated import REST_DAYS, SAMPLE
from playbooks.services import effects
from playbooks.views import effect_cells
from playbooks.views.shown_night import night_of
from scoring.models import ScoreRun
from scoring.selectors import newest_run

# What the tab is called in the address → (its name, one of them, the page of one).
_TABS: Final = {
    "playbooks": ("Playbooks", "Playbook", "playbook"),
    "triggers": ("Triggers", "Trigger", "trigger"),
}


def _night(request: HttpRequest) -> ScoreRun | None:
    """The night shown; kept on the request, where the shell looks for it too."""
    return night_of(request)


def _tab(request: HttpRequest) -> str:
    asked = request.GET.get("by", "")
    return asked if asked in _TABS else next(iter(_TABS))


def _may_refresh(user: Any) -> bool:
    return bool(user.is_admin or user.role == "manager")


@require_safe
def effect(request: HttpRequest) -> HttpResponse:
    """The newest report; `by` (playbooks, triggers) and `after` (30, 60, 90 days) in the address."""
    run = _night(request)
    report = EffectReport.objects.order_by("-as_of").first()
    tab = _tab(request)
    context: dict[str, Any] = {
        "report": report,
        "may_refresh": run is not None and _may_refresh(request.user),
        "is_old": run is not None and (report is None or report.as_of < run.as_of),
        "tabs": [
            {
                "label": label,
                "url": with_params(request.GET, by=key),
                "active": key == tab,
            }
            for key, (label, _, _) in _TABS.items()
        ],
    }
    if report is not None:
        context |= _shown(request, report.body, tab)
    return render(request, "playbooks/effect.html", context)


def _shown(request: HttpRequest, body: dict[str, Any], tab: str) -> dict[str, Any]:
    everything, *rows = body[tab]
    days = _days(request, everything)
    _, noun, address = _TABS[tab]
    scale = effect_cells.scale_of(rows, days)
    return {
        "tiles": _tiles(everything, days),
        "headers": effect_cells.headers(noun, days),
        "rows": [effect_cells.cells(row, address, days, scale) for row in rows],
        "days": days,
        "segments": [
            {
                "label": f"{each} days",
                "url": with_params(request.GET, after=each),
                "active": each == days,
            }
            for each in HORIZONS
        ],
        "target_headers": effect_cells.TARGET_HEADERS,
        "targets": effect_cells.target_rows(body["targets"]),
        "method": body["method"],
        "level": f"{LEVEL:.0%}",
        "scale": scale,
        "least": LEAST,
        "neighbours": NEIGHBOURS,
        "sample": SAMPLE,
        "rest": REST_DAYS,
        "csv_url": reverse("effect_csv") + f"?by={tab}",
    }


def _days(request: HttpRequest, everything: dict[str, Any]) -> int:
    """The horizon asked for, or the longest at which all plans together allow a verdict."""
    asked = request.GET.get("after", "")
    for days in HORIZONS:
        if asked == str(days):
            return days
    telling = [
        days
        for days in HORIZONS
        if everything["after"][str(days)]["effect"]["verdict"] != NOT_ENOUGH
    ]
    return max(telling, default=HORIZONS[0])


def _tiles(everything: dict[str, Any], days: int) -> list[dict[str, Any]]:
    after = everything["after"][str(days)]
    found = after["effect"]
    ours, theirs, n = after["kept"]
    hits, judged = everything["met"]
    return [
        {
            "label": f"Effect after {days} days",
            "value": display.signed(found["effect"]) if found["effect"] is not None else None,
            "unit": "points" if found["effect"] is not None else "",
            "definition": "Mean change of the treated accounts less that of comparable untreated ones.",
            "n": effect_cells.matched(found),
            "note": effect_cells.WORDS[found["verdict"]]
            + (f": {effect_cells.between(found)}" if found["effect"] is not None else ""),
        },
        {
            "label": f"Mean change after {days} days",
            "value": display.signed(after["mean"]) if after["mean"] is not None else None,
            "unit": "points" if after["mean"] is not None else "",
            "definition": "Health score that day less health score at the start, same scorecard version.",
            "n": f"{display.number(after['known'])} of {display.number(after['due'])} plans",
            "note": _untreated_note(found),
        },
        {
            "label": f"ARR kept after {days} days",
            "value": display.percent(ours) if ours is not None else None,
            "definition": "ARR at the start of treated accounts that are still customers, of the ARR of all of "
            "them; the untreated ones are weighed with the ARR of the accounts they are compared with.",
            "n": f"{display.number(n)} accounts",
            "note": f"Untreated {display.percent(theirs)}" if theirs is not None else "",
        },
        {
            "label": "Exit test met",
            "value": display.percent(hits / judged) if judged else None,
            "definition": "Plans that closed because their exit test held, of those closed and not cancelled. "
            "Low accounts often recover by themselves: read it beside the effect.",
            "n": f"{display.number(hits)} of {display.number(judged)} plans",
        },
        {
            "label": "Plans begun in a year",
            "value": display.number(everything["runs"]),
            "n": f"{display.number(everything['open'])} open, "
            f"{display.number(everything['completed'])} completed",
            "note": ""
            if everything["median_days"] is None
            else f"median {display.number(everything['median_days'])} days",
        },
    ]


def _untreated_note(found: dict[str, Any]) -> str:
    if found["mean_matched"] is None:
        return ""
    return (
        f"Matched: {display.signed(found['mean_treated'])}, "
        f"untreated {display.signed(found['mean_matched'])}"
    )


@require_safe
def effect_csv(request: HttpRequest) -> HttpResponseBase:
    """The tab's rows with every horizon."""
    report = EffectReport.objects.order_by("-as_of").first()
    if report is None:
        raise Http404("There is no report yet.")
    tab = _tab(request)
    rows, as_of = report.body[tab], report.as_of.isoformat()
    file = effect_cells.lines(tab.removesuffix("s"), rows, as_of)
    return as_csv(request, "effect", f"effect-{tab}-{as_of}", file, len(rows))


@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    """Make the figures of the newest night now; for managers and admins."""
    if not _may_refresh(request.user):
        raise Http404("No such page.")
    run = newest_run(defer=True)
    if run is None:
        raise Http404("There is no night yet.")
    effects.refresh(run.as_of)
    messages.success(request, f"The figures are as of {display.day(run.as_of)} now.")
    return redirect("effect")
