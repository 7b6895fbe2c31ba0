from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def share(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def shared(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
