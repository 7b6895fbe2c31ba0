"""Facts that cannot both be true, rule by rule."""

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import require_admin, visible_to
from accounts.downloads import as_csv
from accounts.trust.contradictions import RULES, Rule, accounts_of
from accounts.trust.counted import counts_for, is_large
from accounts.trust.views.cells import shown
from csm.lib import markup
from csm.lib.dates import today
from csm.lib.htmx import whether_counted
from csm.lib.paging import numbered


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule with its count."""
    user = require_admin(request)
    found, counted_at = counts_for(user, today(), at=timezone.now())
    if (asked := whether_counted(request, found is None)) is not None:
        return asked
    return render(
        request,
        "accounts/quality_list.html",
        {
            "title": "Contradicting facts",
            "about": "Facts that cannot both be true. They are reported, never resolved by guessing: correct "
            "them where they come from and import again.",
            "headers": [("", "Contradiction"), ("r", "Accounts"), ("", "When"), ("", "What to do")],
            "rows": [
                [
                    (
                        "wrap",
                        markup.link(reverse("quality_contradiction", args=[rule.key]), rule.label),
                    ),
                    ("r", markup.number(found.contradictions[rule.key]) if found else "…"),
                    ("wrap quiet", rule.definition),
                    ("wrap quiet", rule.remedy),
                ]
                for rule in RULES.values()
            ],
            "as_of": today(),
            "note": "An account may contradict several rules."
            + (f" Counted at {timezone.localtime(counted_at):%H:%M}." if counted_at else ""),
            "counting": found is None,
        },
    )


@require_safe
def accounts(request: HttpRequest, key: str) -> HttpResponse:
    """The accounts one rule finds, with the figures that differ side by side."""
    user = require_admin(request)
    rule = _rule(key)
    rows, note = accounts_of(rule, visible_to(user), today()), ""
    counting = False
    if is_large():
        found, counted_at = counts_for(user, today(), at=timezone.now(), large=True)
        counting = found is None
        if (asked := whether_counted(request, counting)) is not None:
            return asked
        # Asking every account of a large book takes longer than a page may.
        ids = found.listed[key] if found else []
        rows = rows.filter(pk__in=ids)
        if found and counted_at:
            note = _of_all(len(ids), found.contradictions[key], counted_at)
    page, pager = numbered(request, rows, "accounts")
    return render(
        request,
        "accounts/quality_list.html",
        {
            "title": rule.label,
            "crumbs": [{"label": "Contradictions", "url": reverse("quality_contradictions")}],
            "about": f"{rule.definition} {rule.remedy}",
            "headers": [("", "Account"), *(("", heading) for heading, _, _ in rule.shows)],
            "rows": [
                [
                    ("wrap", markup.link(reverse("account", args=[each.pk]), each.name)),
                    *(("", shown(getattr(each, name), kind)) for _, name, kind in rule.shows),
                ]
                for each in page.object_list
            ],
            "pager": pager,
            "as_of": today(),
            "note": note,
            "counting": counting,
            "csv_url": reverse("quality_contradiction_csv", args=[key]),
            "empty_title": "No account contradicts this rule",
            "empty_text": "Nothing to do here.",
        },
    )


def _of_all(listed: int, found: int, at: datetime) -> str:
    when = f"counted at {timezone.localtime(at):%H:%M}"
    if listed == found:
        return f"{found:,} {when}."
    return f"The first {listed:,} by name of {found:,}, {when}; the file has them all."


@require_safe
def accounts_csv(request: HttpRequest, key: str) -> HttpResponseBase:
    """The same list as a file."""
    user = require_admin(request)
    rule = _rule(key)
    found = accounts_of(rule, visible_to(user), today())

    def table() -> Any:
        yield ["source", "account_id", "name", *(name for _, name, _ in rule.shows)]
        for each in found.iterator(chunk_size=2_000):
            figures = [getattr(each, name) for _, name, _ in rule.shows]
            yield [each.source, each.external_id, each.name, *figures]

    return as_csv(request, f"contradiction {key}", f"contradiction-{key}", table(), found.count())


def _rule(key: str) -> Rule:
    if key not in RULES:
        raise Http404("There is no such rule.")
    return RULES[key]
