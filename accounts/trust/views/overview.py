"""Data quality at a glance, and accounts nobody looks after."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require_admin, visible_to
from accounts.downloads import as_csv
from accounts.models import Account
from accounts.trust import profile, selectors
from accounts.trust.contradictions import RULES
from accounts.trust.counted import counts_for
from accounts.trust.views.cells import freeze_cards, series_row
from csm.lib import display, markup
from csm.lib.dates import today
from csm.lib.htmx import whether_counted
from csm.lib.paging import numbered

OVERDUE_SHOWN = 12


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Whether the data can be believed today: what is late, frozen, missing, double or contradictory."""
    user = require_admin(request)
    counts, counted_at = counts_for(user, today(), at=timezone.now())
    if (asked := whether_counted(request, counts is None)) is not None:
        return asked
    found = selectors.overview(user, today())
    rules = [
        [
            ("wrap", markup.link(reverse("quality_contradiction", args=[rule.key]), rule.label)),
            ("r", markup.number(counts.contradictions[rule.key]) if counts else "…"),
            ("wrap quiet", rule.definition),
        ]
        for rule in RULES.values()
    ]
    return render(
        request,
        "accounts/quality.html",
        {
            "quality": found,
            "counts": counts,
            "unowned": display.number(counts.unowned) if counts else "…",
            "contradicting": display.number(counts.contradicting) if counts else "…",
            "counted_at": counted_at,
            "notes": {
                "sources": f"of {display.number(found.sources)} sources",
                "customers": f"of {display.number(counts.customers)} customers"
                if counts
                else "being counted",
                "rules": f"by {len(RULES)} rules" if counts else "being counted",
                "held": f"of {display.number(found.held_accounts)} account ids",
            },
            "freezes": freeze_cards(found.frozen, found.feeds),
            "overdue": [series_row(each, found.as_of) for each in found.overdue[:OVERDUE_SHOWN]],
            "overdue_more": max(0, len(found.overdue) - OVERDUE_SHOWN),
            "late": sum(each.state == "late" for each in found.overdue),
            "silent": sum(each.state == "silent" for each in found.overdue),
            "jumped": sum(each.reason == "jump" for each in found.frozen),
            "rule_headers": [("", "Contradiction"), ("r", "Accounts"), ("", "When")],
            "rules": rules,
            "nothing_told": not found.feeds,
        },
    )


@require_POST
def refresh(request: HttpRequest) -> HttpResponse:
    """Count what came in since the last night; nothing is frozen by it."""
    require_admin(request)
    written = profile.refresh()
    messages.success(
        request,
        f"Brought up to date: {written} days counted again."
        if written
        else "Up to date: nothing came in since the last count.",
    )
    return redirect("quality_sources")


@require_safe
def unowned(request: HttpRequest) -> HttpResponse:
    """Current customers without an owner, the largest first."""
    user = require_admin(request)
    rows = selectors.unowned(visible_to(user), today())
    page, pager = numbered(request, rows, "accounts")
    return render(
        request,
        "accounts/quality_list.html",
        {
            "title": "Accounts without an owner",
            "about": "Current customers nobody looks after: what concerns them reaches no one until an "
            "import, the API or the administration names an owner.",
            "headers": [
                ("", "Account"),
                ("", "Team"),
                ("", "Industry"),
                ("r", "ARR"),
                ("", "Renewal"),
            ],
            "rows": [
                [
                    ("wrap", markup.link(reverse("account", args=[each.pk]), each.name)),
                    ("", each.team.name if each.team else markup.unknown("no team")),
                    ("", each.industry or markup.unknown()),
                    ("r", markup.money(each.arr_amount, each.currency)),
                    ("", markup.day(each.renewal_on)),
                ]
                for each in page.object_list
            ],
            "pager": pager,
            "as_of": today(),
            "csv_url": reverse("quality_unowned_csv"),
            **(
                {"empty_title": "Every customer has an owner", "empty_text": "Nothing to do here."}
                if page.object_list or Account.objects.exists()
                else {
                    "empty_title": "No accounts yet",
                    "empty_text": "Those without an owner are listed here once accounts are imported.",
                }
            ),
        },
    )


@require_safe
def unowned_csv(request: HttpRequest) -> HttpResponseBase:
    """The same list as a file."""
    user = require_admin(request)
    rows = selectors.unowned(visible_to(user), today())

    def table() -> Any:
        yield ["source", "account_id", "name", "team", "industry", "arr_minor_units", "renewal_on"]
        for each in rows.iterator(chunk_size=2_000):
            team = each.team.name if each.team else ""
            yield [
                each.source,
                each.external_id,
                each.name,
                team,
                each.industry,
                each.arr_amount,
                each.renewal_on,
            ]

    return as_csv(
        request, "accounts without owner", "accounts-without-owner", table(), rows.count()
    )
