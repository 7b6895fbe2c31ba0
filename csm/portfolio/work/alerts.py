"""The alerts of one account: what is open, with what one may do, and what has been."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from csm.lib import markup
from csm.lib.dates import today
from csm.portfolio.account import header
from csm.portfolio.account_selectors import account_with_health
from playbooks.models import Alert
from playbooks.selectors.alerts import Record, lines
from playbooks.tables import alerts as cells
from playbooks.views.alert_actions import controls

# So many of those that are over; the list of alerts has them all.
PAST: Final = 100
PAST_HEADERS: Final = [
    ("wrap", "Alert"),
    ("", "Severity"),
    ("", "Opened"),
    ("", "How it ended"),
    ("wrap", "Why"),
    ("", "Plan"),
]


@require_safe
def account_alerts(request: HttpRequest, pk: int) -> HttpResponse:
    """Open alerts with what made them fire, the loudest first; those that are over below, newest first."""
    account, health = account_with_health(request.user, pk)
    on = today()
    # Seeing the account is seeing its alerts.
    alerts = Alert.objects.filter(account=account)
    rows = lines(alerts.filter(state__in=Alert.OPEN_STATES), request.user, on=on)
    past = lines(
        alerts.exclude(state__in=Alert.OPEN_STATES).order_by("-ended_at", "-pk"),
        request.user,
        on=on,
    )
    ended = [Record(*row) for row in past[: PAST + 1]]
    context = header(account, health, "account_alerts") | {
        "open_alerts": [_card(Record(*row), on) for row in rows],
        "past_headers": PAST_HEADERS,
        "past": [_past(record, on) for record in ended[:PAST]],
        "more_past": f"{reverse('alerts')}?{_asked(account.external_id)}"
        if len(ended) > PAST
        else "",
        "next": request.get_full_path(),
    }
    return render(request, "portfolio/account_alerts.html", context)


def _asked(external_id: str) -> str:
    return urlencode({"scope": "all", "state": "all", "q": external_id})


def _card(record: Record, on: Any) -> dict[str, Any]:
    """An open alert: its words, and its controls for whom may act."""
    return {
        "what": cells.what(record),
        "loud": cells.loud(record),
        "opened": cells.opened(record, on),
        "owner": cells.whose(record),
        "plan": cells.plan(record),
        "controls": controls(record, on) if record.may_act else None,
    }


def _past(record: Record, on: Any) -> list[tuple[str, Any]]:
    """An alert that is over, as `PAST_HEADERS`."""
    who = record.ender_name
    label = str(Alert.State(record.state).label)
    return [
        ("wrap", cells.what(record)),
        ("", cells.loudness(record)),
        ("", markup.day(record.opened_on)),
        (
            "",
            format_html(
                '{}<span class="detail">{}{}</span>',
                label,
                markup.day(record.ended_on),
                f", {who}" if who else "",
            ),
        ),
        ("wrap", record.end_reason),
        ("", cells.plan(record) if record.intervention_id else ""),
    ]
