"""The schedule's pages, for admins: what runs by itself, when, and how it ended."""

from datetime import time
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import messages
from django.core.validators import MaxValueValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import require_admin
from csm import night_plan, schedule
from csm.schedule import At, Entry, Every, Planned


@require_safe
def schedule_page(request: HttpRequest) -> HttpResponse:
    """Everything that runs by itself."""
    require_admin(request)
    now = timezone.now()
    rows = [_row(each) for each in schedule.planned(now)]
    return render(
        request,
        "csm/schedule.html",
        {"rows": rows, "missed": night_plan.missed(now), "night_off": not rows[0]["enabled"]},
    )


def _row(planned: Planned) -> dict[str, Any]:
    zone = planned.when.zone if isinstance(planned.when, At) else ""
    at = planned.next_at
    return {
        "entry": planned.entry,
        "words": str(planned.when) if planned.when is not None else "By its own rule",
        "zone": zone,
        "enabled": planned.enabled,
        "last": planned.last_sent,
        "result": planned.result,
        # At the hour its own time zone says.
        "next": at.astimezone(ZoneInfo(zone)) if at is not None and zone else at,
        "is_late": at is not None and not zone and at <= timezone.now(),
    }


class _Form(forms.Form):
    enabled = forms.BooleanField(label="On", required=False)

    def __init__(self, entry: Entry, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        if entry.required:
            del self.fields["enabled"]

    @property
    def is_on(self) -> bool:
        return bool(self.cleaned_data.get("enabled", True))


class EveryForm(_Form):
    """Every so many minutes."""

    minutes = forms.IntegerField(label="Every … minutes", min_value=1)
    field_order = ["minutes", "enabled"]

    def __init__(self, entry: Entry, *args: Any, **kwargs: Any) -> None:
        super().__init__(entry, *args, **kwargs)
        most = schedule.MOST_MINUTES_REQUIRED if entry.required else schedule.MOST_MINUTES
        field = cast(forms.IntegerField, self.fields["minutes"])
        field.max_value = most
        field.validators.append(MaxValueValidator(most))
        field.widget.attrs["max"] = most
        field.help_text = f"1 to {most}."

    def plan(self) -> Every:
        return Every(self.cleaned_data["minutes"])


class AtForm(_Form):
    """At an hour of some days, in a time zone."""

    at = forms.TimeField(
        label="At",
        input_formats=["%H:%M"],
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": "Write the time as hour:minute, for example 02:00."},
    )
    zone = forms.ChoiceField(
        label="Time zone", help_text="The hour is that of this time zone, also in summer."
    )
    days = forms.TypedMultipleChoiceField(
        label="On these days",
        coerce=int,
        choices=list(enumerate(schedule.DAYS)),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one day of the week."},
    )
    field_order = ["at", "zone", "days", "enabled"]

    def __init__(self, entry: Entry, *args: Any, **kwargs: Any) -> None:
        super().__init__(entry, *args, **kwargs)
        cast(forms.ChoiceField, self.fields["zone"]).choices = [
            (name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"
        ]
        if "enabled" in self.fields:
            self.fields["enabled"].label = "Switched on"

    def plan(self) -> At:
        at: time = self.cleaned_data["at"]
        return At(
            at.hour, at.minute, self.cleaned_data["zone"], tuple(sorted(self.cleaned_data["days"]))
        )


@require_http_methods(["GET", "HEAD", "POST"])
def schedule_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Move one entry, or switch it on or off."""
    user = require_admin(request)
    now = timezone.now()
    planned = next((each for each in schedule.planned(now) if each.entry.key == key), None)
    if planned is None:
        raise Http404("No such entry.")
    entry = planned.entry
    form = _form(entry, planned, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            schedule.change(key, form.plan(), enabled=form.is_on, by=user, at=now)
        except schedule.ScheduleError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{entry.label}: {form.plan()}.")
            return redirect("schedule")
    return render(
        request,
        "csm/schedule_edit.html",
        {"entry": entry, "form": form, "row": _row(planned)},
        status=400 if request.method == "POST" else 200,
    )


def _form(entry: Entry, planned: Planned, data: Any) -> "AtForm | EveryForm":
    when = planned.when or entry.when
    if isinstance(entry.when, At):
        at = when if isinstance(when, At) else entry.when
        initial: dict[str, Any] = {
            "at": time(at.hour, at.minute),
            "zone": at.zone,
            "days": list(at.days),
            "enabled": planned.enabled,
        }
        return AtForm(entry, data, initial=initial)
    minutes = when.minutes if isinstance(when, Every) else 1
    return EveryForm(entry, data, initial={"minutes": minutes, "enabled": planned.enabled})
