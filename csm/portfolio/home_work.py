"""What waits today: open alerts, tasks due, clocks; counted as the pages they open count them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, QuerySet, Value

from csm.lib import display
from csm.portfolio.links import list_url
from playbooks.models import Alert
from playbooks.selectors import alerts, clocks, tasks


def tiles(user: Any, scope: str, *, on: date, now: datetime) -> list[dict[str, Any]]:
    """Contexts of components/stat_tile.html. One query."""
    alerts_ = alerts.in_view_of(user, scope, on=on).filter(state__in=Alert.OPEN_STATES)
    tasks_ = tasks.ranked(tasks.undone(user, scope, on=on), on=on)
    now_open = alerts.shown_in("open", on)
    counted = dict.fromkeys(("alerts", "tasks", "clocks"), (0, 0, 0))
    parts = [
        _counted(
            "alerts",
            alerts_,
            (now_open, now_open & Q(taken_by=None), alerts.shown_in("overflow", on)),
        ),
        _counted(
            "tasks", tasks_, [Q(rank=tasks.rank_of(each)) for each in ("today", "overdue", "week")]
        ),
        _counted(
            "clocks",
            clocks.seen(user, scope),
            [clocks.is_open(view, now=now) for view in ("open", "broken", "soon")],
        ),
    ]
    for kind, *numbers in parts[0].union(*parts[1:], all=True):
        counted[kind] = tuple(numbers)
    open_, untaken, overflow = counted["alerts"]
    due, overdue, week = counted["tasks"]
    every, broken, soon = counted["clocks"]
    beyond = f", {overflow:,} beyond the cap" if overflow else ""
    return [
        {
            "label": "Open alerts",
            "value": display.number(open_),
            "n": f"{untaken:,} nobody has taken{beyond}",
            "definition": "Alerts that are open and not snoozed. Held ones wait for an admin.",
            "url": list_url("alerts", scope),
        },
        {
            "label": "Tasks today",
            "value": display.number(due),
            "n": "due today, of open plans",
            "definition": "Tasks of open plans that are due today and not done.",
            "url": list_url("tasks", scope, group="today"),
        },
        {
            "label": "Overdue tasks",
            "value": display.number(overdue),
            "n": f"{week:,} more are due this week",
            "definition": "Tasks of open plans whose day has passed.",
            "url": list_url("tasks", scope, group="overdue"),
        },
        {
            "label": "Clocks",
            "value": display.number(every),
            "n": f"{broken:,} ran out, {soon:,} due in 24 hours",
            "definition": "Promises to act that are running or broken, such as the first response.",
            "url": list_url("clocks", scope),
        },
    ]


def _counted(kind: str, rows: QuerySet[Any], conditions: Sequence[Q]) -> Any:
    """How many of `rows` meet each of three conditions, after the word `kind`; no row where there are none."""
    numbers = {
        f"n{place}": Count("pk", filter=condition) for place, condition in enumerate(conditions)
    }
    grouped = rows.order_by().annotate(kind_=Value(kind)).values("kind_")
    return grouped.annotate(**numbers).values_list("kind_", *numbers)
