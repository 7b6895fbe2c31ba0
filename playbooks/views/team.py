from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def team(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def team_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def assign(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def undo(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def absences(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def handover(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
