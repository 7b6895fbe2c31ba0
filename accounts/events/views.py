"""Pages of events, for admins; others get 404."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require_admin
from accounts.events import forms, keys, rules, selectors
from accounts.models import Event, EventRule, WriteKey
from csm.lib.dates import today


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    """What arrives, what it becomes, and what could not be used."""
    require_admin(request)
    day = today()
    every_rule = selectors.all_rules()
    named = selectors.named_events(as_of=day, rules=every_rule)
    standing = selectors.standing(as_of=day)
    arrives = bool(named or standing["arrived"])
    return render(
        request,
        "accounts/event_list.html",
        {
            "as_of": day,
            "named": named,
            "unmapped": sum(not event.rules for event in named),
            "standing": standing,
            "problems": [
                ("Refused", selectors.problems(Event.State.REFUSED, "kind", "name")),
                ("Held", selectors.problems(Event.State.HELD)),
            ]
            if arrives or every_rule
            else [],
            "rules": every_rule,
            "begun": arrives or bool(every_rule) or selectors.has_key(),
            "host": _host(request),
            "most": selectors.MOST_NAMES,
            "days": selectors.SHOWN_DAYS,
        },
    )


@require_safe
def key_list(request: HttpRequest) -> HttpResponse:
    """Write keys, and the form for a new one."""
    require_admin(request)
    return _key_page(request, forms.KeyForm())


@require_POST
@never_cache
def key_new(request: HttpRequest) -> HttpResponse:
    """Make a key; its text is in this answer and nowhere else."""
    user = require_admin(request)
    form = forms.KeyForm(request.POST)
    if form.is_valid():
        try:
            key, text = keys.create_key(**form.cleaned_data, by=user)
        except keys.KeyFault as fault:
            form.add_error("source", str(fault))
        else:
            return _key_page(request, forms.KeyForm(), made=key, text=text)
    return _key_page(request, form, status=422)


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


@require_safe
def rule_new(request: HttpRequest) -> HttpResponse:
    """Make something of an event: `?event=` fills the form in and shows what it would make."""
    require_admin(request)
    event = request.GET.get("event", "")[:200]
    if not event:
        return _rule_page(request, forms.RuleForm())
    guess = forms.first_guess(event)
    draft = EventRule(event=event, how=guess["how"])
    return _rule_page(request, forms.RuleForm(initial=guess), draft=draft)


@require_safe
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a rule, or switch it on again."""
    require_admin(request)
    rule = _rule(pk)
    return _rule_page(request, forms.RuleForm(rule=rule), rule=rule, draft=rule)


@require_POST
def rule_save(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Save a rule, new or changed, and count the past again; `action=preview` only shows what it would make."""
    user = require_admin(request)
    rule = None if pk is None else _rule(pk)
    form = forms.RuleForm(request.POST, rule=rule)
    if not form.is_valid():
        return _rule_page(request, form, rule=rule, status=422)
    if request.POST.get("action") == "preview":
        return _rule_page(request, form, rule=rule, draft=form.draft())
    finished = form.finished()
    made = rules.save_rule(finished, by=user)
    becomes: Any = finished.measure or finished.feature
    messages.success(
        request,
        f"{finished.event} makes {becomes.label}: {made:,} daily value{'s' * (made != 1)} now.",
    )
    return redirect("events")


@require_POST
def rule_deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """The rule makes nothing any more; what it made goes."""
    user = require_admin(request)
    rule = get_object_or_404(EventRule, pk=pk)
    rules.deactivate(rule, by=user)
    messages.success(request, f"{rule.event} makes nothing of this any more.")
    return redirect("events")


def _key_page(
    request: HttpRequest,
    form: forms.KeyForm,
    *,
    made: WriteKey | None = None,
    text: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "form": form,
        "text": text,
        "made": made,
        "keys": selectors.write_keys(),
        "host": _host(request),
    }
    return render(request, "accounts/event_keys.html", context, status=status)


def _rule_page(
    request: HttpRequest,
    form: forms.RuleForm,
    *,
    rule: EventRule | None = None,
    draft: EventRule | None = None,
    status: int = 200,
) -> HttpResponse:
    """The form, with what `draft` would make beside it."""
    day = today()
    context = {
        "form": form,
        "rule": rule,
        "preview": rules.preview(draft, as_of=day) if draft else None,
        # A saved rule has its event; the list of names helps to begin.
        "names": [] if rule else selectors.named_events(as_of=day),
        "made_keys": forms.made_keys(),
    }
    return render(request, "accounts/event_rule.html", context, status=status)


def _rule(pk: int) -> EventRule:
    return get_object_or_404(EventRule.objects.select_related("measure", "feature"), pk=pk)


def _host(request: HttpRequest) -> str:
    """What a client's `host` is set to."""
    return request.build_absolute_uri("/").rstrip("/")
