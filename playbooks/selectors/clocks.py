"""Clocks as people read them: broken when their time is over, whether or not anybody has marked it yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.access import changeable_by, in_scope, may_assign, may_write
from playbooks.access import clocks_seen_by, own
from playbooks.models import Clock, ClockRule

Key = ClockRule.Key
State = Clock.State
SOON: Final = timedelta(hours=24)
# The figures of the page look back so many days.
WINDOW_DAYS: Final = 30
VIEWS: Final = {
    "open": "Running and broken",
    "broken": "Broken",
    "soon": "Due in 24 hours",
    "running": "Running",
    "met": "Met",
    "dropped": "No longer needed",
}


@dataclass(frozen=True)
class Figures:
    """Counts of open clocks now; of the last 30 days the share met in time (0–1) and hours to a response.

    `settled` is what the share is over: clocks met in the window, and those due in it and still open.
    `median_hours` is from start to met, over `answered` first responses met in the window.
    """

    running: int
    soon: int
    broken: int
    in_time: float | None
    settled: int
    median_hours: float | None
    answered: int


def is_open(view: str, *, now: datetime) -> Q:
    """The condition of one of `VIEWS`."""
    overdue = Q(state=State.BROKEN) | Q(state=State.RUNNING, due_at__lt=now)
    in_time = Q(state=State.RUNNING, due_at__gte=now)
    return {
        "broken": overdue,
        "running": in_time,
        "soon": in_time & Q(due_at__lte=now + SOON),
        "met": Q(state=State.MET),
        "dropped": Q(state=State.DROPPED),
    }.get(view, Q(state__in=Clock.OPEN_STATES))


def seen(user: Any, scope: str) -> QuerySet[Clock]:
    """Clocks `user` may read on the accounts of a scope."""
    return clocks_seen_by(user).filter(account__in=in_scope(user, scope).order_by().values("pk"))


def listed(clocks: QuerySet[Clock], view: str, *, now: datetime) -> QuerySet[Clock]:
    """A view of `clocks` in its order: what is due first, or what ended last."""
    ended = view in ("met", "dropped")
    found = clocks.filter(is_open(view, now=now)).select_related(
        "rule", "account__owner", "met_by", "intervention"
    )
    # Escalations and who was told: two queries a page.
    return found.prefetch_related("escalations__told").order_by(
        *(("-met_at", "-started_at", "-pk") if ended else ("due_at", "pk"))
    )


def figures(clocks: QuerySet[Clock], *, now: datetime) -> Figures:
    """The figures over `clocks`, whatever their state. Two queries."""
    since = now - timedelta(days=WINDOW_DAYS)
    late = is_open("broken", now=now)
    counted = clocks.order_by().aggregate(
        running=Count("pk", filter=is_open("running", now=now)),
        soon=Count("pk", filter=is_open("soon", now=now)),
        broken=Count("pk", filter=late),
        lately=Count("pk", filter=late & Q(due_at__gt=since)),
    )
    rows: Any = (
        clocks.filter(state=State.MET, met_at__gt=since, met_at__lte=now)
        .order_by()
        .values_list("rule__key", "started_at", "due_at", "met_at")
    )
    met: list[tuple[str, datetime, datetime, datetime]] = list(rows)
    settled = len(met) + counted.pop("lately")
    in_time = sum(met_at <= due_at for _, _, due_at, met_at in met)
    hours = [
        (met_at - started_at) / timedelta(hours=1)
        for key, started_at, _, met_at in met
        if key == Key.FIRST_RESPONSE
    ]
    return Figures(
        **counted,
        in_time=in_time / settled if settled else None,
        settled=settled,
        median_hours=median(hours) if hours else None,
        answered=len(hours),
    )


def acted_on_by(user: Any, *, on: date) -> QuerySet[Clock]:
    """Clocks `user` may say something of.

    Executive attention: managers of the account, executives, admins. The others: whoever may change the
    account, or stands in for its owner.
    """
    rows = clocks_seen_by(user)
    if not (user.is_authenticated and user.is_active):
        return rows.none()
    if user.role == "executive" and not user.is_superuser:
        return rows.filter(rule__key=Key.EXECUTIVE)
    if not may_write(user):
        return rows.none()
    theirs = rows.filter(
        Q(account__in=changeable_by(user).order_by().values("pk")) | own(user, "account__owner", on)
    )
    return theirs if may_assign(user) else theirs.exclude(rule__key=Key.EXECUTIVE)


def with_may_act(clocks: QuerySet[Clock], user: Any, *, on: date) -> QuerySet[Clock]:
    """`clocks` with `may_act`: whether `user` may say something of it."""
    return clocks.annotate(may_act=Exists(acted_on_by(user, on=on).filter(pk=OuterRef("pk"))))


def actionable(user: Any, clocks: Sequence[Clock], *, on: date) -> set[int]:
    """Ids of those of `clocks` that `user` may act on; one query."""
    wanted = [clock.pk for clock in clocks]
    return set(acted_on_by(user, on=on).filter(pk__in=wanted).values_list("pk", flat=True))
