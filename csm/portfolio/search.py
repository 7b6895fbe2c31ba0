"""Search over accounts and pages: the command palette's results, and a page of its own without it."""

from typing import Any

from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import visible_to
from csm.lib import markup
from csm.lib.htmx import answer
from csm.nav import pages
from csm.portfolio.filters import named_like
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE

MOST = 8
_LONGEST = 120


def found_accounts(user: Any, text: str) -> list[dict[str, Any]]:
    """The best matches among the accounts `user` may see: exact id, then names that begin with `text`."""
    rank = Case(
        When(external_id__iexact=text, then=Value(0)),
        When(name__istartswith=text, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = (
        visible_to(user)
        .filter(named_like(text))
        .order_by(rank, "name", "pk")
        .values_list("pk", "name", "external_id", "industry", "health__band_name", "health__tone")[
            :MOST
        ]
    )
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
    context = {
        "q": text,
        "accounts": found_accounts(request.user, text) if text else [],
        "pages": [
            page for page in pages(request.user) if text.casefold() in page["label"].casefold()
        ],
    }
    return answer(request, "portfolio/search.html", "components/palette_results.html", context)
