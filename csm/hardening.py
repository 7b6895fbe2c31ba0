"""What every answer of ours tells browsers, and the page where an address is called the wrong way."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

_MACHINES: Final = ("/api/", "/v1/")
_HEADERS: Final = {
    # What people work on here is nothing for a search engine, nor for a cache others read.
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "Permissions-Policy": (
        "accelerometer=(), autoplay=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Hardening:
    """Headers no view has to think of; a view's own stay. Files of `static/` are sent before this."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            _explain(request, response)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _explain(request: HttpRequest, response: HttpResponseNotAllowed) -> None:
    """Django leaves it empty, and people read it: a bookmark, or a page loaded again after a form."""
    if request.path.startswith(_MACHINES):
        response.headers["Content-Type"] = "application/json"
        response.content = (
            b'{"detail": "This address takes other methods; Allow names them.", '
            b'"code": "method_not_allowed"}'
        )
        return
    reads = request.method in ("GET", "HEAD")
    response.content = render_to_string("405.html", {"reads": reads}).encode()
