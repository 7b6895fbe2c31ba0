"""What waits today: open alerts, tasks due, clocks; counted as the pages they open count them."""

from datetime import date, datetime
from typing import Any

from django.db.models import Count
from django.http import QueryDict

from csm.lib import display
from csm.portfolio.links import list_url
from playbooks.filters.alerts import AlertFilter
from playbooks.selectors import alerts, clocks, tasks


def tiles(user: Any, scope: str, *, on: date, now: datetime) -> list[dict[str, Any]]:
    """Contexts of components/stat_tile.html. Four queries."""
    open_alerts = alerts.counts(
        alerts.in_view_of(user, scope, on=on), AlertFilter(QueryDict(), user=user, on=on)
    )
    due = tasks.counts(tasks.undone(user, scope, on=on), on=on)
    running = clocks.seen(user, scope).aggregate(
        broken=Count("pk", filter=clocks.is_open("broken", now=now)),
        soon=Count("pk", filter=clocks.is_open("soon", now=now)),
        every=Count("pk", filter=clocks.is_open("open", now=now)),
    )
    beyond = f", {open_alerts.overflow:,} beyond the cap" if open_alerts.overflow else ""
    return [
        {
            "label": "Open alerts",
            "value": display.number(open_alerts.open),
            "n": f"{open_alerts.untaken:,} nobody has taken{beyond}",
            "definition": "Alerts that are open and not snoozed. Held ones wait for an admin.",
            "url": list_url("alerts", scope),
        },
        {
            "label": "Tasks today",
            "value": display.number(due["today"]),
            "n": "due today, of open plans",
            "definition": "Tasks of open plans that are due today and not done.",
            "url": list_url("tasks", scope, group="today"),
        },
        {
            "label": "Overdue tasks",
            "value": display.number(due["overdue"]),
            "n": f"{due['week']:,} more are due this week",
            "definition": "Tasks of open plans whose day has passed.",
            "url": list_url("tasks", scope, group="overdue"),
        },
        {
            "label": "Clocks",
            "value": display.number(running["every"]),
            "n": f"{running['broken']:,} ran out, {running['soon']:,} due in 24 hours",
            "definition": "Promises to act that are running or broken, such as the first response.",
            "url": list_url("clocks", scope),
        },
    ]
