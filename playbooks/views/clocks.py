"""Running and broken clocks, and what people say of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from accounts.downloads import as_csv
from csm.lib import display, markup
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.scopes import scope_of
from csm.lib.typed import whole
from playbooks.access import clocks_seen_by
from playbooks.forms.clocks import ClockFilter
from playbooks.models import Clock, ClockRule, Escalation
from playbooks.selectors import clocks as selectors
from playbooks.services import clocks as services
from playbooks.views.moments import length, moment, short, until

State = Clock.State
_ACTIONS = {
    ClockRule.Key.FIRST_RESPONSE: "Say what was done",
    ClockRule.Key.ROOT_CAUSE: "Say what was found",
    ClockRule.Key.EXECUTIVE: "Take it on",
    ClockRule.Key.WEEKLY_REVIEW: "Confirm the review",
}
_QUESTIONS = {
    ClockRule.Key.FIRST_RESPONSE: "What was the first response?",
    ClockRule.Key.ROOT_CAUSE: "What is the cause, or where is it written down?",
    ClockRule.Key.EXECUTIVE: "Who looks after this account, and how?",
    ClockRule.Key.WEEKLY_REVIEW: "What did the review find?",
}


@dataclass(frozen=True)
class Row:
    """One line of the list, ready to show."""

    url: str
    cells: list[tuple[str, Any]]


@require_safe
def clocks(request: HttpRequest) -> HttpResponse:
    """Clocks of a scope by state, rule and owner; what is due first comes first."""
    now = timezone.now()
    scope, view = scope_of(request), _view(request)
    of_scope = selectors.seen(request.user, scope)
    found, filters = _filtered(request, of_scope, view, now)
    found = selectors.with_may_act(found, request.user, on=today())
    page, pager = numbered(request, found, "clocks")
    shown: list[Any] = list(page.object_list)
    figures = selectors.figures(of_scope, now=now)
    return render(
        request,
        "playbooks/clocks.html",
        {
            "filter": filters,
            "keep": [("scope", scope), ("state", view)],
            "rows": [_row(clock, now, clock.may_act, view) for clock in shown],
            "pager": pager,
            "headers": _headers(view),
            "tabs": [
                {"label": label, "url": _with(request, state=key), "active": key == view}
                for key, label in selectors.VIEWS.items()
            ],
            "tiles": _tiles(request, figures),
            "filtered": any(request.GET.get(name) for name in ("q", "rule", "owner")),
            "view": view,
            "now": now,
            "query": request.GET.urlencode(),
        },
    )


@require_safe
def clocks_csv(request: HttpRequest) -> HttpResponseBase:
    """The whole list the address asks for."""
    now = timezone.now()
    view = _view(request)
    found, _ = _filtered(request, selectors.seen(request.user, scope_of(request)), view, now)
    return as_csv(request, "clocks", f"clocks-{view}", _lines(found, now), found.count())


@require_http_methods(["GET", "HEAD", "POST"])
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """One clock: why it runs, who knows, and saying how it was met or taking that back."""
    now = timezone.now()
    if request.method == "POST":
        clock = get_object_or_404(selectors.acted_on_by(request.user, on=today()), pk=pk)
        return _done(request, clock, now)
    clock = get_object_or_404(
        clocks_seen_by(request.user)
        .select_related("rule", "account__owner", "met_by", "intervention")
        .prefetch_related("escalations__told"),
        pk=pk,
    )
    may = clock.pk in selectors.actionable(request.user, [clock], on=today())
    return render(
        request,
        "playbooks/clock.html",
        {
            "clock": clock,
            "state": _state(clock, now),
            "started": moment(clock.started_at),
            "due": moment(clock.due_at),
            "relative": until(clock.due_at, now) if clock.state in Clock.OPEN_STATES else "",
            "met": moment(clock.met_at) if clock.met_at else "",
            "escalations": [
                (row.get_level_display(), _told(row), moment(row.at))
                for row in sorted(clock.escalations.all(), key=lambda row: row.at)
            ],
            "may": may and clock.state in Clock.OPEN_STATES,
            "may_take_back": may and clock.state == State.MET and clock.met_by == request.user,
            "question": _QUESTIONS[ClockRule.Key(clock.rule.key)],
            "action": _ACTIONS[ClockRule.Key(clock.rule.key)],
            "crumbs": [{"label": "Clocks", "url": reverse("clocks")}, {"label": str(clock.rule)}],
        },
    )


def _done(request: HttpRequest, clock: Clock, now: datetime) -> HttpResponse:
    here = reverse("clock_act", args=[clock.pk])
    try:
        if request.POST.get("do") == "take_back":
            services.take_back(clock, by=request.user, at=now)
            messages.success(request, "Taken back: the clock is open again.")
            return redirect(here)
        services.acknowledge(clock, by=request.user, at=now, outcome=request.POST.get("word", ""))
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect(here)
    messages.success(
        request,
        format_html(
            '{} on {} is met. <a href="{}">Look at it or take it back</a>',
            clock.rule,
            clock.account,
            here,
        ),
    )
    return redirect("clocks")


def _view(request: HttpRequest) -> str:
    asked = request.GET.get("state", "")
    return asked if asked in selectors.VIEWS else "open"


def _filtered(
    request: HttpRequest, of_scope: Any, view: str, now: datetime
) -> tuple[Any, ClockFilter]:
    filters = ClockFilter(request.GET, selectors.listed(of_scope, view, now=now))
    found = filters.qs
    account = whole(request.GET.get("account", ""), 18)
    if account is not None:
        found = found.filter(account=account)
    return found, filters


def _with(request: HttpRequest, **values: str) -> str:
    query = request.GET.copy()
    query.pop("page", None)
    for name, value in values.items():
        query[name] = value
    return f"?{query.urlencode()}"


def _tiles(request: HttpRequest, figures: selectors.Figures) -> list[dict[str, Any]]:
    window = f"in {selectors.WINDOW_DAYS} days"
    return [
        {
            "label": "Running",
            "value": display.number(figures.running),
            "url": _with(request, state="running"),
            "definition": "Clocks whose time is not over yet.",
        },
        {
            "label": "Due in 24 hours",
            "value": display.number(figures.soon),
            "url": _with(request, state="soon"),
            "definition": "Running clocks that run out within the next 24 hours.",
        },
        {
            "label": "Broken",
            "value": display.number(figures.broken),
            "url": _with(request, state="broken"),
            "definition": "Open clocks whose time is over.",
        },
        {
            "label": "Met in time",
            "value": None if figures.in_time is None else display.percent(figures.in_time),
            "n": f"n = {figures.settled:,} {window}",
            "url": _with(request, state="met"),
            "definition": "Of the clocks met in the last 30 days, and those that ran out in them and "
            "are still open: the share met no later than due.",
        },
        {
            "label": "Median first response",
            "value": None
            if figures.median_hours is None
            else length(timedelta(hours=figures.median_hours)),
            "n": f"n = {figures.answered:,} {window}",
            "definition": "From the start of a first-response clock until it was met, by the wall "
            "clock; half took longer.",
        },
    ]


def _headers(view: str) -> list[str]:
    if view in ("met", "dropped"):
        return ["Account", "Clock", "State", "Owner", "Started", "Due", "Ended", "How"]
    return ["Account", "Clock", "State", "Owner", "Started", "Due", "Escalated", ""]


def _row(clock: Clock, now: datetime, may: bool, view: str) -> Row:
    url = reverse("clock_act", args=[clock.pk])
    account = clock.account
    cells: list[tuple[str, Any]] = [
        ("first", markup.link(reverse("account", args=[account.pk]), account.name, clock.reason)),
        ("", str(clock.rule)),
        ("", _state(clock, now)),
        ("", markup.owner(str(account.owner)) if account.owner else markup.unknown("no owner")),
        ("num", markup.day(timezone.localtime(clock.started_at))),
    ]
    if view in ("met", "dropped"):
        who = f"{clock.met_by}: " if clock.met_by else ""
        cells += [
            ("num", moment(clock.due_at)),
            ("num", moment(clock.met_at) if clock.met_at else markup.unknown("not recorded")),
            ("wrap", markup.link(url, f"{who}{clock.outcome}" or "Open")),
        ]
    else:
        cells += [
            ("num", _due(clock, now)),
            ("", _escalated(clock, now)),
            (
                "r",
                format_html(
                    '<a class="btn btn-sm" href="{}">{}<span class="visually-hidden"> on {}</span></a>',
                    url,
                    _ACTIONS[ClockRule.Key(clock.rule.key)] if may else "Look",
                    account.name,
                ),
            ),
        ]
    return Row(url, cells)


def _due(clock: Clock, now: datetime) -> SafeString:
    css = "late" if clock.due_at < now else ""
    return format_html(
        '<span class="{}">{}</span><span class="detail">{}</span>',
        css,
        until(clock.due_at, now),
        short(clock.due_at, now),
    )


def _state(clock: Clock, now: datetime) -> SafeString:
    word, tone = _words(clock, now)
    return markup.band(word, tone, plain=True)


def _words(clock: Clock, now: datetime) -> tuple[str, str]:
    """What a clock is now, and its tone."""
    if clock.state == State.DROPPED:
        return "No longer needed", "unknown"
    if clock.state == State.MET:
        late = clock.met_at is not None and clock.met_at > clock.due_at
        return ("Met late", "fair") if late else ("Met in time", "good")
    if clock.state == State.BROKEN or clock.due_at < now:
        return "Broken", "poor"
    if clock.due_at <= now + selectors.SOON:
        return "Due soon", "fair"
    return "Running", "good"


def _told(row: Escalation) -> str:
    names = [str(user) for user in row.told.all()]
    return ", ".join(names) if names else "nobody holds this level"


def _escalated(clock: Clock, now: datetime) -> SafeString:
    rows = sorted(clock.escalations.all(), key=lambda row: row.at)
    if not rows:
        return format_html('<span class="quiet">{}</span>', "Not yet")
    return format_html_join(
        "",
        '<span class="d-block">{} <span class="quiet">{}, {}</span></span>',
        ((row.get_level_display(), _told(row), short(row.at, now)) for row in rows),
    )


def _lines(found: Any, now: datetime) -> Iterator[Sequence[Any]]:
    yield (
        "account_id",
        "account",
        "clock",
        "state",
        "owner",
        "reason",
        "started_at",
        "due_at",
        "broken_at",
        "met_at",
        "met_by",
        "outcome",
        "escalated",
    )
    for clock in found.iterator(1_000):
        yield (
            clock.account.external_id,
            clock.account.name,
            clock.rule,
            _words(clock, now)[0],
            clock.account.owner,
            clock.reason,
            *(_stamp(at) for at in (clock.started_at, clock.due_at, clock.broken_at, clock.met_at)),
            clock.met_by,
            clock.outcome,
            "; ".join(
                f"{row.get_level_display()}: {_told(row)}, {_stamp(row.at)}"
                for row in sorted(clock.escalations.all(), key=lambda row: row.at)
            ),
        )


def _stamp(at: datetime | None) -> str | None:
    return timezone.localtime(at).isoformat(timespec="minutes") if at else None
