"""Acting on alerts: one, those selected, all that match; and taking it back."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from csm.lib import display
from csm.lib.addresses import back_to
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.access import alerts_changeable_by, alerts_seen_by
from playbooks.forms.alerts import ActForm, colleagues, days_ahead, startable
from playbooks.models import Alert, Severity
from playbooks.selectors import alerts as selectors
from playbooks.services import alert_deeds as deeds
from playbooks.services import alerts as services
from playbooks.services.alert_changes import Result, hindrances

_DONE = {
    "take": "taken",
    "assign": "given away",
    "snooze": "snoozed",
    "wake": "woken",
    "dismiss": "marked as not a risk",
    "start": "answered with a playbook",
}
# A message names so many alerts that were left.
_NAMED = 3


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """One act on one alert; back to where it was done."""
    alert = get_object_or_404(
        alerts_changeable_by(request.user, on=today()).select_related("account", "trigger"), pk=pk
    )
    back = back_to(request, reverse("alert", args=[pk]))
    form = ActForm(request.POST, user=request.user)
    if not form.is_valid():
        messages.error(request, form.fault)
        return redirect(back)
    given = whole(request.POST.get("seen", ""), 9)
    service: Any = {"start": services.start_playbook}.get(form.chosen) or getattr(
        services, form.chosen
    )
    try:
        result = service(alert, by=request.user, at=timezone.now(), seen=given, **form.values)
    except WorkbenchError as error:
        messages.error(request, f"{alert.trigger} of {alert.account}: {error}")
        return redirect(back)
    _say(request, result, f"{alert.trigger} of {alert.account}: {_DONE[form.chosen]}.", back)
    return redirect(back)


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Many alerts: first a page that says how many each act would concern, then the act."""
    if "action" in request.POST:
        return _act_on_many(request)
    found = _chosen(request)
    if not found:
        messages.warning(request, "Select some alerts first.")
        return redirect(back_to(request, reverse("alerts")))
    return _preview(request, found)


@require_POST
def undo(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Take back what one did, where nothing happened since."""
    back = back_to(request, reverse("alerts"))
    try:
        result = services.undo(batch, by=request.user, at=timezone.now())
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect(back)
    if result.done:
        messages.success(request, f"Undone: {_count(len(result.done))}.")
    _say_left(request, result)
    return redirect(back)


def _chosen(request: HttpRequest) -> list[Alert]:
    """The alerts selected, or all of the list the address described; only what one may see."""
    user, on = request.user, today()
    if request.POST.get("what") == "all":
        rows = selectors.matching(user, _listed(request), on=on)
    else:
        asked = [each for each in request.POST.getlist("id") if each.isascii() and each.isdigit()]
        rows = alerts_seen_by(user).filter(pk__in=[int(each) for each in asked if len(each) < 15])
    names = ("account", "trigger__playbook", "taken_by", "ended_by", "intervention")
    return list(rows.select_related(*names).order_by("-severity", "pk")[: services.MOST + 1])


def _listed(request: HttpRequest) -> QueryDict:
    """How the list was filtered in which "all that match" was pressed."""
    return QueryDict(request.POST.get("query", "")[:4000])


@dataclass(frozen=True)
class Preview:
    """How many alerts an act would concern, and why the others stay: sentences."""

    action: str
    concerned: int
    left: list[str]


def _preview(request: HttpRequest, found: list[Alert]) -> HttpResponse:
    user, on, now = request.user, today(), timezone.now()
    if len(found) > services.MOST:
        # Beyond what one page may do it is done in the background.
        return redirect(f"{reverse('job_alerts')}?{_listed(request).urlencode()}")
    ids = [alert.pk for alert in found]
    mine = set(alerts_changeable_by(user, on=on).filter(pk__in=ids).values_list("pk", flat=True))
    within = [alert for alert in found if alert.pk in mine]
    refusals: dict[str, deeds.Refuse] = {
        "take": deeds.take(user, now).refuse,
        "snooze": deeds.theirs(user, on),
        "dismiss": deeds.theirs(user, on),
        "start": deeds.unanswered(user, now),
        "assign": lambda alert: "It is over." if not alert.is_open else "",
    }
    foreign = len(found) - len(within)
    previews = {}
    for action, refuse in refusals.items():
        hindered = hindrances(within, refuse, by=user)
        left = Counter(why.split(" on ")[0].rstrip(".") for why in hindered.values())
        if foreign:
            left["Not yours to act on"] += foreign
        previews[action] = Preview(
            action,
            len(within) - len(hindered),
            [f"{why}: {display.number(n)}" for why, n in left.most_common(4)],
        )
    first, last = days_ahead(on)
    context = {
        "alerts": len(found),
        "accounts": len({alert.account_id for alert in found}),
        "severities": _split(str(Severity(alert.severity).label) for alert in found),
        "triggers": _split(alert.trigger.name for alert in found),
        "names": sorted({alert.account.name for alert in found}, key=str.casefold)[:12],
        "chosen": ",".join(f"{alert.pk}.{alert.version}" for alert in within),
        "previews": previews,
        "most_plans": services.MOST_PLANS,
        "versions": startable(),
        "colleagues": colleagues(user),
        "first_day": first,
        "last_day": last,
        "back": back_to(request, reverse("alerts")),
        "crumbs": [{"label": "Alerts", "url": reverse("alerts")}, {"label": "Act on many"}],
    }
    return render(request, "playbooks/alerts_bulk.html", context)


def _split(words: Any) -> list[tuple[str, int]]:
    return Counter(words).most_common(12)


def _act_on_many(request: HttpRequest) -> HttpResponse:
    back = back_to(request, reverse("alerts"))
    form = ActForm(request.POST, user=request.user)
    seen = _pairs(request.POST.get("chosen", ""))
    if not form.is_valid() or not seen:
        messages.error(request, form.fault or "Select some alerts first.")
        return redirect(back)
    try:
        result = services.bulk(
            list(seen),
            form.chosen,
            by=request.user,
            at=timezone.now(),
            seen=seen,
            **form.values,
        )
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect(back)
    if result.done:
        _say(request, result, f"{_count(len(result.done))} {_DONE[form.chosen]}.", back)
    _say_left(request, result)
    return redirect(back)


def _pairs(text: str) -> dict[int, int]:
    """`17.3,18.1` as {17: 3, 18: 1}: alerts and the versions the preview showed."""
    try:
        pairs = [each.split(".") for each in text.split(",") if each]
        return {int(pk): int(version) for pk, version in pairs}
    except ValueError:
        raise Http404("No such alerts.") from None


def _count(n: int) -> str:
    return f"{display.number(n)} alert{'' if n == 1 else 's'}"


def _say(request: HttpRequest, result: Result, text: str, back: str) -> None:
    """What was done, plans it led to, and the way back."""
    messages.success(
        request, format_html("{}{} {}", text, _plans(result), _undo(request, result, back))
    )


def _plans(result: Result) -> SafeString | str:
    if len(result.plans) > 1:
        return f" {len(result.plans)} plans were started."
    for word, plans in (("Plan started", result.plans), ("It joins the plan", result.joined)):
        if len(plans) == 1:
            url = reverse("plan", args=[plans[0].pk])
            return format_html(' {}: <a href="{}">{}</a>.', word, url, plans[0].title)
    return ""


def _undo(request: HttpRequest, result: Result, back: str) -> SafeString:
    return format_html(
        '<form method="post" action="{}"><input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<input type="hidden" name="next" value="{}"><button class="btn" type="submit">Undo</button>'
        "</form>",
        reverse("alerts_undo", args=[result.batch]),
        get_token(request),
        back,
    )


def _say_left(request: HttpRequest, result: Result) -> None:
    """Name alerts that were left as they are, and why."""
    if not result.refused:
        return
    named = [f"{each.account}: {each.why}" for each in result.refused[:_NAMED]]
    more = len(result.refused) - _NAMED
    tail = f" And {display.number(more)} more." if more > 0 else ""
    left = _count(len(result.refused))
    messages.warning(
        request,
        f"{left} left as {'it is' if len(result.refused) == 1 else 'they are'}. {' '.join(named)}{tail}",
    )
