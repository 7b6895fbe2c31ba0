"""The controls with which one acts on an alert: in a line of the list, on its page, on the account's tab."""

from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import get_template
from django.urls import reverse
from django.utils.safestring import SafeString

from playbooks.forms.alerts import days_ahead
from playbooks.models import Alert
from playbooks.selectors.alerts import Record


@dataclass(frozen=True)
class Controls:
    """What one person may do with one alert now, for playbooks/alert_forms.html."""

    pk: int
    version: int
    trigger: str
    account: str
    url: str
    act_url: str
    start_url: str
    may_take: bool
    snoozed: bool
    answered: bool
    playbook: str
    first_day: date
    last_day: date


def controls(record: Record, on: date) -> Controls:
    """The controls of a line, for somebody who may act on it."""
    first, last = days_ahead(on)
    url = reverse("alert", args=[record.pk])
    return Controls(
        pk=record.pk,
        version=record.version,
        trigger=record.trigger__name,
        account=record.account__name,
        url=url,
        act_url=reverse("alert_act", args=[record.pk]),
        start_url=f"{url}#start",
        may_take=record.taken_by_id is None,
        snoozed=record.snoozed_until is not None and record.snoozed_until > on,
        answered=record.answered,
        playbook=record.playbook,
        first_day=first,
        last_day=last,
    )


def controls_of(alert: Alert, on: date) -> Controls:
    """The controls of an alert read with its trigger's playbook, account and plan."""
    first, last = days_ahead(on)
    playbook = alert.trigger.playbook
    url = reverse("alert", args=[alert.pk])
    return Controls(
        pk=alert.pk,
        version=alert.version,
        trigger=alert.trigger.name,
        account=alert.account.name,
        url=url,
        act_url=reverse("alert_act", args=[alert.pk]),
        start_url=f"{url}#start",
        may_take=alert.taken_by_id is None,
        snoozed=alert.snoozed_until is not None and alert.snoozed_until > on,
        answered=alert.intervention is not None and alert.intervention.is_open,
        playbook=playbook.name if playbook is not None and playbook.is_active else "",
        first_day=first,
        last_day=last,
    )


def row_actions(request: HttpRequest, record: Record, on: date) -> SafeString:
    """The last cell of a line: take it, and a card with everything else."""
    template = get_template("playbooks/alert_row_actions.html")
    context = {
        "alert": controls(record, on),
        "next": request.get_full_path(),
        "csrf_token": get_token(request),
    }
    return SafeString(template.render(context))
