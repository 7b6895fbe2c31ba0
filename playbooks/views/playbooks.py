from typing import Any

from django.http import Http404, HttpRequest, HttpResponse


def playbooks(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def new(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def roles(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def playbook(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def edit(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def publish(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def switch(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def audience(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")


def dry_run(request: HttpRequest, **_: Any) -> HttpResponse:
    raise Http404("STUB")
