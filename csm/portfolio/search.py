"""Search over accounts and pages: the command palette's results, and a page of its own without it."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from csm.lib import markup
from csm.lib.htmx import answer
from csm.nav import pages
from csm.portfolio.finding import matches, similar
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE

_LONGEST = 120


def found_accounts(user: Any, text: str) -> list[dict[str, Any]]:
    """The best matches among the accounts `user` may see, as the palette lists them."""
    return _listed(matches(user, text))


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
    """`?q=`: up to eight accounts by name or id, and the pages whose name matches."""
    text = request.GET.get("q", "").replace("\0", "").strip()[:_LONGEST]
    accounts = found_accounts(request.user, text) if text else []
    context = {
        "q": text,
        "accounts": accounts,
        # Asked for when nothing else was found.
        "similar": _listed(similar(request.user, text)) if text and not accounts else [],
        "pages": [
            page for page in pages(request.user) if text.casefold() in page["label"].casefold()
        ],
    }
    return answer(request, "portfolio/search.html", "components/palette_results.html", context)
