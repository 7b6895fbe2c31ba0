"""Triggers as everybody reads them: the list with its measures, and one trigger."""

from itertools import groupby
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.downloads import as_csv
from csm.lib import display, markup
from csm.lib.dates import today
from playbooks.models import Trigger
from playbooks.selectors import measures
from playbooks.selectors import triggers as selectors
from playbooks.selectors.measures import LEAST, Figures, Share
from playbooks.selectors.triggers import Entry
from playbooks.services import readings
from playbooks.views.shown_night import night_of
from playbooks.views.triggers_cells import alert_row, change_rows, replay_row, spans, tabs

DEFINITIONS: Final = {
    "fired": "Alerts opened in the last 90 days. Those held because a source is frozen, or withdrawn when it "
    "came back, count in none of these figures.",
    "acknowledged": "Of those, the share somebody took, snoozed, called no risk or answered with a playbook.",
    "acted": "Of those, the share a plan was started for.",
    "cleared": "Of those, the share that ended because the exit condition held.",
    "dismissed": "Of those, the share somebody called no risk.",
    "precision": "Share of the alerts of the last 18 months, at least so many days old, whose account churned "
    "or contracted within so many days afterwards. Of opportunities: whose account bought more.",
    "lead": "Median days from an alert to that event, where one followed within 180 days.",
    "age": "Median age of the alerts open now.",
}
# (css, label, definition)
HEADERS: Final = (
    ("wrap", "Trigger", ""),
    ("", "Severity", ""),
    ("r", "Open", ""),
    ("r", "Age", DEFINITIONS["age"]),
    ("r", "Fired", DEFINITIONS["fired"]),
    ("r", "Acknowl.", DEFINITIONS["acknowledged"]),
    ("r", "Acted on", DEFINITIONS["acted"]),
    ("r", "Cleared", DEFINITIONS["cleared"]),
    ("r", "Not a risk", DEFINITIONS["dismissed"]),
    ("r", "Precision 90 d", DEFINITIONS["precision"]),
    ("r", "180 d", DEFINITIONS["precision"]),
    ("r", "Lead", DEFINITIONS["lead"]),
)
STATES: Final = {"on": "On", "off": "Off", "open": "With open alerts"}
TONES: Final = {4: "poor", 3: "poor", 2: "fair", 1: "unknown"}
_RECENT: Final = 20


def _as_of(request: HttpRequest) -> Any:
    """The night shown; kept on the request, where the shell looks for it too."""
    return night_of(request)


def _chosen(request: HttpRequest) -> tuple[list[Entry], list[Entry], dict[str, str]]:
    """All triggers, those the address asks for, and what it asks."""
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "family", "state")}
    every = selectors.entries(on=today(), labels=readings.labels(_as_of(request)))
    words = asked["q"].casefold()

    def wanted(each: Entry) -> bool:
        trigger = each.trigger
        text = f"{trigger.key} {trigger.name} {trigger.description} {each.told.fires}".casefold()
        return (
            words in text
            and asked["family"] in ("", trigger.family)
            and {
                "on": trigger.is_active,
                "off": not trigger.is_active,
                "open": each.figures.open > 0,
            }.get(asked["state"], True)
        )

    return every, [each for each in every if wanted(each)], asked


@require_safe
def triggers(request: HttpRequest) -> HttpResponse:
    """The list by family; `q`, `family` and `state` in the address narrow it."""
    every, shown, asked = _chosen(request)
    order = list(Trigger.Family.values)
    shown.sort(key=lambda each: order.index(each.trigger.family))
    user: Any = request.user
    return render(
        request,
        "playbooks/trigger_list.html",
        {
            "headers": HEADERS,
            "groups": [
                (Trigger.Family(family).label, [_row(each) for each in members])
                for family, members in groupby(shown, key=lambda each: each.trigger.family)
            ],
            "total": len(every),
            "shown": len(shown),
            "on": sum(each.trigger.is_active for each in every),
            "asked": asked,
            "families": Trigger.Family.choices,
            "states": STATES,
            "least": LEAST,
            "as_of_day": today(),
            "tabs": tabs(user, "triggers"),
            "may_edit": user.is_admin,
            # Only admins can do something about it.
            "unfinished": selectors.unfinished() if user.is_admin else None,
            "csv_url": f"{reverse('triggers_csv')}?{request.GET.urlencode()}",
        },
    )


def _row(entry: Entry) -> dict[str, Any]:
    trigger, found = entry.trigger, entry.figures
    url = reverse("trigger", args=[trigger.key])
    cells: list[tuple[str, Any]] = [
        ("wrap", markup.link(url, trigger.name, entry.told.fires)),
        ("", _severity(trigger)),
        ("r", _open(trigger, found)),
        ("r", _days(found.open_age)),
        ("r", display.number(found.fired)),
        *(("r", share(each)) for each in _shares(found)),
        ("r", share(found.precision[90])),
        ("r", share(found.precision[180])),
        ("r", _days(found.lead_days)),
    ]
    return {"cells": cells, "is_active": trigger.is_active}


def _shares(found: Figures) -> tuple[Share, ...]:
    return (found.acknowledged, found.acted, found.cleared, found.dismissed)


def _open(trigger: Trigger, found: Figures) -> Any:
    text = display.number(found.open)
    if found.open:
        text = format_html('<a href="{}?trigger={}">{}</a>', reverse("alerts"), trigger.key, text)
    if found.held:
        return format_html('{} <span class="detail">{} held</span>', text, found.held)
    return text


def _severity(trigger: Trigger) -> SafeString:
    """How loud, as a word with its shape; and that it is off."""
    word = markup.band(trigger.get_severity_display(), TONES[trigger.severity], plain=True)
    return word if trigger.is_active else format_html('{} <span class="badge">Off</span>', word)


def share(found: Share) -> Any:
    """A share with what it is of; a dash with the reason while that is too little."""
    if found.value is None:
        why = f"not enough data: {found.n} of at least {LEAST}" if found.n else "no alerts to judge"
        return format_html('{} <span class="detail">n {}</span>', markup.unknown(why), found.n)
    return format_html(
        '{} <span class="detail">n {}</span>', display.percent(found.value), display.number(found.n)
    )


def _days(value: float | None) -> Any:
    if value is None:
        return markup.unknown("nothing to count")
    return f"{display.number(value, 1).removesuffix('.0')} d"


_COLUMNS: Final = (
    "key",
    "name",
    "family",
    "severity",
    "state",
    "rule",
    "over",
    "scope",
    "open",
    "held",
    "median_open_age_days",
    "fired_90d",
    "acknowledged_90d",
    "acted_on_90d",
    "cleared_by_itself_90d",
    "not_a_risk_90d",
    "precision_90d",
    "precision_90d_n",
    "precision_180d",
    "precision_180d_n",
    "followed_so_far",
    "alerts_18_months",
    "median_lead_days",
    "as_of",
)


@require_safe
def triggers_csv(request: HttpRequest) -> HttpResponseBase:
    """The list as filtered, as CSV."""
    _, shown, _ = _chosen(request)
    return as_csv(request, "triggers", "triggers", [_COLUMNS, *map(_line, shown)], len(shown))


def _line(each: Entry) -> list[Any]:
    trigger, found, told = each.trigger, each.figures, each.told
    return [
        trigger.key,
        trigger.name,
        trigger.family,
        trigger.get_severity_display(),
        "on" if trigger.is_active else "off",
        told.fires,
        told.over,
        told.scope,
        found.open,
        found.held,
        _plain(found.open_age),
        found.fired,
        *(part.hits for part in _shares(found)),
        *(_plain(value) for part in found.precision.values() for value in (part.value, part.n)),
        found.followed.hits,
        found.followed.n,
        _plain(found.lead_days),
        today(),
    ]


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


@require_safe
def trigger(request: HttpRequest, key: str) -> HttpResponse:
    """One trigger: its rule in words, what it is worth, its alerts, replays and changes."""
    found = get_object_or_404(Trigger.objects.select_related("playbook"), key=key)
    run = _as_of(request)
    labels = readings.labels(run)
    user: Any = request.user
    measured = measures.figures(on=today(), trigger_ids=[found.pk]).get(found.pk, Figures())
    told = selectors.told(vars(found), labels)
    alerts = selectors.recent_alerts(found, user, _RECENT)
    changes = list(found.changes.select_related("by")[:30])
    return render(
        request,
        "playbooks/trigger.html",
        {
            "trigger": found,
            "tone": TONES[found.severity],
            "told": told,
            "lines": selectors.conditions(found.rule, labels),
            "exit_lines": selectors.conditions(found.exit_rule, labels) if found.exit_rule else [],
            "tiles": _tiles(found, measured),
            "alert_headers": (
                ("wrap", "Account"),
                ("", "Fired"),
                ("", "State"),
                ("", "Owner"),
                ("r", "Open for"),
            ),
            "alert_rows": [alert_row(each, today()) for each in alerts],
            "replays": [replay_row(each) for each in found.replays.select_related("asked_by")[:8]],
            "changes": change_rows(changes, labels),
            "may_edit": user.is_admin,
            "spans": spans(),
            "days": 90,
            "as_of_day": today(),
        },
    )


def _tiles(found: Trigger, measured: Figures) -> list[dict[str, Any]]:
    grows = found.family == Trigger.Family.OPPORTUNITY
    after = "bought more" if grows else "churned or contracted"
    return [
        {
            "label": "Open now",
            "value": display.number(measured.open),
            "url": f"{reverse('alerts')}?trigger={found.key}" if measured.open else "",
            "note": f"median age {_words(measured.open_age)}" if measured.open else "",
            "definition": DEFINITIONS["age"],
        },
        {
            "label": "Fired, 90 days",
            "value": display.number(measured.fired),
            "definition": DEFINITIONS["fired"],
        },
        _tile("Acknowledged", measured.acknowledged, DEFINITIONS["acknowledged"]),
        _tile("Acted on", measured.acted, DEFINITIONS["acted"]),
        _tile("Cleared by itself", measured.cleared, DEFINITIONS["cleared"]),
        _tile("Not a risk", measured.dismissed, DEFINITIONS["dismissed"]),
        *(
            _tile(
                f"Precision, {days} days",
                part,
                f"Share of alerts of the last 18 months, at least {days} days old, whose account {after} "
                f"within {days} days afterwards.",
            )
            for days, part in measured.precision.items()
        ),
        {
            "label": "Lead time",
            "value": None if measured.lead_days is None else display.number(measured.lead_days),
            "unit": "days",
            "n": f"{measured.followed.hits} of {measured.followed.n} alerts followed so far",
            "definition": DEFINITIONS["lead"],
        },
    ]


def _tile(label: str, part: Share, definition: str) -> dict[str, Any]:
    enough = part.value is not None
    return {
        "label": label,
        "value": display.percent(part.value) if enough else None,
        "n": f"{display.number(part.hits)} of {display.number(part.n)} alerts"
        + ("" if enough else ": not enough data"),
        "definition": definition,
    }


def _words(days: float | None) -> str:
    return "unknown" if days is None else f"{display.number(days, 1).removesuffix('.0')} days"
