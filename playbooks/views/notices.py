from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def notices(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def read(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def settings(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def webhooks(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def webhook(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
