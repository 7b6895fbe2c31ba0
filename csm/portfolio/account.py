"""The page of one account: its views. Figures come from `account_selectors`, cells from `account_cells` and
`account_history`."""

import csv
from datetime import date, datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from accounts.models import Account, ChangedAccount
from csm.lib import display
from csm.lib.dates import parse_day, today
from csm.lib.spreadsheet import MARK, guarded
from csm.portfolio import account_cells as cells
from csm.portfolio import account_history as history
from csm.portfolio import account_selectors as selectors
from csm.portfolio.downloads import attach, record
from csm.portfolio.facts.custom import custom_fields
from csm.portfolio.facts.group import group_of
from csm.portfolio.facts.tabs import account_tabs
from scoring.models import AccountHealth
from scoring.services.populations import frozen_feeds
from scoring.services.versions import published_spec


@require_safe
def account(request: HttpRequest, pk: int) -> HttpResponse:
    """Overview: where the account stands, what costs it points, what changed."""
    try:
        found, health = selectors.account_with_health(request.user, pk)
    except Http404:
        # An old address of an account that turned out to be another one.
        if kept := selectors.kept_account(request.user, pk):
            return redirect("account", kept)
        raise
    page = selectors.overview(found, health)
    context = header(found, health, "account") | {
        "group": group_of(request, found),
        "custom": custom_fields(found),
    }
    if page.explained is not None:
        context |= {
            "explained": page.explained,
            "gauge": cells.gauge_of(page.explained),
            "judged": page.explained.snapshot.band >= 0,
            "components": cells.component_rows(page.explained),
            "total": cells.total_row(page.explained),
            "costs": cells.costs(page.explained, found.currency),
            "difference": cells.difference_rows(page.difference),
            "before": page.before,
            "band_changes": [cells.band_change(change) for change in page.band_changes],
            "trend": history.trend(page.nights, page.explained),
            "priority": page.priority,
            "priority_sum": sum(part.points for part in page.priority),
            "revenue_rule": cells.revenue_rule(page.explained),
        }
    return render(request, "portfolio/account_overview.html", context)


@require_safe
def account_health(request: HttpRequest, pk: int) -> HttpResponse:
    """Why the score is what it is, for the newest night or, with `?as_of=YYYY-MM-DD`, any earlier one."""
    found, health = selectors.account_with_health(request.user, pk)
    asked, fault = _asked(request)
    page = selectors.health_page(found, health, asked)
    context = header(found, health, "account_health") | {"fault": fault, "asked": page.asked}
    if page.explained is not None:
        snapshot = page.explained.snapshot
        context |= {
            "explained": page.explained,
            "gauge": cells.gauge_of(page.explained),
            "judged": snapshot.band >= 0,
            "shown": next(n for n in page.nights if n.as_of == snapshot.as_of),
            "frozen": frozen_feeds(snapshot.run.frozen),
            "groups": cells.measure_groups(page.explained, page.sources, found.currency),
            "total": cells.total_row(page.explained),
            "chart": history.history_chart(page.nights, page.explained),
            "marks": history.version_marks(page.nights),
            "previous": page.previous,
            "next": page.next,
            "is_newest": context["health"].as_of == snapshot.as_of,
        }
    return render(request, "portfolio/account_health.html", context)


@require_safe
def account_history_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """Every stored night of the account as CSV; recorded in the export log."""
    found, _ = selectors.account_with_health(request.user, pk)
    nights = selectors.stored_nights(found)
    versions = dict.fromkeys(night.version_id for night, _ in nights)
    labels = list(
        dict.fromkeys(
            component.label
            for version_id in versions
            for component in published_spec(version_id).components
        )
    )
    record(request, "account health history", len(nights), query=f"account={found.pk}")
    response = HttpResponse(MARK, content_type="text/csv; charset=utf-8")
    attach(response, f"{slugify(found.name) or f'account-{found.pk}'}-health.csv")
    out = csv.writer(response)
    out.writerow(
        [
            "as_of",
            "scorecard",
            "version",
            "score",
            "band",
            "coverage",
            *map(guarded, labels),
        ]
    )
    for night, packed in nights:
        parts = selectors.component_scores(packed, night.version_id)
        out.writerow(
            [
                night.as_of.isoformat(),
                guarded(night.scorecard),
                night.number,
                history.csv_number(night.score),
                guarded(selectors.band_of(night)[0]),
                history.csv_number(night.coverage),
                *(history.csv_number(parts.get(label)) for label in labels),
            ]
        )
    return response


def _asked(request: HttpRequest) -> tuple[date | None, str]:
    """The day in the address and, when it is none, the sentence that says so."""
    text = request.GET.get("as_of", "")
    if not text:
        return None, ""
    try:
        return parse_day(text), ""
    except ValueError as error:
        return None, str(error)


def header(account: Account, health: AccountHealth | None, here: str) -> dict[str, Any]:
    """Context of the head all tabs share; `here` names the tab."""
    spec = published_spec(health.version_id) if health else None
    as_of = health.as_of if health else None
    return {
        "account": account,
        "health": health,
        "spec": spec,
        "top": spec.display.scale_max if spec else 100,
        "days_left": (account.renewal_on - as_of).days if account.renewal_on and as_of else None,
        "is_churned": account.churned_on is not None and account.churned_on <= today(),
        "is_demo": account.source == "demo",
        "tabs": account_tabs(account, here),
        "crumbs": [
            {"label": "Portfolio", "url": reverse("portfolio")},
            {"label": account.name, "url": ""},
        ],
        "csv_url": reverse("account_history_csv", args=[account.pk]),
        "by_day": _by_day(account, health),
        "change_definition": "Against the same scorecard version that many days before.",
    }


def _by_day(account: Account, health: AccountHealth | None) -> list[str]:
    """What happened to the score since the night, in sentences."""
    told = []
    if health and health.rescored_at:
        told.append(f"Scored {_moment(health.rescored_at)}, after a change.")
    changed: ChangedAccount | None = getattr(account, "changed", None)
    if changed is not None and changed.scored_times != changed.times:
        told.append(f"A change from {_moment(changed.changed_at)} waits to be scored.")
    left: datetime | None = account.left_to_the_night  # type: ignore[attr-defined]  # annotated
    night = health.run if health and health.run_id else None
    if left is not None and night and night.finished_at and left > night.finished_at:
        told.append(
            f"More accounts changed {_moment(left)} than are scored by day: where this is one of them, its "
            "change waits for the night."
        )
    return told


def _moment(at: datetime) -> str:
    """14:03 today, or with its day."""
    local = timezone.localtime(at)
    if local.date() == today():
        return f"{local:%H:%M} today"
    return f"on {display.day(local.date())} at {local:%H:%M}"
