"""What the pages of events read. Constant numbers of queries; the windows keep them to recent rows."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q

from accounts.events.messages import ACTIONS
from accounts.models import Event, EventRule, WriteKey

WEEK = 7
SHOWN_DAYS = 30
MOST_NAMES = 200
MOST_PROBLEMS = 50


@dataclass
class Named:
    """An event name that arrives: how often in seven days, from how many accounts, and what it makes."""

    name: str
    week: int
    accounts: int
    last: datetime
    rules: list[EventRule] = field(default_factory=list)


def named_events(*, as_of: date, rules: Iterable[EventRule] = ()) -> list[Named]:
    """Names seen in the last 30 days with those of `rules` that count them; at most MOST_NAMES.

    The most frequent of the last seven days come first.
    """
    week = Q(on__gt=as_of - timedelta(days=WEEK))
    rows = (
        Event.objects.filter(kind__in=ACTIONS, on__gt=as_of - timedelta(days=SHOWN_DAYS))
        .exclude(state=Event.State.REFUSED)
        .order_by()
        .values("name")
        .annotate(
            week=Count("id", filter=week),
            accounts=Count("account_id", distinct=True, filter=week),
            last=Max("at"),
        )
        .order_by("-week", "name")[:MOST_NAMES]
    )
    by_name: dict[str, list[EventRule]] = {}
    for rule in rules:
        if rule.is_active:
            by_name.setdefault(rule.event, []).append(rule)
    return [Named(**row, rules=by_name.get(row["name"], [])) for row in rows]


def all_rules() -> list[EventRule]:
    """Every rule with what it makes, active ones first."""
    rules = EventRule.objects.select_related("measure", "feature")
    return list(rules.order_by("-is_active", "event", "pk"))


def standing(*, as_of: date) -> dict[str, Any]:
    """Events of the last seven days: {"week": count by state, "arrived": all of them}."""
    week = dict(
        Event.objects.filter(on__gt=as_of - timedelta(days=WEEK))
        .order_by()
        .values_list("state")
        .annotate(count=Count("id"))
    )
    return {"week": week, "arrived": sum(week.values())}


def problems(state: str, *said: str) -> list[dict[str, Any]]:
    """Why events are refused or held: {note, source, count, last}, by count; at most MOST_PROBLEMS.

    `said` are fields to tell apart as well.
    """
    rows: Any = (
        Event.objects.filter(state=state)
        .order_by()
        .values("note", "source", *said)
        .annotate(count=Count("id"), last=Max("received_at"))
        .order_by("-count", "note", "source", *said)[:MOST_PROBLEMS]
    )
    return list(rows)


def write_keys() -> list[WriteKey]:
    """Keys, those in use first."""
    keys = WriteKey.objects.select_related("created_by")
    return sorted(keys, key=lambda key: (key.revoked_at is not None, key.name, key.pk))


def has_key() -> bool:
    """Whether anybody may send."""
    return WriteKey.objects.filter(revoked_at=None).exists()
