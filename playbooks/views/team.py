"""The team: who carries how much, each number leading to its list; as a file too."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.access import may_assign
from accounts.downloads import as_csv
from csm.lib import display, markup
from csm.lib.dates import today
from csm.lib.money import exponent
from playbooks.selectors import team as selectors
from playbooks.selectors.measures import FIRED_DAYS
from playbooks.selectors.team import Member
from playbooks.views.shown_night import night_of

_CURRENCY = settings.DEFAULT_CURRENCY
# Fewer answered alerts make no median worth comparing people by.
_LEAST_ANSWERED = 3


def require_team(request: HttpRequest) -> Any:
    """The colleague, or 404 for those who look after nobody."""
    user: Any = request.user
    if not (user.is_admin or user.role in ("manager", "executive")):
        raise Http404("No such page.")
    return user


def _members(request: HttpRequest, user: Any) -> list[Member]:
    people = selectors.people_of(user)
    return selectors.members(user, people, on=today(), night=night_of(request))


@require_safe
def team(request: HttpRequest) -> HttpResponse:
    """Everybody's load, the heaviest first."""
    user = require_team(request)
    on = today()
    found = _members(request, user)
    gives = may_assign(user)
    context = {
        "headers": _HEADERS,
        "rows": [_row(each, gives) for each in found],
        "as_of": on,
        "tiles": _tiles(found),
        "gives": gives,
        "assignments": [
            {"row": row, "moved": _moved(row.moved)} for row in selectors.recent_assignments(user)
        ]
        if gives
        else [],
        "weights": (
            f"Load: {selectors.ACCOUNT:.0f} for each account, {selectors.AT_RISK:.0f} more when it is at "
            f"risk, {selectors.OPEN_PLAN:.0f} for each open plan, {selectors.OPEN_ALERT:.0f} for each open "
            f"alert and each overdue task. Too much: over {selectors.TOO_MUCH:.0%} of the mean of those who "
            f"are here today; room for more: under {selectors.ROOM:.0%}."
        ),
        "outcome_days": selectors.OUTCOME_DAYS,
        "response_days": FIRED_DAYS,
    }
    return render(request, "playbooks/team.html", context)


_HEADERS = [
    ("", "Colleague"),
    ("", "Load"),
    ("r", "Accounts, ARR"),
    ("r", "At risk, ARR"),
    ("r", "Open plans"),
    ("r", "Overdue tasks"),
    ("r", "Open alerts"),
    ("r", "Overflow"),
    ("r", "First act"),
    ("r", "Recovered"),
    ("", ""),
]


def _tiles(found: list[Member]) -> list[dict[str, Any]]:
    busy = sum(each.word == "too much" for each in found)
    away = sum(each.absence is not None for each in found)
    risk = sum(each.at_risk for each in found)
    known = sum(each.at_risk_known for each in found)
    return [
        {
            "label": "CSMs",
            "value": display.number(len(found)),
            "n": f"{away} away today",
            "definition": "Active colleagues with the role CSM.",
        },
        {
            "label": "Too much",
            "value": display.number(busy),
            "n": f"of {len(found)}",
            "definition": "CSMs whose load is well above the mean of those who are here today.",
        },
        {
            "label": "ARR at risk",
            "value": display.money(
                sum(each.arr_at_risk for each in found) if known else None, _CURRENCY
            ),
            "n": f"{risk:,} accounts, ARR known for {known:,}",
            "definition": "Accounts in the lowest band that somebody here looks after.",
        },
        {
            "label": "Overdue tasks",
            "value": display.number(sum(each.overdue for each in found)),
            "n": "given to those below",
            "definition": "Tasks of open plans whose day has passed, given to a colleague in this list. "
            "Those given to managers and executives are among the tasks of everybody.",
        },
    ]


def _row(each: Member, gives: bool) -> list[tuple[str, SafeString | str]]:
    pk = each.user.pk

    def to(name: str, text: str, **params: Any) -> SafeString | str:
        query = urlencode({"scope": "all", **params})
        return format_html('<a class="num" href="{}?{}">{}</a>', reverse(name), query, text)

    def counted(name: str, many: int, **params: Any) -> SafeString | str:
        return to(name, display.number(many), **params) if many else "0"

    word = {"too much": "load-high", "room for more": "load-low"}.get(each.word, "load-even")
    load = (
        format_html(
            '<b class="load-word {}">{}</b><span class="detail num">{} points, {} of the mean</span>',
            word,
            each.word.capitalize(),
            display.number(each.load),
            display.percent(each.ratio),
        )
        if each.word and each.ratio is not None
        else format_html('<span class="num">{} points</span>', display.number(each.load))
    )
    answered = each.answered >= _LEAST_ANSWERED and each.response_hours is not None
    ended = format_html(
        '<span class="num">{}</span><span class="detail num">{}</span>',
        f"{each.recovered} of {each.closed}",
        display.percent(each.recovered / each.closed) if each.closed else "",
    )
    return [
        ("", _name(each)),
        ("", load),
        (
            "r",
            _with_arr(
                counted("portfolio", each.accounts, owner=pk),
                each.arr,
                each.arr_known,
                each.accounts,
            ),
        ),
        (
            "r",
            _with_arr(
                counted("at_risk", each.at_risk, owner=pk),
                each.arr_at_risk,
                each.at_risk_known,
                each.at_risk,
            ),
        ),
        ("r", counted("plans", each.plans, owner=pk)),
        ("r", counted("tasks", each.overdue, who=pk, group="overdue")),
        ("r", _alerts(each, counted)),
        ("r", counted("alerts", each.overflow, owner=pk, state="overflow")),
        (
            "r",
            markup.number(each.response_hours, 1, "h")
            if answered
            else markup.unknown(f"{each.answered} answered are too few"),
        ),
        ("r", ended if each.closed else markup.unknown("no plan ended")),
        ("r", _give(pk, each) if gives and each.accounts else ""),
    ]


def _name(each: Member) -> SafeString:
    detail = ", ".join(each.teams)
    if each.absence is not None:
        cover = f"covered by {each.absence.cover}" if each.absence.cover else "nobody covers"
        detail = f"away until {each.absence.last_on:%-d %b}, {cover}"
    return format_html(
        '{}<span class="detail">{}</span>', markup.owner(str(each.user)), detail or "in no team"
    )


def _with_arr(number: SafeString | str, amount: int, known: int, of: int) -> SafeString | str:
    if not of:
        return number
    text = display.money(amount if known else None, _CURRENCY)
    if known and known < of:
        text += f", known for {known:,}"
    return format_html('{}<span class="detail num">{}</span>', number, text)


def _alerts(each: Member, counted: Any) -> SafeString | str:
    number = counted("alerts", each.alerts, owner=each.user.pk, state="any")
    if not each.untaken:
        return number
    return format_html('{}<span class="detail num">{} untaken</span>', number, each.untaken)


def _give(pk: int, each: Member) -> SafeString:
    return format_html(
        '<a class="btn btn-sm" href="{}?from={}">Re-assign<span class="visually-hidden"> the accounts of {}'
        "</span></a>",
        reverse("assign"),
        pk,
        each.user,
    )


def _moved(moved: dict[str, Any]) -> str:
    nouns = (
        ("accounts", "account"),
        ("interventions", "plan"),
        ("tasks", "task"),
        ("alerts", "alert"),
    )
    said = [
        f"{len(moved[name]):,} {noun}{'' if len(moved[name]) == 1 else 's'}"
        for name, noun in nouns
        if moved.get(name)
    ]
    return ", ".join(said) or "nothing"


@require_safe
def team_csv(request: HttpRequest) -> HttpResponseBase:
    """The same figures as a file; amounts in the book's currency, empty where unknown."""
    user = require_team(request)
    found = _members(request, user)
    return as_csv(request, "team", f"team-{today().isoformat()}", _lines(found), len(found))


def _lines(found: list[Member]) -> Iterator[list[Any]]:
    yield [
        "colleague",
        "teams",
        "load_points",
        "load",
        "accounts",
        "arr",
        "arr_known_for",
        "at_risk",
        "arr_at_risk",
        "currency",
        "open_plans",
        "overdue_tasks",
        "open_alerts",
        "untaken_alerts",
        "overflow_alerts",
        "median_hours_to_first_act",
        "answered_alerts",
        "plans_ended_90d",
        "recovered_90d",
        "away_until",
        "covered_by",
    ]
    for each in found:
        absence = each.absence
        yield [
            str(each.user),
            ", ".join(each.teams),
            f"{each.load:.0f}",
            each.word,
            each.accounts,
            _major(each.arr, each.arr_known),
            each.arr_known,
            each.at_risk,
            _major(each.arr_at_risk, each.at_risk_known),
            _CURRENCY,
            each.plans,
            each.overdue,
            each.alerts,
            each.untaken,
            each.overflow,
            "" if each.response_hours is None else f"{each.response_hours:.1f}",
            each.answered,
            each.closed,
            each.recovered,
            absence.last_on.isoformat() if absence else "",
            str(absence.cover or "") if absence else "",
        ]


def _major(amount: int, known: int) -> str:
    if not known:
        return ""
    return f"{display.major_units(amount, _CURRENCY):.{exponent(_CURRENCY)}f}"
