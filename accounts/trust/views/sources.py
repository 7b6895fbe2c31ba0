"""Sources: how fresh they are, what they sent day by day, and what the breaker holds."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts import audit
from accounts.access import require_admin
from accounts.downloads import as_csv
from accounts.models import Freeze, Source
from accounts.trust import breaker, selectors
from accounts.trust.forms import FreezeForm, SourceForm
from accounts.trust.freshness import Fresh, freshness
from accounts.trust.tables import feed_label
from accounts.trust.views.cells import (
    SERIES_HEADERS,
    freeze_cards,
    series_row,
    usual_text,
)
from csm.lib import display, markup
from csm.lib.dates import today

FREEZES_SHOWN = 20
CHART_DAYS = 90


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """Every source with its feeds."""
    require_admin(request)
    as_of = today()
    feeds = [each for each in freshness(as_of) if not each.measure]
    urls = {each.key: reverse("quality_source", args=[each.pk]) for each in Source.objects.all()}
    return render(
        request,
        "accounts/quality_sources.html",
        {
            "as_of": as_of,
            "headers": SERIES_HEADERS,
            "rows": [series_row(each, as_of, urls) for each in feeds],
            "count": len({each.source for each in feeds}),
        },
    )


@require_safe
def sources_csv(request: HttpRequest) -> HttpResponseBase:
    """Freshness of every feed and measure as a file."""
    require_admin(request)
    as_of = today()
    found = freshness(as_of)
    header = [
        "as_of",
        "source",
        "feed",
        "measure",
        "state",
        "last_fact_on",
        "last_import_on",
        "usual_interval_days",
        "silent_after_days",
        "next_expected_on",
        "frozen_at",
    ]
    rows = [
        [
            as_of,
            each.source,
            each.feed,
            each.measure,
            each.state,
            each.last_on,
            each.imported_on,
            each.rhythm.usual,
            each.rhythm.silent_after,
            each.next_on,
            each.frozen.good_on if each.frozen else None,
        ]
        for each in found
    ]
    return as_csv(request, "freshness of sources", "sources", [header, *rows], len(rows))


@require_safe
def source(request: HttpRequest, pk: int) -> HttpResponse:
    """One source: feeds and measures, its rows per day, freezes past and present, settings."""
    require_admin(request)
    return _page(request, get_object_or_404(Source, pk=pk))


def _page(
    request: HttpRequest,
    found: Source,
    *,
    form: SourceForm | None = None,
    freeze_form: FreezeForm | None = None,
    status: int = 200,
) -> HttpResponse:
    as_of = today()
    fresh = freshness(as_of, source=found.key)
    feeds = [each for each in fresh if not each.measure]
    freezes = list(selectors.freezes_of(found.key)[:FREEZES_SHOWN])
    held = [each for each in freezes if each.lifted_on is None]
    return render(
        request,
        "accounts/quality_source.html",
        {
            "source": found,
            "as_of": as_of,
            "headers": SERIES_HEADERS,
            "rows": [series_row(each, as_of, source=False) for each in fresh],
            "cards": freeze_cards(held, feeds),
            "past": [each for each in freezes if each.lifted_on is not None],
            "rhythm": [_rhythm(each) for each in feeds],
            "chart": _chart(found, feeds, as_of),
            "form": form or SourceForm(instance=found),
            "freeze_form": freeze_form
            or FreezeForm(feeds=_freezable(feeds), initial={"good_on": as_of}),
            "may_freeze": bool(_freezable(feeds)),
        },
        status=status,
    )


def _freezable(feeds: list[Fresh]) -> list[tuple[str, str]]:
    return [(each.feed, each.label) for each in feeds if each.frozen is None]


def _rhythm(each: Fresh) -> dict[str, Any]:
    beat = each.rhythm
    return {
        "label": each.label,
        "usual": usual_text(beat.usual),
        "late": display.number(beat.late_after, 1),
        "silent": display.number(beat.silent_after, 1),
        "n": beat.n,
    }


def _rows(each: Fresh, days: list[date]) -> dict[date, int]:
    """Rows by day from the first fact on; a day without any is 0."""
    told = {day.on: day.rows for day in each.series}
    return {day: told.get(day, 0) for day in days if day >= each.series[0].on}


def _chart(found: Source, feeds: list[Fresh], as_of: date) -> dict[str, Any] | None:
    """Rows a day of the feeds, as lines; the table beside it has the figures."""
    days = [as_of - timedelta(days=n) for n in range(CHART_DAYS - 1, -1, -1)]
    lines = {each.label: _rows(each, days) for each in feeds if each.series}
    if not any(any(line.values()) for line in lines.values()):
        return None
    first, *rest = lines
    return {
        "id": "rows-a-day",
        "kind": "line",
        "label": f"Rows a day from {found}",
        "data": {
            "points": [{"x": f"{day}", "y": lines[first].get(day)} for day in days],
            "name": first,
            "min": 0,
            "more": [
                {
                    "name": name,
                    "points": [{"x": f"{day}", "y": lines[name].get(day)} for day in days],
                }
                for name in rest
            ],
        },
        "headers": [("", "Day"), *(("r", name) for name in lines)],
        "rows": [
            [
                ("num", display.day(day)),
                *(("r", markup.number(line.get(day))) for line in lines.values()),
            ]
            for day in reversed(days)
        ],
    }


@require_POST
def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Set a source's name, interval and whether it is watched."""
    require_admin(request)
    found = get_object_or_404(Source, pk=pk)
    form = SourceForm(request.POST, instance=found)
    if not form.is_valid():
        return _page(request, get_object_or_404(Source, pk=pk), form=form, status=422)
    form.save()
    audit.record(
        audit.Kind.TUNING,
        f"changed the source {found.key}",
        by=request.user,
        detail={"after": {name: str(form.cleaned_data[name]) for name in form.changed_data}},
    )
    messages.success(request, f"{found} is saved; the next night goes by it.")
    return redirect("quality_source", pk)


@require_POST
def freeze(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold a feed at a day by hand."""
    user = require_admin(request)
    found = get_object_or_404(Source, pk=pk)
    feeds = [each for each in freshness(today(), source=found.key) if not each.measure]
    form = FreezeForm(request.POST, feeds=_freezable(feeds))
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            breaker.freeze(
                found.key,
                wanted["feed"],
                good_on=wanted["good_on"],
                on=today(),
                note=wanted["note"],
                by=user,
            )
        except breaker.FreezeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, f"{feed_label(wanted['feed'])} is frozen from tonight's night on."
            )
            return redirect("quality_source", pk)
    return _page(request, found, freeze_form=form, status=422)


@require_POST
def lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a frozen feed again, with a note."""
    user = require_admin(request)
    found = get_object_or_404(Freeze, pk=pk)
    try:
        breaker.lift(found, on=today(), note=request.POST.get("note", ""), by=user)
    except breaker.FreezeError as error:
        messages.error(request, str(error))
    else:
        label = f"{feed_label(found.feed)} of {found.source}"
        messages.success(
            request,
            f"{label} is read again from tonight's night on; what it sends now counts as normal.",
        )
    where = Source.objects.filter(key=found.source).first()
    return redirect("quality_source", where.pk) if where else redirect("quality_sources")
