"""Pages of the book."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def portfolio_csv(request: HttpRequest) -> HttpResponse:
    """First version."""
    return render(request, "base.html")


def at_risk_csv(request: HttpRequest) -> HttpResponse:
    """First version."""
    return render(request, "base.html")
