"""Pages of events, for admins; others get 404."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.events import forms, keys, rules, selectors
from accounts.models import Event, EventRule, WriteKey
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError


def require_admin(request: HttpRequest) -> Any:
    """The colleague, or 404 when they may not tune: that the page exists is not theirs to know."""
    user: Any = request.user
    if not user.is_admin:
        raise Http404("No such page.")
    return user


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """What arrives, what it becomes, and what could not be used."""
    require_admin(request)
    day = today()
    named = selectors.named_events(as_of=day)
    write_keys = selectors.write_keys()
    return render(
        request,
        "accounts/event_list.html",
        {
            "as_of": day,
            "named": named,
            "unmapped": sum(not event.rules for event in named),
            "standing": selectors.standing(as_of=day),
            "problems": [
                ("Refused", "poor", selectors.problems(Event.State.REFUSED, "kind", "name")),
                ("Held", "fair", selectors.problems(Event.State.HELD)),
            ],
            "rules": selectors.all_rules(),
            "keys": [key for key in write_keys if key.revoked_at is None],
            "host": _host(request),
            "most": selectors.MOST_NAMES,
            "days": selectors.SHOWN_DAYS,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def key_list(request: HttpRequest) -> HttpResponse:
    """Write keys; a new one's text is in the answer to its form and nowhere else."""
    user = require_admin(request)
    form, text = forms.KeyForm(request.POST or None), ""
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                key, text = keys.create_key(**form.cleaned_data, by=user)
                form, status = forms.KeyForm(), 200
            except keys.KeyFault as fault:
                form.add_error("source", str(fault))
    return render(
        request,
        "accounts/event_keys.html",
        {
            "form": form,
            "text": text,
            "made": key if text else None,
            "keys": selectors.write_keys(),
            "host": _host(request),
        },
        status=status,
    )


@require_POST
def key_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Refuse a key from now on."""
    user = require_admin(request)
    key = get_object_or_404(WriteKey, pk=pk)
    keys.revoke_key(key, by=user)
    messages.success(
        request, f"{key.name} is revoked: whoever sends with it is refused from now on."
    )
    return redirect("event_keys")


@require_http_methods(["GET", "HEAD", "POST"])
def rule_new(request: HttpRequest) -> HttpResponse:
    """Make something of an event: `?event=` fills the form in and shows what it would make."""
    require_admin(request)
    event = request.GET.get("event", "")[:200]
    return _rule_page(request, None, forms.first_guess(event) if event else None)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a rule, or switch it on again."""
    require_admin(request)
    found = EventRule.objects.select_related("measure", "feature")
    return _rule_page(request, get_object_or_404(found, pk=pk), None)


@require_POST
def rule_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """The rule makes nothing any more; what it made goes."""
    user = require_admin(request)
    rule = get_object_or_404(EventRule, pk=pk)
    rules.deactivate(rule, by=user)
    messages.success(request, f"{rule.event} makes nothing of this any more.")
    return redirect("events")


def _rule_page(
    request: HttpRequest, rule: EventRule | None, guess: dict[str, Any] | None
) -> HttpResponse:
    user: Any = request.user
    status, draft = 200, None
    if request.method == "POST":
        form = forms.RuleForm(request.POST, rule=rule)
        if not form.is_valid():
            status = 422
        elif request.POST.get("action") == "preview":
            draft = form.draft()
        else:
            try:
                finished = form.finished()
                made = rules.save_rule(finished, by=user)
            except WorkbenchError as fault:
                form.add_error(None, str(fault))
                status = 422
            else:
                becomes: Any = finished.measure or finished.feature
                messages.success(
                    request, f"{finished.event} makes {becomes.label}: {made:,} daily values now."
                )
                return redirect("events")
    else:
        form = forms.RuleForm(initial=guess, rule=rule)
        draft = rule
        if guess:
            draft = EventRule(event=guess["event"], how=guess["how"])
    day = today()
    return render(
        request,
        "accounts/event_rule.html",
        {
            "form": form,
            "rule": rule,
            "preview": rules.preview(draft, as_of=day) if draft else None,
            "names": selectors.named_events(as_of=day),
            "made_keys": forms.made_keys(),
        },
        status=status,
    )


def _host(request: HttpRequest) -> str:
    """What a client's `host` is set to."""
    return request.build_absolute_uri("/").rstrip("/")
