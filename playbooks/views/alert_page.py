"""One alert: what its trigger saw, what became of it, what to do."""

from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from csm.lib import display, markup
from csm.lib.dates import today
from playbooks.access import alerts_changeable_by, alerts_seen_by
from playbooks.forms.alerts import colleagues, startable
from playbooks.models import Alert, AlertChange, Trigger
from playbooks.selectors import alerts as selectors
from playbooks.selectors import measures
from playbooks.selectors.recommendations import Recommendation, recommended
from playbooks.selectors.triggers import told
from playbooks.services.alert_changes import moment
from playbooks.services.readings import labels
from playbooks.tables.severity import severity
from playbooks.views.alert_actions import controls_of

Kind = AlertChange.Kind
EVIDENCE_HEADERS = [
    ("", "Condition"),
    ("r", "Value"),
    ("r", "Threshold"),
    ("", "Window"),
    ("", "Holds"),
]
CHANGES_HEADERS = [("", "When"), ("", "What"), ("", "Who"), ("wrap", "Why")]
# Further ones are chosen by name.
FITTING = 6
_HOLDS = {True: "Yes", False: "No", None: "Unknown"}
_NAMES = (
    "trigger__playbook",
    "account__owner",
    "account__health",
    "owner",
    "taken_by",
    "ended_by",
    "intervention",
)


def _seen(request: HttpRequest, pk: int, on: date) -> tuple[Alert, bool]:
    """The alert, and whether one may act on it. One query."""
    mine = alerts_changeable_by(request.user, on=on).filter(pk=OuterRef("pk"))
    seen = alerts_seen_by(request.user).select_related(*_NAMES).annotate(may_act=Exists(mine))
    found: Any = seen.filter(pk=pk).first()
    if found is None:
        raise Http404("No such alert.")
    return found, found.is_open and found.may_act


@require_safe
def alert(request: HttpRequest, pk: int) -> HttpResponse:
    """The rule in words, its evidence, what happened since, and what one may do."""
    on = today()
    found, may = _seen(request, pk, on)
    context = {
        "alert": found,
        "severity": _severity(found),
        "state": state_of(found),
        "words": told(vars(found.trigger), labels()),
        "evidence_headers": EVIDENCE_HEADERS,
        "evidence": [evidence_row(row) for row in found.evidence],
        "changes_headers": CHANGES_HEADERS,
        "changes": [change_row(each, found) for each in selectors.history(found)],
        "controls": controls_of(found, on) if may else None,
        "next": request.get_full_path(),
        "health": getattr(found.account, "health", None),
        "on": on,
        "age": (on - found.opened_on).days,
        "snoozed": found.snoozed_until is not None and found.snoozed_until > on,
        "crumbs": [
            {"label": "Alerts", "url": reverse("alerts")},
            {"label": f"{found.trigger}", "url": ""},
        ],
    }
    if "choices" in request.GET:
        context |= _choices(request, found, may)
    return render(request, "playbooks/alert.html", context)


@require_safe
def choices(request: HttpRequest, pk: int) -> HttpResponse:
    """The slower half of the page: playbooks that fit, colleagues, what the trigger has been worth."""
    on = today()
    found, may = _seen(request, pk, on)
    context = {
        "alert": found,
        "controls": controls_of(found, on) if may else None,
        "next": reverse("alert", args=[pk]),
    }
    return render(request, "playbooks/alert_choices.html", context | _choices(request, found, may))


def _choices(request: HttpRequest, found: Alert, may: bool) -> dict[str, Any]:
    health = getattr(found.account, "health", None)
    as_of = health.as_of if health else None
    fitting = recommended([found.account_id], as_of=as_of).get(found.account_id, [])
    # What answers this very alert comes first.
    fitting.sort(key=lambda each: each.playbook.pk != found.trigger.playbook_id)
    fitting = fitting[:FITTING]
    named = {each.version.pk for each in fitting}
    worth = measures.figures(on=today(), trigger_ids=[found.trigger_id]).get(
        found.trigger_id, measures.Figures()
    )
    return {
        "loaded": True,
        "fitting": [(each, _reasons(each)) for each in fitting],
        "others": [each for each in startable() if each.pk not in named] if may else [],
        "colleagues": [c for c in colleagues(request.user) if c.pk != found.owner_id]
        if may
        else [],
        "worth": worth_rows(worth, found.trigger),
    }


def _reasons(each: Recommendation) -> str:
    return " · ".join(each.reasons)


def worth_rows(worth: measures.Figures, trigger: Trigger) -> list[tuple[str, SafeString | str]]:
    """What the trigger has been worth: label and figure with its n, as facts."""
    what = (
        "Account grew after it"
        if trigger.family == Trigger.Family.OPPORTUNITY
        else "Account left or shrank after it"
    )
    rows: list[tuple[str, SafeString | str]] = [
        (f"Fired in {measures.FIRED_DAYS} days", markup.number(worth.fired)),
        ("Said to be no risk", _share(worth.dismissed)),
    ]
    for days, share in worth.precision.items():
        rows.append((f"{what}, within {days} days", _share(share)))
    lead = markup.unknown("nothing followed yet")
    if worth.lead_days is not None:
        lead = markup.number(worth.lead_days, 0, "days")
    rows.append(("Median time until then", lead))
    return rows


def _share(share: measures.Share) -> SafeString:
    if share.value is None:
        return format_html(
            '<span class="quiet">not enough data ({} of {} needed)</span>', share.n, measures.LEAST
        )
    return format_html(
        '{} <span class="quiet">{} of {}</span>',
        markup.percent(share.value),
        display.number(share.hits),
        display.number(share.n),
    )


def _severity(found: Alert) -> SafeString:
    return severity(found.severity, good=found.trigger.family == Trigger.Family.OPPORTUNITY)


def state_of(found: Alert) -> str:
    """Where an alert stands, in a sentence without a full stop."""
    if found.state == Alert.State.HELD:
        return "Held: a source its trigger reads is frozen"
    if not found.is_open:
        label = str(Alert.State(found.state).label)
        who = f" by {found.ended_by}" if found.ended_by else ""
        when = f" on {display.day(found.ended_on)}" if found.ended_on else ""
        return f"{label}{', said' + who if who else ''}{when}"
    if found.taken_by is not None and found.taken_at is not None:
        return f"Open, taken by {found.taken_by} on {moment(found.taken_at)}"
    return "Open, nobody has taken it"


def evidence_row(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """A condition as `EVIDENCE_HEADERS`."""
    holds = row.get("holds")
    window = row.get("window")
    css = "holds-yes" if holds else "quiet"
    value = row.get("text")
    if value in (None, "", display.MISSING):
        value = markup.unknown("unknown on that night")
    # The text carries its unit where it has one of its own.
    threshold = row.get("limit") or row.get("threshold")
    return [
        ("wrap", row.get("label", "")),
        ("r num", value),
        ("r num", "" if threshold is None else str(threshold)),
        ("", f"{window} days" if window else mark_safe('<span class="quiet">now</span>')),
        (css, _HOLDS.get(holds, "Unknown")),
    ]


def change_row(change: AlertChange, found: Alert) -> list[tuple[str, Any]]:
    """Something that happened, as `CHANGES_HEADERS`."""
    undone = mark_safe(' <span class="badge">undone</span>') if change.undone_at else ""
    who = (
        markup.owner(str(change.by))
        if change.by
        else mark_safe('<span class="quiet">the night</span>')
    )
    return [
        ("num", moment(change.at)),
        ("", format_html("{}{}", Kind(change.kind).label, undone)),
        ("", who),
        ("wrap", change.reason or _detail(change)),
    ]


def _detail(change: AlertChange) -> SafeString | str:
    until = change.after.get("snoozed_until")
    return f"until {until}" if until else ""
