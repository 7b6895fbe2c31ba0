"""Alerts as people read them: whose they are, how many, and the lines of a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict

from accounts.access import in_scope
from playbooks.access import alerts_changeable_by, alerts_seen_by
from playbooks.filters.alerts import OPEN_VIEWS, AlertFilter, shown_in
from playbooks.models import Absence, Alert, AlertChange

Kind = AlertChange.Kind
# The alert page shows the last so many things that happened to it.
CHANGES: Final = 100


def in_view_of(user: Any, scope: str, *, on: date) -> QuerySet[Alert]:
    """Alerts `user` may read in a scope.

    "mine": those they own or cover for on the day, and those nobody owns on their accounts. "team": on the
    accounts of their teams. "all": everything they may see.
    """
    seen = alerts_seen_by(user)
    if scope == "mine":
        covered = Absence.objects.filter(cover=user, first_on__lte=on, last_on__gte=on)
        return seen.filter(
            Q(owner=user) | Q(owner__in=covered.values("user")) | Q(owner=None, account__owner=user)
        )
    if scope == "team":
        return seen.filter(account__in=in_scope(user, scope).order_by().values("pk"))
    return seen


def matching(user: Any, query: QueryDict, *, on: date) -> QuerySet[Alert]:
    """All alerts of a list as its address describes it, for acts on everything that matches."""
    condition = AlertFilter(query, user=user, on=on).condition
    return in_view_of(user, query.get("scope", "all"), on=on).filter(condition)


@dataclass(frozen=True)
class Counts:
    """Alerts of a scope that are not over, however the list is filtered; `shown` are those of the list."""

    open: int
    untaken: int
    overflow: int
    held: int
    snoozed: int
    shown: int


def counts(alerts: QuerySet[Alert], filter_: AlertFilter) -> Counts:
    """The tiles and the length of the list: one query, two when the list shows alerts that are over."""
    on = filter_.on
    is_open = shown_in("open", on)
    conditions = {
        "open": is_open,
        "untaken": is_open & Q(taken_by=None),
        **{name: shown_in(name, on) for name in ("overflow", "held", "snoozed")},
    }
    among_open = filter_.view in OPEN_VIEWS
    if among_open:
        conditions["shown"] = filter_.condition
    # Named apart from the fields: a condition on a field must not meet a count of its name.
    wanted = {f"n_{name}": Count("pk", filter=each) for name, each in conditions.items()}
    found = alerts.filter(state__in=Alert.OPEN_STATES).order_by().aggregate(**wanted)
    figures = {name.removeprefix("n_"): n for name, n in found.items()}
    if not among_open:
        figures["shown"] = alerts.filter(filter_.condition).order_by().count()
    return Counts(**figures)


class Option(NamedTuple):
    """A trigger and an owner that occur together among the open alerts of a scope."""

    trigger: str
    trigger_name: str
    owner_id: int | None
    owner: str


def options(alerts: QuerySet[Alert]) -> list[Option]:
    """What there is to filter by. One query over the alerts that are not over."""
    rows = (
        alerts.filter(state__in=Alert.OPEN_STATES)
        .order_by()
        .values_list(
            "trigger__key",
            "trigger__name",
            "owner",
            "owner__first_name",
            "owner__last_name",
            "owner__username",
        )
        .distinct()
    )
    return [Option(*row[:3], called(*row[3:])) for row in rows]


class Record(NamedTuple):
    """The columns a list reads, in the order of `values_list`; ARR in minor units of its currency."""

    pk: int
    version: int
    state: str
    severity: int
    overflow: bool
    opened_on: date
    opened_at: datetime
    evidence: list[dict[str, Any]]
    snoozed_until: date | None
    snooze_reason: str
    taken_at: datetime | None
    acted_at: datetime | None
    ended_on: date | None
    end_reason: str
    trigger__key: str
    trigger__name: str
    trigger__family: str
    trigger__playbook: int | None
    trigger__playbook__name: str | None
    trigger__playbook__is_active: bool | None
    account_id: int
    account__external_id: str
    account__name: str
    account__industry: str
    account__size_segment: str
    account__arr_amount: int | None
    account__currency: str
    account__health__band_name: str | None
    account__health__tone: str | None
    owner_id: int | None
    owner__first_name: str | None
    owner__last_name: str | None
    owner__username: str | None
    taken_by_id: int | None
    taken_by__first_name: str | None
    taken_by__last_name: str | None
    taken_by__username: str | None
    ended_by__first_name: str | None
    ended_by__last_name: str | None
    ended_by__username: str | None
    intervention_id: int | None
    intervention__title: str | None
    intervention__state: str | None
    # Annotated by `lines`.
    held_because: str | None
    may_act: bool

    @property
    def owner_name(self) -> str:
        return called(self.owner__first_name, self.owner__last_name, self.owner__username)

    @property
    def taker_name(self) -> str:
        return called(self.taken_by__first_name, self.taken_by__last_name, self.taken_by__username)

    @property
    def ender_name(self) -> str:
        return called(self.ended_by__first_name, self.ended_by__last_name, self.ended_by__username)

    @property
    def is_open(self) -> bool:
        return self.state in Alert.OPEN_STATES

    @property
    def playbook(self) -> str:
        """The playbook its trigger recommends, where that is in use."""
        return (self.trigger__playbook__name or "") if self.trigger__playbook__is_active else ""

    @property
    def answered(self) -> bool:
        """Whether a plan that runs answers it."""
        return self.intervention_id is not None and self.intervention__state != "closed"

    @property
    def saw(self) -> str:
        """Its evidence in a line."""
        return evidence_line(self.evidence)


def called(first: str | None, last: str | None, username: str | None) -> str:
    """A colleague as shown everywhere; empty for nobody."""
    return f"{first or ''} {last or ''}".strip() or username or ""


def evidence_line(evidence: Iterable[dict[str, Any]]) -> str:
    """What made it fire: the first condition that held, its value and limit, and how many more did."""
    held = [row for row in evidence if row.get("holds")]
    if not held:
        return ""
    first, more = held[0], len(held) - 1
    text = f"{first.get('label', '')}: {first.get('text') or first.get('value')}"
    if limit := first.get("limit"):
        text += f" ({limit})"
    return f"{text} · {more} more" if more else text


def lines(alerts: QuerySet[Alert], user: Any, *, on: date) -> QuerySet[Alert, Any]:
    """Rows as the fields of `Record`. One query."""
    why = AlertChange.objects.filter(alert=OuterRef("pk"), kind=Kind.HELD).order_by("-pk")
    mine = alerts_changeable_by(user, on=on).filter(pk=OuterRef("pk"))
    return alerts.annotate(
        held_because=Subquery(why.values("reason")[:1]), may_act=Exists(mine)
    ).values_list(*Record._fields)


def history(alert: Alert) -> list[AlertChange]:
    """What happened to an alert, newest first. One query."""
    return list(alert.changes.select_related("by")[:CHANGES])
