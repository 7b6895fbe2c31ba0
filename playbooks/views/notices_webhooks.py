"""Webhooks: one's own, and for admins those of teams and the house."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms.notices import WebhookForm
from playbooks.models import Delivery, Notice, Severity, Webhook
from playbooks.selectors.notices import with_log
from playbooks.services import delivery, webhooks
from playbooks.views.moments import short

_LOG = 50


@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def webhooks_page(request: HttpRequest) -> HttpResponse:
    """The list and the form. A new secret is in the answer to its form and nowhere else."""
    user: Any = request.user
    form = WebhookForm(user, request.POST or None)
    made, secret = None, ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = webhooks.create(form.values, by=user, shared=form.shared)
            form = WebhookForm(user)
        except WorkbenchError as error:
            form.add_error(None, str(error))
    context = {
        "form": form,
        "made": made,
        "secret": secret,
        "rows": [_listed(hook) for hook in with_log(webhooks.seen_by(user))],
    }
    return render(request, "playbooks/webhooks.html", context)


@never_cache
@sensitive_variables("secret")
@require_http_methods(["GET", "HEAD", "POST"])
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """One webhook: its form, its log, and `do` = test, secret, remove or retry."""
    user: Any = request.user
    hook = get_object_or_404(webhooks.seen_by(user), pk=pk)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    form = WebhookForm(user, request.POST if do == "save" else None, hook=hook)
    secret = ""
    try:
        if do == "save" and form.is_valid():
            webhooks.change(hook, form.values, by=user)
            messages.success(request, f"“{hook.name}” is saved.")
            return redirect("webhook", pk=hook.pk)
        if do == "remove":
            webhooks.remove(hook, by=user)
            messages.success(request, f"“{hook.name}” is removed.")
            return redirect("webhooks")
        if do == "secret":
            secret = webhooks.new_secret(hook, by=user)
        elif do == "test":
            _say(request, webhooks.send_test(hook, by=user, at=timezone.now()))
            return redirect("webhook", pk=hook.pk)
        elif do == "retry":
            asked = request.POST.get("delivery", "")
            row = get_object_or_404(hook.deliveries, pk=whole(asked))
            delivery.retry(row, by=user, at=timezone.now())
            messages.success(request, "It is sent again within a minute.")
            return redirect("webhook", pk=hook.pk)
    except WorkbenchError as error:
        if do == "save":
            form.add_error(None, str(error))
        else:
            messages.error(request, str(error))
    now = timezone.now()
    context = {
        "crumbs": [{"label": "Webhooks", "url": reverse("webhooks")}],
        "form": form,
        "hook": hook,
        "listed": _listed(hook),
        "secret": secret,
        "log": [
            {
                "row": row,
                "when": short(row.sent_at or row.created_at, now),
                "what": row.payload.get("title", ""),
                "next": short(row.next_at, now) if row.state == Delivery.State.WAITING else "",
                "lost": row.state == Delivery.State.GIVEN_UP,
            }
            for row in hook.deliveries.all()[:_LOG]
        ],
        "logged": _LOG,
    }
    return render(request, "playbooks/webhook.html", context)


def _say(request: HttpRequest, row: Delivery) -> None:
    if row.state == Delivery.State.SENT:
        messages.success(request, f"The test arrived: the address answered {row.status}.")
    else:
        messages.error(request, f"The test did not arrive. {row.error}")


def _listed(hook: Webhook) -> dict[str, Any]:
    kinds = dict(Notice.Kind.choices)
    if hook.user_id is not None:
        whose = "what is for me"
    else:
        whose = f"everything of {hook.team.name}" if hook.team else "everything of the house"
    return {
        "hook": hook,
        "whose": whose,
        "kinds": ", ".join(kinds[kind] for kind in hook.kinds if kind in kinds) or "nothing",
        "severity": Severity(hook.min_severity).label,
        "host": hook.url.split("/")[2] if hook.url.count("/") >= 2 else hook.url,
    }
