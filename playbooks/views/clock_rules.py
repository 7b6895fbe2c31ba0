"""Tuning: how long clocks run, who hears of a breach, and when anybody works."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require_admin
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms.clocks import WEEKDAYS, CalendarForm, HolidayForm, RuleForm
from playbooks.models import BusinessCalendar, ClockRule
from playbooks.services import attention, calendars, clock_rules


@require_http_methods(["GET", "HEAD", "POST"])
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule as a form of its own; one is saved at a time."""
    user = require_admin(request)
    found = list(ClockRule.objects.order_by("pk"))
    saved = None
    if request.method == "POST":
        rule = get_object_or_404(ClockRule, key=request.POST.get("rule", ""))
        saved = RuleForm(request.POST, rule=rule)
        if saved.is_valid():
            at = timezone.now()
            try:
                ended = clock_rules.save(rule, saved.values(), by=user, at=at)
            except WorkbenchError as error:
                messages.error(request, str(error))
            else:
                if ended:
                    attention.refresh(ended, at=at)
                more = f" {len(ended):,} open clocks ended." if ended else ""
                messages.success(request, f"{rule} is saved.{more}")
            return redirect("clock_rules")
    return render(
        request,
        "playbooks/clock_rules.html",
        {
            "rules": [
                (rule, saved if saved and saved.rule == rule else RuleForm(rule=rule))
                for rule in found
            ],
            "calendars": _calendars(),
            "holiday_form": HolidayForm(),
            "changes": _changes(),
            "crumbs": [{"label": "Clocks", "url": reverse("clocks")}, {"label": "Rules"}],
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def calendar(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Working hours: new, or those of a calendar."""
    user = require_admin(request)
    row = get_object_or_404(BusinessCalendar, pk=pk) if pk is not None else None
    form = CalendarForm(
        request.POST or None,
        instance=row,
        initial=None
        if row
        else {"weekdays": calendars.WEEKDAYS, "opens": calendars.OPENS, "closes": calendars.CLOSES},
    )
    if request.method == "POST" and form.is_valid():
        kept = calendars.save(form.save(commit=False), by=user)
        messages.success(request, f"{kept} is saved. Clocks that run keep their due time.")
        return redirect("clock_rules")
    return render(
        request,
        "playbooks/clock_calendar.html",
        {
            "form": form,
            "row": row,
            "crumbs": [
                {"label": "Clocks", "url": reverse("clocks")},
                {"label": "Rules", "url": reverse("clock_rules")},
                {"label": row.name if row else "New calendar"},
            ],
        },
    )


@require_POST
def holiday(request: HttpRequest) -> HttpResponse:
    """Add a day a calendar is closed, or with `remove` take one away; `delete` removes a calendar."""
    user = require_admin(request)
    if pk := _number(request, "delete"):
        gone = get_object_or_404(BusinessCalendar, pk=pk)
        calendars.remove(gone, by=user)
        messages.success(request, f"{gone} is removed.")
    elif pk := _number(request, "remove"):
        calendars.open_again(pk, by=user)
        messages.success(request, "That day is a working day again.")
    else:
        form = HolidayForm(request.POST)
        if form.is_valid():
            day = calendars.close(form.save(commit=False), by=user)
            messages.success(request, f"Closed on {day.on:%-d %b %Y}: {day.name}.")
        else:
            messages.error(
                request, " ".join(str(text) for errors in form.errors.values() for text in errors)
            )
    return redirect("clock_rules")


def _number(request: HttpRequest, name: str) -> int:
    given = request.POST.get(name, "")
    return whole(given, 18) or 0


def _calendars() -> list[dict[str, Any]]:
    names = dict(WEEKDAYS)
    on = today()
    found = []
    for row in BusinessCalendar.objects.select_related("team").prefetch_related("holidays"):
        known = calendars.as_calendar(row)
        public = sorted(day for day in known.holidays if on <= day)[:3]
        found.append(
            {
                "row": row,
                "days": ", ".join(names[day][:3] for day in sorted(known.weekdays)),
                "public": public,
                "closed": [day for day in row.holidays.all() if day.on >= on],
            }
        )
    return found


def _changes() -> list[LogEntry]:
    kinds = ContentType.objects.get_for_models(ClockRule, BusinessCalendar).values()
    return list(LogEntry.objects.filter(content_type__in=list(kinds)).select_related("user")[:10])
