"""The page of one account: overview and health."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.access import get_visible


def account(request: HttpRequest, pk: int) -> HttpResponse:
    """Overview."""
    return render(request, "base.html", {"account": get_visible(request.user, pk)})


def account_health(request: HttpRequest, pk: int) -> HttpResponse:
    """Why the score is what it is."""
    return render(request, "base.html", {"account": get_visible(request.user, pk)})
