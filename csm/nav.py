"""The shell around every page: navigation, scope switch, as-of bar."""

from functools import cache, lru_cache
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.access import may_write
from accounts.trust import selectors
from csm.lib.dates import today
from csm.lib.scopes import SCOPES, scope_of
from playbooks.selectors.notices import bell, unread
from playbooks.views.shown_night import night_of
from scoring.models import ScoreRun

# Pages that show a book of accounts and therefore follow the scope switch.
SCOPED = {
    "home",
    "portfolio",
    "at_risk",
    "insights",
    "alerts",
    "plans",
    "plans_board",
    "tasks",
    "calendar",
    "clocks",
}
Entry = tuple[str, str, str]
# So many entries fit the bar of a phone beside "More", which leads to all.
_ON_PHONES = 5
# The navigation: heading → (address, label, icon).
_NAV: dict[str, tuple[Entry, ...]] = {
    "": (
        ("home", "Home", "home"),
        ("portfolio", "Portfolio", "layout-list"),
        ("at_risk", "At risk", "alert-triangle"),
    ),
    "Work": (
        ("alerts", "Alerts", "bell"),
        ("tasks", "Tasks", "list-check"),
        ("plans", "Plans", "clipboard-list"),
        ("clocks", "Clocks", "clock"),
        ("calendar", "Calendar", "calendar-event"),
    ),
    "Results": (
        ("insights", "Insights", "chart-bar"),
        ("effect", "Did it work?", "trending-up"),
    ),
    "Rules": (
        ("triggers", "Triggers", "bolt"),
        ("playbooks", "Playbooks", "archive"),
        ("scorecards", "Scorecards", "adjustments"),
        ("metrics", "Metrics", "calculator"),
        ("nights", "Nights", "moon"),
    ),
}
_TEAM_NAV: Entry = ("team", "Team", "users")
_JOBS_NAV: Entry = ("jobs", "Background work", "refresh")
# Where admins are told of frozen feeds.
_TELLS_OF_FREEZES = {"home", "nights"}
# A page below another lights that one's entry.
_BELOW = {
    "account": "portfolio",
    "account_health": "portfolio",
    "scorecard": "scorecards",
    "scorecard_publish": "scorecards",
    "night": "nights",
    "schedule_edit": "schedule",
    "metric": "metrics",
    "metric_new": "metrics",
    "metric_edit": "metrics",
    "account_timeline": "portfolio",
    "account_usage": "portfolio",
    "account_facts": "portfolio",
    "event_keys": "events",
    "event_key_new": "events",
    "event_rule_save": "events",
    "event_rule_change": "events",
    "event_rule": "events",
    "event_rule_new": "events",
    "quality_sources": "quality",
    "quality_source": "quality",
    "quality_quarantine": "quality",
    "quality_duplicates": "quality",
    "quality_merge": "quality",
    "quality_contradictions": "quality",
    "quality_contradiction": "quality",
    "quality_unowned": "quality",
    "import": "imports",
    "account_alerts": "portfolio",
    "account_plans": "portfolio",
    "account_notes": "portfolio",
    "alert": "alerts",
    "alerts_bulk": "alerts",
    "job": "jobs",
    "job_assign": "portfolio",
    "job_alerts": "alerts",
    "plan": "plans",
    "plan_new": "plans",
    "plan_edit": "plans",
    "plan_share": "plans",
    "plans_board": "plans",
    "clock_rules": "clocks",
    "calendar_feed": "calendar",
    "assign": "team",
    "absences": "team",
    "trigger": "triggers",
    "trigger_new": "triggers",
    "trigger_load": "triggers",
    "trigger_edit": "triggers",
    "trigger_switch": "triggers",
    "replay": "triggers",
    "playbook": "playbooks",
    "playbook_new": "playbooks",
    "playbook_edit": "playbooks",
    "playbook_publish": "playbooks",
    "playbook_switch": "playbooks",
    "playbook_audience": "playbooks",
    "playbook_try": "playbooks",
    "playbook_roles": "playbooks",
    "import_new": "imports",
    "import_mapping": "imports",
    "import_undo": "imports",
    "person": "people",
}
_DATA_NAV: tuple[Entry, ...] = (
    ("imports", "Imports", "file-import"),
    ("events", "Events", "activity"),
    ("quality", "Data quality", "heartbeat"),
)
_ADMIN_NAV: tuple[Entry, ...] = (
    ("schedule", "Schedule", "history"),
    ("people", "Colleagues", "users"),
    ("audit", "Audit trail", "eye"),
)
_STAFF_NAV: tuple[Entry, ...] = (
    ("admin:index", "Admin", "settings"),
    ("gallery", "Gallery", "palette"),
)


def _bell(request: HttpRequest) -> str:
    many: int | None = getattr(night_of(request), "unread", None)
    return bell(unread(request.user) if many is None else many)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Template context of the shell. One query for the night and the bell; nothing for anonymous visitors."""
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    match = request.resolver_match
    here = match.url_name if match else ""
    return {
        "nav": _nav(here or "", user),
        "unread": _bell(request),
        "scopes": _scopes(request) if here in SCOPED else [],
        **_as_of(night_of(request)),
        **_held_back(here or "", user),
    }


def _held_back(here: str, user: Any) -> dict[str, Any]:
    """What the breaker holds, for the admins who may lift it, where they start their day."""
    if here not in _TELLS_OF_FREEZES or not user.is_admin:
        return {}
    return {"held_back": selectors.open_freezes()}


def pages(user: Any) -> tuple[dict[str, str], ...]:
    """The pages `user` may go to: {name, url, label, icon, heading}, as navigation and search list them.

    `heading` is that of their group where one begins, else empty. Shared: only to be read.
    """
    return _pages(*_may(user))


def _may(user: Any) -> tuple[bool, bool, bool, bool]:
    """All that navigation depends on: leads people, writes, administers, is staff."""
    leads = user.role in ("manager", "executive") or user.is_admin
    return bool(leads), may_write(user), bool(user.is_admin), bool(user.is_staff)


@cache
def _pages(leads: bool, writes: bool, admin: bool, staff: bool) -> tuple[dict[str, str], ...]:
    groups: dict[str, list[Entry]] = {heading: list(names) for heading, names in _NAV.items()}
    if leads:
        groups["Work"].append(_TEAM_NAV)
    if writes:
        groups["Work"].append(_JOBS_NAV)
    groups["Data"] = list(_DATA_NAV if admin else ())
    groups["Administration"] = [*(_ADMIN_NAV if admin else ()), *(_STAFF_NAV if staff else ())]
    return tuple(
        {
            "name": name,
            "url": reverse(name),
            "label": label,
            "icon": icon,
            "heading": heading if place == 0 else "",
        }
        for heading, entries in groups.items()
        for place, (name, label, icon) in enumerate(entries)
    )


def _nav(here: str, user: Any) -> SafeString:
    return _nav_html(_BELOW.get(here, here), _may(user))


# Printed on every page, and the same for everybody who may do the same.
@lru_cache(maxsize=512)
def _nav_html(lit: str, may: tuple[bool, bool, bool, bool]) -> SafeString:
    items = [
        page | {"active": lit == page["name"], "is_first": place < _ON_PHONES}
        for place, page in enumerate(_pages(*may))
    ]
    return render_to_string("components/nav.html", {"items": items})


def _scopes(request: HttpRequest) -> list[dict[str, Any]]:
    current = scope_of(request)
    found = []
    for key, label in SCOPES.items():
        # A change of scope keeps the filters and starts at the first page.
        query = request.GET.copy()
        query.pop("page", None)
        query["scope"] = key
        found.append(
            {"key": key, "label": label, "url": f"?{query.urlencode()}", "active": key == current}
        )
    return found


def _as_of(run: ScoreRun | None) -> dict[str, Any]:
    if run is None:
        return {"as_of": None, "as_of_note": "No night has been scored yet", "as_of_stale": False}
    finished = timezone.localtime(run.finished_at) if run.finished_at else None
    scored = f" · scored {finished:%-d %b %H:%M}" if finished else ""
    return {
        "as_of": run.as_of,
        "as_of_note": f"Health as of {run.as_of:%-d %b %Y}{scored}",
        "as_of_stale": (today() - run.as_of).days > 1,
        "night": run,
    }
