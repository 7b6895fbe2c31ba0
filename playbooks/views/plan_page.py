from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def plan(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def print_plan(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
