"""The page of one account."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import get_visible


@require_safe
def account(request: HttpRequest, pk: int) -> HttpResponse:
    """Overview."""
    return render(request, "portfolio/account_overview.html", {"account": get_visible(request.user, pk)})


@require_safe
def account_health(request: HttpRequest, pk: int) -> HttpResponse:
    """Health."""
    return render(request, "portfolio/account_overview.html", {"account": get_visible(request.user, pk)})


@require_safe
def account_history_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """The history as CSV."""
    get_visible(request.user, pk)
    return HttpResponse("", content_type="text/csv")
