"""Pages of an account's facts."""

import csv
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from accounts.access import visible_to
from accounts.models import Account
from csm.lib.dates import parse_day, today
from csm.lib.spreadsheet import MARK
from csm.portfolio import account_selectors as selectors
from csm.portfolio.account import header
from csm.portfolio.downloads import attach, record
from csm.portfolio.facts import timeline as stream
from csm.portfolio.facts import usage
from csm.portfolio.facts.figures import tiles
from csm.portfolio.facts.tabs import FEATURES, LISTINGS, TABS
from scoring.models import AccountHealth


def _opened(
    request: HttpRequest, pk: int, here: str
) -> tuple[Account, AccountHealth | None, dict[str, Any]]:
    """The account, its health and the context of the head; 404 when it is not the reader's to see."""
    account, health = selectors.account_with_health(request.user, pk)
    return account, health, header(account, health, here)


def _csv_url(account: Account, key: str) -> str:
    return reverse("account_facts_csv", args=[account.pk, key])


@require_safe
def facts(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """One tab of facts: figures from the catalogue, then the lists."""
    shown = TABS.get(tab)
    if shown is None:
        raise Http404("No such tab.")
    account, health, context = _opened(request, pk, tab)
    as_of = health.as_of if health else today()
    context |= {
        "tab": shown,
        # Computed for this account as one looks, so it comes after the page; at once where asked.
        "tiles": tiles(account, shown.metrics, as_of) if "figures" in request.GET else None,
        "lists": [
            listing.page(account, as_of, request.GET, _csv_url(account, listing.key))
            for listing in shown.listings
        ],
    }
    return render(request, "portfolio/account_facts.html", context)


@require_safe
def figures(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """The figures of a tab alone, for the page that is there already."""
    shown = TABS.get(tab)
    if shown is None:
        raise Http404("No such tab.")
    account, health = selectors.account_with_health(request.user, pk)
    found = tiles(account, shown.metrics, health.as_of if health else today())
    return render(request, "portfolio/_figures.html", {"tiles": found})


@require_safe
def account_usage(request: HttpRequest, pk: int) -> HttpResponse:
    """Use of the product by measure and feature."""
    account, health, context = _opened(request, pk, "account_usage")
    as_of = health.as_of if health else today()
    found = usage.series(account, as_of)
    context |= {
        "charts": usage.charts(found),
        "headers": usage.HEADERS,
        "rows": usage.rows(found, as_of),
        "as_of": as_of,
        "features": FEATURES.page(account, as_of, request.GET, _csv_url(account, FEATURES.key)),
    }
    return render(request, "portfolio/account_usage.html", context)


@require_safe
def account_timeline(request: HttpRequest, pk: int) -> HttpResponse:
    """What happened, newest first; `?stream=` one kind only, `?before=YYYY-MM-DD` older entries."""
    account, _, context = _opened(request, pk, "account_timeline")
    asked = request.GET.get("stream", "")
    chosen = asked if asked in {each.key for each in stream.STREAMS} else ""
    try:
        before = parse_day(request.GET["before"]) if request.GET.get("before") else None
    except ValueError:
        before = None
    entries, older = stream.entries(account, today(), stream=chosen, before=before)
    here = reverse("account_timeline", args=[account.pk])
    kept = f"stream={chosen}&" if chosen else ""
    context |= {
        "entries": entries,
        "chosen": chosen,
        "streams": [
            {"label": "All", "url": here, "active": not chosen},
            *(
                {
                    "label": each.label,
                    "url": f"{here}?stream={each.key}",
                    "active": each.key == chosen,
                }
                for each in stream.STREAMS
            ),
        ],
        "older_url": f"{here}?{kept}before={older.isoformat()}" if older else "",
        "newest_url": f"{here}?{kept}".rstrip("?&") if before else "",
    }
    return render(request, "portfolio/account_timeline.html", context)


@require_safe
def facts_csv(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """One list of facts as CSV, whole; recorded in the export log."""
    listing = LISTINGS.get(key)
    account = visible_to(request.user).filter(pk=pk).first()
    if listing is None or account is None:
        raise Http404("No such list.")
    response = HttpResponse(MARK, content_type="text/csv; charset=utf-8")
    attach(response, f"{slugify(account.name) or f'account-{pk}'}-{key}.csv")
    out = csv.writer(response)
    count = -1
    for line in listing.lines(account, today()):
        out.writerow(line)
        count += 1
    record(request, f"account {key}", count, query=f"account={account.pk}")
    return response
