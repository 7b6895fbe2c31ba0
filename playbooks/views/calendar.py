"""Month and week of what has a day, and the same for one's own calendar program."""

from datetime import date, timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_http_methods, require_safe

from csm.lib.dates import parse_day, today
from csm.lib.scopes import scope_of
from playbooks.models import CalendarFeed
from playbooks.selectors import calendar as selectors
from playbooks.services import calendar_feeds

# Of one kind and day; a week has the room to show more.
_PER_DAY = {"month": 3, "week": 25}
_WEEK = timedelta(days=7)
# What a calendar program is told of.
_PAST, _AHEAD = timedelta(days=30), timedelta(days=365)


@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """A month, or with `view=week` the week of `on`, from Monday; on phones a list of days."""
    on = today()
    try:
        asked = parse_day(request.GET["on"]) if request.GET.get("on") else on
    except ValueError:
        asked = on
    # Months beyond it leave the calendar.
    asked = min(asked, date(9990, 1, 1))
    view = "week" if request.GET.get("view") == "week" else "month"
    first, last, previous, following = _span(asked, view)
    scope = scope_of(request)
    found = selectors.days(request.user, scope, first, last, per_day=_PER_DAY[view], on=on)
    weeks = [
        [
            _day(request, day, found.get(day), view, asked, on)
            for day in (monday + timedelta(days=n) for n in range(7))
        ]
        for monday in (first + week * _WEEK for week in range(((last - first).days + 1) // 7))
    ]
    return render(
        request,
        "playbooks/calendar.html",
        {
            "title": f"{asked:%B %Y}"
            if view == "month"
            else f"{first.day} {first:%b} – {last.day} {last:%b %Y}",
            "weeks": weeks,
            "agenda": [day for week in weeks for day in week if day["entries"]],
            "view": view,
            "views": [
                {
                    "label": label,
                    "url": _with(request, view=key, on=asked.isoformat()),
                    "active": key == view,
                }
                for key, label in (("month", "Month"), ("week", "Week"))
            ],
            "previous_url": _with(request, on=previous.isoformat()),
            "next_url": _with(request, on=following.isoformat()),
            "today_url": _with(request, on=on.isoformat()),
            "kinds": [{"label": label, "icon": icon} for label, icon in selectors.KINDS.values()],
            "total": sum(day.total for day in found.values()),
            "on": on,
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def feed(request: HttpRequest) -> HttpResponse:
    """One's own secret address: made, made anew, taken back. Shown once."""
    user: Any = request.user
    address = ""
    if request.method == "POST":
        if request.POST.get("do") == "revoke":
            if calendar_feeds.revoke(by=user):
                messages.success(request, "The address answers no more.")
            return redirect("calendar_feed")
        token = calendar_feeds.create(by=user, at=timezone.now())
        address = request.build_absolute_uri(reverse("calendar_ics", args=[token]))
    response = render(
        request,
        "playbooks/calendar_feed.html",
        {
            "feed": CalendarFeed.objects.filter(user=user).first(),
            "address": address,
            "crumbs": [{"label": "Calendar", "url": reverse("calendar")}, {"label": "Feed"}],
        },
    )
    add_never_cache_headers(response)
    return response


@login_not_required
@require_safe
def ics(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar of whoever has the secret; 404 for any other."""
    now, on = timezone.now(), today()
    user = calendar_feeds.opened(token, at=now)
    if user is None:
        raise Http404("No such calendar.")
    body = calendar_feeds.as_ical(
        selectors.own(user, on - _PAST, on + _AHEAD, on=on),
        name=f"CSM workbench: {user}",
        at=now,
        root=request.build_absolute_uri("/").rstrip("/"),
    )
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="csm-workbench.ics"'
    response["X-Robots-Tag"] = "noindex"
    add_never_cache_headers(response)
    return response


def _span(asked: date, view: str) -> tuple[date, date, date, date]:
    """First and last day shown, and a day of the span before and after."""
    if view == "week":
        first = asked - timedelta(days=asked.weekday())
        return first, first + timedelta(days=6), first - _WEEK, first + _WEEK
    start = asked.replace(day=1)
    following = (start + timedelta(days=32)).replace(day=1)
    end = following - timedelta(days=1)
    first = start - timedelta(days=start.weekday())
    last = end + timedelta(days=6 - end.weekday())
    return first, last, (start - timedelta(days=1)).replace(day=1), following


def _day(
    request: HttpRequest,
    day: date,
    found: selectors.Day | None,
    view: str,
    asked: date,
    on: date,
) -> dict[str, Any]:
    shown = found.entries if found else []
    if view == "month":
        shown = shown[: _PER_DAY["month"] + 1]
    total = found.total if found else 0
    return {
        "day": day,
        "entries": shown,
        "more": total - len(shown),
        "more_url": _with(request, view="week", on=day.isoformat()),
        "is_today": day == on,
        "is_late": day < on,
        "outside": view == "month" and day.month != asked.month,
    }


def _with(request: HttpRequest, **values: str) -> str:
    query = request.GET.copy()
    for name, value in values.items():
        query[name] = value
    return f"?{query.urlencode()}"
