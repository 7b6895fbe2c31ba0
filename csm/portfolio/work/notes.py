"""The notes of one account: what colleagues wrote, what we promised."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from csm.portfolio.account import header
from csm.portfolio.account_selectors import account_with_health
from playbooks.views.notes import panel


@require_safe
def account_notes(request: HttpRequest, pk: int) -> HttpResponse:
    """Notes and promises, newest first; `?notes=promises` those not kept yet, the most urgent first."""
    account, health = account_with_health(request.user, pk)
    context = header(account, health, "account_notes") | panel(request, account)
    return render(request, "portfolio/account_notes.html", context)
