"""The list of alerts: its columns, and its lines as prepared cells."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import django_tables2 as tables
from django.db.models import F
from django.db.models.expressions import OrderBy
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display, markup
from playbooks.models import Alert, Trigger
from playbooks.selectors.alerts import Record
from playbooks.tables.severity import severity

ORDER_FIELD = "sort"
_RIGHT = {"th": {"class": "r"}}
Cell = tuple[str, SafeString | str]


class AlertTable(tables.Table):
    """Sort keys are paths on a queryset of alerts; unsorted, the loudest and newest come first."""

    alert = tables.Column(verbose_name="Alert", order_by=("trigger__name",))
    severity = tables.Column(
        verbose_name="Severity", order_by=("severity",), initial_sort_descending=True
    )
    account = tables.Column(verbose_name="Account", order_by=("account__name",))
    opened = tables.Column(verbose_name="Opened", order_by=("opened_on",))
    owner = tables.Column(verbose_name="Owner", order_by=("owner__first_name", "owner__last_name"))
    arr = tables.Column(
        verbose_name="ARR",
        order_by=("account__arr_amount",),
        attrs=_RIGHT,
        initial_sort_descending=True,
    )
    health = tables.Column(verbose_name="Health", order_by=("account__health__score",))
    plan = tables.Column(verbose_name="Plan or recommended", orderable=False)
    act = tables.Column(verbose_name="Act", orderable=False)

    class Meta:
        order_by_field = ORDER_FIELD


def ordered(asked: str) -> tables.Table:
    """The table in the order `asked` for (`-arr`), or in the list's own when that makes no sense."""
    known = asked.removeprefix("-") in AlertTable.base_columns
    return _ordered(asked if known else "")


@lru_cache(maxsize=32)
def _ordered(asked: str) -> tables.Table:
    return AlertTable([], order_by=(asked,) if asked else None)


def ordering(table: tables.Table) -> list[Any]:
    """The table's order for a queryset: unknown last both ways, then the loudest, newest first."""
    paths = [path for alias in table.order_by or () for path in table.columns[alias.bare].order_by]
    return [*map(_key, paths), "-severity", "-opened_on", "-pk"]


def _key(path: str) -> OrderBy:
    key = F(path.lstrip("-"))
    return key.desc(nulls_last=True) if path.startswith("-") else key.asc(nulls_last=True)


@dataclass(slots=True)
class Row:
    """One line for components/table.html."""

    id: int
    url: str
    name: str
    cells: list[Cell]


def row(record: Record, on: date, actions: SafeString | str) -> Row:
    """The line of one alert on a day; `actions` is the last cell."""
    return Row(
        id=record.pk,
        url=reverse("alert", args=[record.pk]),
        name=f"{record.trigger__name} of {record.account__name}",
        cells=[
            ("clip", what(record)),
            ("", loud(record)),
            ("clip", _account(record)),
            ("", opened(record, on)),
            ("", whose(record)),
            ("r", markup.money(record.account__arr_amount, record.account__currency)),
            ("", _health(record)),
            ("clip", plan(record)),
            ("", actions),
        ],
    )


def what(record: Record) -> SafeString:
    """The trigger with what it saw, or why the alert is held."""
    saw = record.saw
    if record.state == Alert.State.HELD:
        saw = record.held_because or "A source it reads is frozen."
    return markup.link(reverse("alert", args=[record.pk]), record.trigger__name, saw)


def loud(record: Record) -> SafeString:
    """Severity with its bars and, where it is not simply open, what it is."""
    word = ""
    if record.state != Alert.State.OPEN:
        word = str(Alert.State(record.state).label)
    elif record.overflow:
        word = "Overflow"
    tail = format_html('<span class="detail">{}</span>', word) if word else ""
    return format_html("{}{}", loudness(record), tail)


def loudness(record: Record) -> SafeString:
    """Severity with its bars."""
    return severity(record.severity, good=record.trigger__family == Trigger.Family.OPPORTUNITY)


def _account(record: Record) -> SafeString:
    detail = " · ".join(t for t in (record.account__industry, record.account__size_segment) if t)
    return format_html(
        '<a href="{}">{}</a><span class="detail">{}</span>',
        reverse("account", args=[record.account_id]),
        record.account__name,
        detail,
    )


def opened(record: Record, on: date) -> SafeString:
    """Its age, and until when it sleeps or since when it is over."""
    age = (on - record.opened_on).days
    words = "today" if age <= 0 else "yesterday" if age == 1 else f"{age:,} d ago"
    if record.ended_on:
        detail = f"ended {display.day(record.ended_on)}"
    elif record.snoozed_until and record.snoozed_until > on:
        detail = f"sleeps until {display.day(record.snoozed_until)}"
    else:
        detail = display.day(record.opened_on)
    return format_html(
        '<span class="num" title="{}">{}</span><span class="detail">{}</span>',
        f"Opened on {display.day(record.opened_on)}",
        words,
        detail,
    )


def whose(record: Record) -> SafeString:
    """Its owner, and who has taken it since when."""
    if not record.is_open:
        detail = f"ended by {record.ender_name}" if record.ender_name else ""
    elif record.taken_at is None:
        detail = "not taken"
    elif record.taken_by_id == record.owner_id:
        detail = f"taken {display.day(timezone.localtime(record.taken_at))}"
    else:
        detail = f"taken by {record.taker_name}"
    return format_html(
        '{}<span class="detail">{}</span>', record.owner_name or markup.unknown("nobody"), detail
    )


def _health(record: Record) -> SafeString:
    if not record.account__health__band_name:
        return markup.unknown("not scored yet")
    return markup.band(
        record.account__health__band_name, record.account__health__tone or "unknown", True
    )


def plan(record: Record) -> SafeString:
    """The plan that answers it, else the playbook its trigger recommends."""
    if record.intervention_id is not None:
        url = reverse("plan", args=[record.intervention_id])
        state = "Plan" if record.answered else "Plan, closed"
        return format_html(
            '<a href="{}">{}</a><span class="detail">{}</span>',
            url,
            record.intervention__title,
            state,
        )
    if record.playbook and record.is_open:
        return format_html('{}<span class="detail">Playbook recommended</span>', record.playbook)
    return markup.unknown("no plan, and its trigger recommends no playbook")


HEADER = (
    "alert_id",
    "state",
    "severity",
    "trigger",
    "trigger_name",
    "family",
    "account_id",
    "account",
    "industry",
    "size",
    "opened_on",
    "evidence",
    "owner",
    "taken_by",
    "taken_at",
    "overflow",
    "snoozed_until",
    "reason",
    "arr",
    "currency",
    "band",
    "plan",
    "recommended_playbook",
    "ended_on",
)


def line(record: Record, money: Any) -> list[Any]:
    """A line of the CSV, as `HEADER`; `money` writes minor units of a currency in major ones."""
    return [
        record.pk,
        record.state,
        record.severity,
        record.trigger__key,
        record.trigger__name,
        record.trigger__family,
        record.account__external_id,
        record.account__name,
        record.account__industry,
        record.account__size_segment,
        record.opened_on.isoformat(),
        record.saw,
        record.owner_name,
        record.taker_name,
        record.taken_at.isoformat() if record.taken_at else "",
        "yes" if record.overflow else "",
        record.snoozed_until.isoformat() if record.snoozed_until else "",
        record.held_because
        if record.state == Alert.State.HELD
        else record.end_reason or record.snooze_reason,
        money(record.account__arr_amount, record.account__currency),
        record.account__currency,
        record.account__health__band_name or "",
        record.intervention__title or "",
        record.playbook,
        record.ended_on.isoformat() if record.ended_on else "",
    ]


def nothing() -> SafeString:
    """The last cell of an alert one may only read."""
    return mark_safe('<span class="visually-hidden">not yours to act on</span>')
