from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def clocks(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def clocks_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def rules(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def act(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
