"""Pages of the book."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def portfolio(request: HttpRequest) -> HttpResponse:
    """First version."""
    return render(request, "base.html")


def at_risk(request: HttpRequest) -> HttpResponse:
    """First version."""
    return render(request, "base.html")
