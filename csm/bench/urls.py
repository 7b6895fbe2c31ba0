"""The workbench's addresses and a bare page beside them, for the bench only."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def bare(request: HttpRequest) -> HttpResponse:
    """What every page costs before it shows anything: middleware, session, user."""
    return HttpResponse(f"<!doctype html><title>Bare</title><p>{request.user}</p>")


urlpatterns = [path("bare/", bare, name="bare"), path("", include("csm.urls"))]
