"""Pages that htmx may ask for in part."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def answer(request: HttpRequest, page: str, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """The template `page`, or for htmx only `fragment`; the back button always gets the page."""
    htmx: Any = getattr(request, "htmx", None)
    partly = bool(htmx) and not htmx.history_restore_request
    response = render(request, fragment if partly else page, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def whether_counted(request: HttpRequest, counting: bool) -> HttpResponse | None:
    """The answer for a page that asks whether its figures are there; None for every other request.

    `components/counting.html` asks; as soon as nothing is `counting` any more the page is loaded again.
    """
    if request.headers.get("HX-Target") != "counting":
        return None
    response = HttpResponse(status=204)
    if not counting:
        response["HX-Refresh"] = "true"
    return response
