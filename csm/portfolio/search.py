"""Search over accounts and pages: the command palette's results, and a page of its own without it."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from csm.lib import markup
from csm.lib.htmx import answer
from csm.nav import pages
from csm.portfolio.finding import find
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE

_LONGEST = 120


def _listed(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [
        {
            "url": reverse("account", args=[pk]),
            "name": name,
            "detail": " · ".join(each for each in (external_id, industry) if each),
            "band": markup.band(band or UNKNOWN_NAME, tone or UNKNOWN_TONE, True),
        }
        for pk, name, external_id, industry, band, tone in rows
    ]


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`?q=`: accounts by name or id, or those like it, and the pages whose name matches."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:_LONGEST]
    found, alike = find(request.user, text) if text else ([], [])
    context = {
        "q": text,
        "accounts": _listed(found),
        "similar": _listed(alike),
        "pages": [
            page for page in pages(request.user) if text.casefold() in page["label"].casefold()
        ],
    }
    return answer(request, "portfolio/search.html", "components/palette_results.html", context)
