"""What is asked for without a log-in: is the process up, can it do its work, its figures, its icon."""

import hmac

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from csm.lib.cache import Tolerant
from csm.observe.exposition import CONTENT_TYPE, exposition
from csm.observe.state import database_answers

_TEXT = "text/plain; charset=utf-8"
_LOOPBACK = ("127.0.0.1", "::1")


@login_not_required
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type=_TEXT)


@login_not_required
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """503 when the database does not answer or is not migrated.

    Without Redis pages still work: it is named, and the answer stays 200, or every web server would be
    taken out of service at once.
    """
    if not database_answers():
        return HttpResponse(
            "the database does not answer or is not migrated\n", status=503, content_type=_TEXT
        )
    lines = ["ready"]
    redis = caches["default"]
    if isinstance(redis, Tolerant) and not redis.answers():
        lines.append("redis does not answer: work in the background waits")
    return HttpResponse("\n".join(lines) + "\n", content_type=_TEXT)


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus: with METRICS_TOKEN as bearer token; without one set only from this machine.

    Anybody else gets 404. A request that came through a proxy is not of this machine.
    """
    if not _may_read(request):
        raise Http404
    response = HttpResponse(exposition(), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-store"
    return response


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return request.META.get("REMOTE_ADDR") in _LOOPBACK and not forwarded


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for it by this name on pages that name no icon."""
    return HttpResponseRedirect(static("app/img/mark.svg"))
