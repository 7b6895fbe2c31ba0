from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def new(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def start(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def edit(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
