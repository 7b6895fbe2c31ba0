from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def alerts(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def alerts_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def bulk(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def undo(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def alert(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def act(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
