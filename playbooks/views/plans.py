from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def plans(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def plans_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def board(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def new(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def start(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def plan(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def edit(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def act(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def print_plan(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def share(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def shared(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
