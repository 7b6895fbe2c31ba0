"""The API under /api/: the facts, their OpenAPI schema and its interactive pages; errors without a page.

What lies below /api/ and /v1/ answers JSON whatever happens; `csm.urls` names the four handlers.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views import defaults
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer

from csm.outages import error_page

_MACHINES = ("/api/", "/v1/")


class SchemaView(SpectacularAPIView):
    """The OpenAPI description as YAML, or as JSON with `?format=json`."""

    content_negotiation_class = DefaultContentNegotiation

    def handle_exception(self, exc: Exception) -> Any:
        # A refusal is JSON here as everywhere, not an OpenAPI document.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


class DocsView(SpectacularSwaggerSplitView):
    """Interactive documentation: a page for people, so it asks for a log-in like any other."""

    template_name = "csm/api_docs.html"
    url_name = "api_schema"


urlpatterns = [
    path("v1/", include("accounts.api.urls")),
    path("v1/", include("scoring.api")),
    path("v1/", include("playbooks.api.urls")),
    path("schema/", SchemaView.as_view(), name="api_schema"),
    path("docs/", login_required(DocsView.as_view()), name="api_docs"),
]


def _handler(status: int, code: str, detail: str, page: Callable[..., HttpResponse]) -> Any:
    def handle(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.path.startswith(_MACHINES):
            return JsonResponse({"detail": detail, "code": code}, status=status)
        return page(request, *args, **kwargs)

    return handle


bad_request = _handler(400, "bad_request", "The request is malformed.", defaults.bad_request)
permission_denied = _handler(403, "refused", "Not allowed.", defaults.permission_denied)
not_found = _handler(
    404,
    "not_found",
    "There is nothing at this address. Addresses are listed in /api/schema/ and end with a slash.",
    defaults.page_not_found,
)
_failed = _handler(
    500,
    "failed",
    "The workbench failed, nothing was changed. The log has the reason.",
    defaults.server_error,
)


def server_error(request: HttpRequest) -> HttpResponse:
    """What nobody expected; trouble of the database is told for what it is."""
    page = error_page(request, as_json=request.path.startswith(_MACHINES))
    return page or _failed(request)
