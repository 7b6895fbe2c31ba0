"""The metric catalogue: every number a scorecard may use, what feeds it, who has it, who reads it."""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import require_admin
from accounts.downloads import as_csv
from accounts.models import MetricDefinition
from accounts.trust.freshness import Fresh
from csm.lib import display, markup
from csm.lib.dates import today
from scoring import wording
from scoring.metric_forms import MetricForm
from scoring.metric_selectors import OWN, Entry, entries, profiled_nights
from scoring.metrics.catalogue import FAMILIES
from scoring.metrics.metric import ACCOUNT, REPORTED, Metric
from scoring.selectors import newest_run
from scoring.services import definitions

STATES = {
    "used": "Read by a scorecard",
    "unused": "Read by none",
    "missing": "Without a value",
    "frozen": "Frozen",
}
HEADERS = (
    ("wrap", "Metric"),
    ("", "Family"),
    ("", "Better"),
    ("r", "Window"),
    ("wrap", "Comes from"),
    ("", "Coverage"),
    ("r", "Median"),
    ("num", "Newest fact"),
    ("wrap", "Read by"),
)
_NIGHTS = 90


def _as_of(request: HttpRequest) -> date:
    """The night shown; kept on the request, where the shell looks for it too."""
    run = newest_run(defer=True)
    request.night = run  # type: ignore[attr-defined]
    return run.as_of if run else today()


def _chosen(request: HttpRequest) -> tuple[list[Entry], list[Entry], dict[str, str]]:
    """All entries, those the address asks for, and what it asks."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "family", "state")}
    every = entries(_as_of(request))
    words = asked["q"].casefold()

    def wanted(each: Entry) -> bool:
        text = f"{each.metric.key} {each.metric.label} {each.metric.description}".casefold()
        return (
            words in text
            and asked["family"] in ("", each.family)
            and {
                "used": bool(each.uses),
                "unused": not each.uses,
                "missing": each.profile is not None and not each.profile.known,
                "frozen": each.is_frozen,
            }.get(asked["state"], True)
        )

    return every, [each for each in every if wanted(each)], asked


@require_safe
def metric_list(request: HttpRequest) -> HttpResponse:
    """The catalogue; `q`, `family` and `state` in the address narrow it."""
    every, shown, asked = _chosen(request)
    profiled = next((each.profile for each in every if each.profile), None)
    user: Any = request.user
    return render(
        request,
        "scoring/metric_list.html",
        {
            "headers": HEADERS,
            "rows": [_row(each) for each in shown],
            "total": len(every),
            "shown": len(shown),
            "asked": asked,
            "families": [*FAMILIES, OWN],
            "states": STATES,
            "profiled": profiled,
            "may_define": user.is_admin,
            "csv_url": f"{reverse('metrics_csv')}?{request.GET.urlencode()}",
        },
    )


def _row(entry: Entry) -> list[tuple[str, Any]]:
    metric = entry.metric
    url = reverse("metric", args=[metric.key])
    told = entry.told_on
    return [
        ("wrap", markup.link(url, metric.label, metric.key)),
        ("quiet", f"{entry.family}, switched off" if _is_off(entry) else entry.family),
        (
            "quiet",
            "" if metric.is_category else {"up": "Higher", "down": "Lower"}[metric.direction],
        ),
        ("r quiet", f"{metric.window_days} d" if metric.window_days else ""),
        ("wrap quiet", _sources(metric)),
        (
            "",
            markup.unknown("not counted yet")
            if entry.coverage is None
            else markup.coverage(entry.coverage, 0, "the accounts"),
        ),
        ("r", _quantile(entry, "50")),
        ("num", markup.day(told)),
        ("wrap", ", ".join(f"{use.name}{' (draft)' if use.draft else ''}" for use in entry.uses)),
    ]


def _is_off(entry: Entry) -> bool:
    return entry.definition is not None and not entry.definition.is_active


def _sources(metric: Metric) -> str:
    words = {REPORTED: "reported", ACCOUNT: "the account's record"}
    return ", ".join(words.get(source, source.replace("_", " ")) for source in metric.sources)


def _quantile(entry: Entry, which: str) -> Any:
    found = entry.profile.spread.get("quantiles", {}) if entry.profile else {}
    if which not in found:
        return markup.unknown("no value")
    return wording.figure(entry.metric.key, found[which], settings.DEFAULT_CURRENCY)


_COLUMNS = (
    "key",
    "label",
    "definition",
    "family",
    "unit",
    "better",
    "window_days",
    "sources",
    "accounts",
    "known",
    "median",
    "newest_fact",
    "as_of",
    "read_by",
)


@require_safe
def metrics_csv(request: HttpRequest) -> HttpResponseBase:
    """The catalogue as filtered, as CSV."""
    _, shown, _ = _chosen(request)
    return as_csv(request, "metrics", "metrics", [_COLUMNS, *map(_line, shown)], len(shown))


def _line(entry: Entry) -> list[Any]:
    metric, profile = entry.metric, entry.profile
    median = (profile.spread.get("quantiles") or {}).get("50") if profile else None
    return [
        metric.key,
        metric.label,
        metric.description,
        entry.family,
        metric.unit or metric.kind,
        "" if metric.is_category else {"up": "higher", "down": "lower"}[metric.direction],
        metric.window_days or None,
        " ".join(metric.sources),
        profile.accounts if profile else None,
        profile.known if profile else None,
        median,
        entry.told_on,
        profile.as_of if profile else None,
        "; ".join(use.name for use in entry.uses),
    ]


@require_safe
def metric_page(request: HttpRequest, key: str) -> HttpResponse:
    """One metric: definition, spread over the book, coverage by night, freshness, who reads it."""
    entry = next((each for each in entries(_as_of(request)) if each.metric.key == key), None)
    if entry is None:
        raise Http404("No such metric.")
    nights = profiled_nights(key, _NIGHTS)
    user: Any = request.user
    profile = entry.profile
    spread = profile.spread if profile else {}
    return render(
        request,
        "scoring/metric.html",
        {
            "entry": entry,
            "metric": entry.metric,
            "unit": wording.unit(key),
            "sources": _sources(entry.metric),
            "figures": [
                (label, wording.figure(key, spread["quantiles"][q], settings.DEFAULT_CURRENCY))
                for q, label in (
                    ("5", "5 % are below"),
                    ("25", "A quarter is below"),
                    ("50", "Median"),
                    ("75", "A quarter is above"),
                    ("95", "5 % are above"),
                )
            ]
            if "quantiles" in spread
            else [],
            "mean": wording.figure(key, profile.mean, settings.DEFAULT_CURRENCY)
            if profile and profile.mean is not None
            else None,
            "values": spread.get("values", {}),
            "chart": _histogram(entry) if spread.get("bins") else None,
            "trend": _coverage_trend(nights) if len(nights) > 1 else None,
            "fresh_headers": (
                ("wrap", "Source"),
                ("", "Feed"),
                ("num", "Newest fact"),
                ("", "State"),
            ),
            "fresh_rows": [_fresh_row(each) for each in entry.fresh],
            "may_define": user.is_admin and entry.definition is not None,
        },
    )


def _fresh_row(fresh: Fresh) -> list[tuple[str, Any]]:
    state = "Frozen" if fresh.frozen else str(fresh.state).capitalize()
    tone = {"Fresh": "good", "Late": "fair", "Silent": "poor", "Frozen": "poor"}
    name = f"{fresh.label}: {fresh.measure}" if fresh.measure else fresh.label
    return [
        ("wrap", fresh.source),
        ("", name),
        ("num", markup.day(fresh.last_on)),
        ("", markup.band(state, tone.get(state, "unknown"), plain=True)),
    ]


def _histogram(entry: Entry) -> dict[str, Any]:
    assert entry.profile is not None
    key = entry.metric.key
    bins = [
        (wording.figure(key, low, settings.DEFAULT_CURRENCY), high, count)
        for low, high, count in entry.profile.spread["bins"]
    ]
    return {
        "id": "spread",
        "kind": "histogram",
        "label": f"{entry.metric.label}: accounts by value, without the outermost 1 % on either side",
        "data": {
            "bins": [{"label": low, "count": count} for low, _, count in bins],
            "x": entry.metric.label,
            "y": "Accounts",
        },
        "headers": [("", "From"), ("", "To"), ("r", "Accounts")],
        "rows": [
            [
                ("num", low),
                ("num", wording.figure(key, high, settings.DEFAULT_CURRENCY)),
                ("r", display.number(count)),
            ]
            for low, high, count in bins
        ],
    }


def _coverage_trend(nights: Any) -> dict[str, Any]:
    points = [
        (row.as_of, row.known / row.accounts * 100 if row.accounts else None, row.known)
        for row in nights
    ]
    return {
        "id": "coverage",
        "kind": "line",
        "label": "Share of accounts with a value, by night",
        "size": "low",
        "data": {
            "points": [{"x": day.isoformat(), "y": share} for day, share, _ in points],
            "name": "Coverage",
            "y": "% of accounts",
            "min": 0,
            "max": 100,
        },
        "headers": [("", "Night"), ("r", "Coverage"), ("r", "Accounts with a value")],
        "rows": [
            [
                ("num", markup.day(day)),
                ("r", markup.percent(None if share is None else share / 100)),
                ("r", display.number(known)),
            ]
            for day, share, known in reversed(points)
        ],
    }


@require_http_methods(["GET", "HEAD", "POST"])
def metric_edit(request: HttpRequest, key: str = "") -> HttpResponse:
    """Define a metric, or change one; "Try it" shows what it would give and keeps nothing."""
    user = require_admin(request)
    found = get_object_or_404(MetricDefinition, key=key) if key else None
    locked = found is not None and definitions.is_published(found.key)
    form = MetricForm(request.POST or None, instance=found, locked=locked)
    tried = None
    if request.method == "POST" and form.is_valid():
        if "try" in request.POST:
            run = newest_run()
            tried = definitions.trial(form.instance, run) if run else None
        else:
            try:
                kept = definitions.save(form.instance, by=user)
            except definitions.DefinitionError as error:
                form.add_error(None, str(error))
            else:
                messages.success(
                    request, f"{kept.label} is kept. Its coverage is counted with the next night."
                )
                return redirect("metric", kept.key)
    figures = tried and [(q, wording.plain(value, 2)) for q, value in tried.quantiles.items()]
    context = {"form": form, "found": found, "locked": locked, "tried": tried, "figures": figures}
    status = 422 if request.method == "POST" and form.errors else 200
    return render(request, "scoring/metric_form.html", context, status=status)


@require_POST
def metric_switch(request: HttpRequest, key: str) -> HttpResponse:
    """Offer a defined metric to new scorecards, or stop offering it."""
    user = require_admin(request)
    found = get_object_or_404(MetricDefinition, key=key)
    # The wanted state, not the other one: pressed twice it is still what was asked for.
    found.is_active = request.POST.get("active") == "yes"
    definitions.save(found, by=user)
    said = "is offered to scorecards again" if found.is_active else "is switched off"
    messages.success(request, f"{found.label} {said}. Scorecards that read it go on doing so.")
    return redirect("metrics")
