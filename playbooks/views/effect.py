from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def effect(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def effect_csv(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
