"""STUB: giving work to a colleague."""

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse

# Accounts given in one go.
MOST = 2_000


def choose(request: HttpRequest, what: str, ids: Sequence[int]) -> HttpResponse:
    raise Http404("STUB")
