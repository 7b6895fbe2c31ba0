from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def triggers(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def triggers_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def new(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def trigger(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def edit(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def switch(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def replay_start(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def replay(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
