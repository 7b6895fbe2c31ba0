from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def tasks(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def tasks_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def act(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def calendar(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def feed(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def ics(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
