from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def add(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def edit(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def act(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def file(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
