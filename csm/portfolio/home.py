"""Pages of the book."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def home(request: HttpRequest) -> HttpResponse:
    """First version."""
    return render(request, "base.html")
