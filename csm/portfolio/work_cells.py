"""Cells of the lists that show open work: alerts, plan and next step, clock; and why an account ranks."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display, markup
from csm.portfolio.reasons import Part
from playbooks.models import Severity

if TYPE_CHECKING:
    from datetime import date

    from csm.portfolio.rows import Record

Cell = tuple[str, SafeString | str]

_NONE = mark_safe('<span class="quiet">none</span>')


@cache
def _pattern(name: str) -> str:
    # `reverse` per row costs as much as all of the row's cells.
    return reverse(name, args=[0])


def address(name: str, pk: int) -> str:
    """The address of a page of one object, `name` being that of its URL."""
    return _pattern(name).replace("/0/", f"/{pk}/")


def _link(name: str, pk: int, text: str) -> str:
    return f'<a href="{address(name, pk)}">{escape(text)}</a>'


def reason(text: SafeString, parts: Sequence[Part], urgency: float | None) -> SafeString:
    """The reason in words; opened, every part with its points and what they add up to."""
    lines = "".join(
        f'<li><span>{escape(part.label)}</span><b class="num">{display.number(part.points, 1)}</b>'
        f'<span class="quiet">of {display.number(part.most)}</span></li>'
        for part in parts
    )
    return mark_safe(
        f'<details class="why"><summary>{text}</summary><ul class="plain why-parts">{lines}'
        f'<li><span>Together</span><b class="num">{display.number(urgency, 1)}</b>'
        '<span class="quiet">of 100</span></li></ul></details>'
    )


def alerts(record: "Record", as_of: "date", url: str, *_: Any) -> Cell:
    """How many are open, and the loudest."""
    if not record.work__alerts_open or not record.work__top_alert_id:
        return "", _NONE
    severity = Severity(record.work__severity or 1).label
    untaken = record.work__alerts_untaken or 0
    more = f'<b class="num">{record.work__alerts_open}</b> open'
    if untaken:
        more += f", {untaken} untaken"
    name = _link("alert", record.work__top_alert_id, record.work__top_alert_name or "Alert")
    return "clip", mark_safe(f'{name}<span class="detail"><b>{severity}</b> · {more}</span>')


def plan(record: "Record", as_of: "date", url: str, *_: Any) -> Cell:
    """The plan and its next step."""
    if not record.work__plans_open or not record.work__plan_id:
        return "", _NONE
    step = "no task is open"
    if record.work__next_task_title:
        due = record.work__next_due_on
        step = f"{escape(record.work__next_task_title)}"
        if due is not None:
            step += f", {display.day(due)}"
    late = record.work__tasks_overdue or 0
    if late:
        step += f" · <b>{late} overdue</b>"
    title = record.work__plan_title or "Plan"
    if record.work__plans_open > 1:
        title += f" and {record.work__plans_open - 1} more"
    name = _link("plan", record.work__plan_id, title)
    return "clip", mark_safe(f'{name}<span class="detail">{step}</span>')


def clock(record: "Record", as_of: "date", *_: Any) -> Cell:
    """The most pressing clock; the moment it is due, as "in so many hours" would age on the page."""
    due = record.work__clock_due_at
    if not record.work__clock_label or due is None:
        return "", _NONE
    when = f"{timezone.localtime(due):%-d %b %H:%M}"
    if record.work__clock_broken:
        return "", mark_safe(
            f'{escape(record.work__clock_label)}<span class="detail clock-broken">'
            f"{markup.icon('alert-triangle')}Overdue since {when}</span>"
        )
    return "", mark_safe(
        f'{escape(record.work__clock_label)}<span class="detail">due {when}</span>'
    )


def act(record: "Record", url: str, whose: set[int] | None) -> Cell:
    """What may be done from the row, to accounts of `whose` (owner ids; None: to any).

    The button belongs to the form around the list; the rest are links to where it is done.
    """
    if whose is not None and record.owner_id not in whose:
        return "act", mark_safe(f'<a href="{address("account_plans", record.pk)}">Plans</a>')
    parts = [f'<a href="{address("account_plans", record.pk)}">Playbook</a>']
    if record.work__top_alert_id:
        page = address("alert", record.work__top_alert_id)
        parts.insert(0, f'<a href="{page}#snooze">Snooze</a>')
        if record.work__alerts_untaken:
            parts.insert(
                0,
                '<button class="btn btn-sm" type="submit" name="take" '
                f'value="{record.work__top_alert_id}">Take<span class="visually-hidden"> the alert of '
                f"{escape(record.name)}</span></button>",
            )
    return "act", mark_safe(f'<span class="row-acts">{" ".join(parts)}</span>')
