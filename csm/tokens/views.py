"""A colleague's API tokens: list, make (shown once), revoke."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.api.throttling import rate
from csm.lib.errors import WorkbenchError
from csm.models import ApiToken
from csm.tokens import services
from csm.tokens.forms import TokenForm


@never_cache
@sensitive_variables("text")
@require_http_methods(["GET", "HEAD", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """The list and the form. A new token is in the answer to its form and nowhere else: no redirect,
    which would need it kept."""
    user: Any = request.user
    form = TokenForm(request.POST or None)
    made, text = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, text = services.create(
                user,
                name=form.cleaned_data["name"],
                scopes=form.cleaned_data["scopes"],
                days=form.days,
                by=user,
                at=timezone.now(),
            )
            form = TokenForm()
        except WorkbenchError as error:
            form.add_error(None, str(error))
    calls, seconds = rate()
    context = {
        "form": form,
        "made": made,
        "text": text,
        "tokens": ApiToken.objects.filter(user=user),
        "calls": calls,
        "seconds": seconds,
    }
    return render(request, "csm/tokens.html", context)


@require_POST
def revoke(request: HttpRequest, pk: str) -> HttpResponse:
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    services.revoke(token, by=request.user, at=timezone.now())
    messages.success(request, f"“{token.name}” is revoked: programs that use it are refused now.")
    return redirect("tokens")
