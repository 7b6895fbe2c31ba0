"""When the database is slow, locked or gone: what is asked of it once more, and what people then read.

A failure becomes a response before any middleware sees it, so the error page marks those of the database and
the middleware goes by the mark.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.template.loader import render_to_string

from csm.lib import retry

log = logging.getLogger("csm.outages")

_SAFE: Final = {"GET", "HEAD", "OPTIONS"}
_COME_AGAIN: Final = "10"  # seconds
# Seconds after which nothing is tried again: the person has waited for the database all that time.
_ENOUGH: Final = 15
_TEXTS: Final = {
    "slow": "It took longer than an answer may, so it was stopped. Ask for less: a filter, fewer rows.",
    "gone": "The database does not answer at the moment. Send the same request again.",
    "busy": "The database is busy with somebody else's changes. Send the same request again.",
}


class Outages:
    """Asks again for what failed because a connection was lost or a lock not given.

    Only what changes nothing, and the log-in, which does the same when it is sent twice.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        response = self.get_response(request)
        for failed in range(1, retry.PAGE.tries):
            if getattr(response, "database_trouble", "") not in ("gone", "busy"):
                break
            if not _repeatable(request) or time.monotonic() - started > _ENOUGH:
                break
            log.warning("%s %s is tried again", request.method, request.path)
            retry.reconnect()
            time.sleep(retry.PAGE.pause(failed))
            response = self.get_response(request)
        return response


def _repeatable(request: HttpRequest) -> bool:
    # The page of a request within a transaction (tests) is not the whole of it.
    if connection.in_atomic_block:
        return False
    return request.method in _SAFE or request.path == resolve_url(settings.LOGIN_URL)


def trouble(error: BaseException | None) -> str:
    """What kind of trouble of the database's `error` is: "slow", "gone", "busy", or "" for none."""
    if retry.is_cancelled(error):
        return "slow"
    if retry.is_busy(error):
        return "busy"
    return "gone" if retry.is_lost(error) else ""


def error_page(request: HttpRequest, *, as_json: bool) -> HttpResponse | None:
    """The answer to the exception being handled, when it is the database's trouble; None otherwise.

    503 with a page, or with JSON; needs neither the database nor who asks.
    """
    kind = trouble(sys.exc_info()[1])
    if not kind:
        return None
    response: HttpResponse
    if as_json:
        response = JsonResponse({"detail": _TEXTS[kind], "code": kind}, status=503)
    else:
        page = render_to_string("503.html", {"kind": kind, "reads": request.method in _SAFE})
        response = HttpResponse(page, status=503)
    if kind != "slow":
        response["Retry-After"] = _COME_AGAIN
    response.database_trouble = kind  # type: ignore[attr-defined]
    return response
