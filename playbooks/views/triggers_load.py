"""Who has how many alerts open, for managers and admins."""

from typing import Any, Final

from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from csm.lib import display, markup
from csm.lib.dates import today
from playbooks.access import alerts_seen_by
from playbooks.selectors import measures
from playbooks.views.shown_night import night_of
from playbooks.views.triggers_cells import manages, tabs

HEADERS: Final = (
    ("", "Owner"),
    ("r", "Open"),
    ("r", "Not taken"),
    ("r", "Snoozed"),
    ("r", "Over the daily cap"),
    ("r", "Oldest open"),
    ("r", "Fired, 90 days"),
    ("r", "Answered"),
    ("r", "Median time to first act"),
)


@require_safe
def load(request: HttpRequest) -> HttpResponse:
    """Who has how much open, for managers and admins: of the accounts they may see."""
    user: Any = request.user
    if not manages(user):
        raise Http404("No such page.")
    night_of(request)
    loads = measures.load(alerts_seen_by(user), on=today())
    names = get_user_model().objects.in_bulk([each.owner_id for each in loads if each.owner_id])
    return render(
        request,
        "playbooks/trigger_load.html",
        {
            "tabs": tabs(user, "trigger_load"),
            "headers": HEADERS,
            "rows": [_row(each, names) for each in loads],
            "as_of_day": today(),
        },
    )


def _row(each: measures.Load, names: dict[Any, Any]) -> list[tuple[str, Any]]:
    who = names.get(each.owner_id)
    oldest = (
        format_html(
            "{} <span class='quiet'>{} d</span>",
            markup.day(each.oldest_on),
            (today() - each.oldest_on).days,
        )
        if each.oldest_on
        else ""
    )
    return [
        ("", markup.owner(str(who)) if who else format_html('<span class="quiet">Nobody</span>')),
        ("r", display.number(each.open)),
        ("r", display.number(each.untaken)),
        ("r", display.number(each.snoozed)),
        ("r", display.number(each.overflow)),
        ("r", oldest),
        ("r", display.number(each.fired)),
        ("r", display.number(each.answered)),
        ("r", _hours(each.first_act_hours)),
    ]


def _hours(hours: float | None) -> Any:
    if hours is None:
        return markup.unknown("nothing was answered")
    if hours < 48:
        return f"{display.number(hours, 1).removesuffix('.0')} h"
    return f"{display.number(hours / 24, 1)} d"
