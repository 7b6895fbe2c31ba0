"""Reads of plans: lists with their figures, and how many there are of what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.db.models import (
    Count,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce, NullIf

from playbooks.access import interventions_seen_by
from playbooks.filters.plans import OPEN, closed_lately, met, overdue
from playbooks.models import Intervention, InterventionKpi, InterventionTask

_RELATED: Final = (
    "account__health",
    "account__work",
    "owner",
    "playbook_version__playbook",
)


def plans_in(user: Any, scope: str) -> QuerySet[Intervention]:
    """Plans `user` may read in a scope; "mine" are those they own, and those of their accounts."""
    seen = interventions_seen_by(user)
    if scope == "mine":
        return seen.filter(Q(owner=user) | Q(account__owner=user))
    if scope == "team":
        return seen.filter(account__team__in=user.team_ids)
    return seen


@dataclass(frozen=True)
class Totals:
    """Plans of a scope by what they are, and those the filters leave (`listed`).

    ARR in minor units of the book's currency, frozen at the start, of open plans; known for `arr_known`.
    """

    open: int
    holding: int
    overdue: int
    closed: int
    recovered: int
    no_cause: int
    arr: int | None
    arr_known: int
    listed: int

    @property
    def active(self) -> int:
        """Open, in time, and their test does not hold: the board's first column."""
        return self.open - self.holding - self.overdue


def totals(plans: QuerySet[Intervention], *, on: date, within: Q) -> Totals:
    """One query over the plans of a scope."""
    here = OPEN & Q(account__currency=settings.DEFAULT_CURRENCY)
    late = overdue(on) & Q(state=Intervention.State.ACTIVE)
    lately = closed_lately(on)
    found = plans.order_by().aggregate(
        open=Count("pk", filter=OPEN),
        holding=Count("pk", filter=Q(state=Intervention.State.HOLDING)),
        overdue=Count("pk", filter=late),
        closed=Count("pk", filter=lately),
        recovered=Count("pk", filter=lately & Q(outcome=Intervention.Outcome.RECOVERED)),
        no_cause=Count("pk", filter=OPEN & Q(cause="")),
        arr=Sum("arr_start", filter=here),
        arr_known=Count("arr_start", filter=here),
        listed=Count("pk", filter=within),
    )
    return Totals(**found)


def offered(plans: QuerySet[Intervention]) -> dict[str, Any]:
    """Owners, playbooks and bands the plans of a scope have: what the filters offer. One query."""
    rows = (
        plans.order_by()
        .values_list(
            "owner_id",
            "owner__first_name",
            "owner__last_name",
            "owner__username",
            "playbook_version__playbook__key",
            "playbook_version__playbook__name",
            "band_start",
        )
        .distinct()
    )
    owners, playbooks, bands = {}, {}, set()
    for owner, first, last, username, key, name, band in rows:
        if owner is not None:
            owners[str(owner)] = f"{first} {last}".strip() or username
        if key is not None:
            playbooks[key] = name
        if band:
            bands.add(band)
    return {
        "owners": sorted(owners.items(), key=lambda pair: pair[1].lower()),
        "playbooks": sorted(playbooks.items(), key=lambda pair: pair[1].lower()),
        "bands": sorted(bands),
    }


def rows(plans: QuerySet[Intervention]) -> QuerySet[Intervention]:
    """Plans with what a list shows of them: `tasks_all`, `tasks_done`, `tasks_share`, `next_title`,
    `next_due_on`, `kpis_all`, `kpis_met`, `score_change`, account with health and work."""
    tasks = InterventionTask.objects.filter(intervention=OuterRef("pk"))
    done = (InterventionTask.State.DONE, InterventionTask.State.SKIPPED)
    following = (
        tasks.filter(state__in=(InterventionTask.State.OPEN, InterventionTask.State.TO_APPROVE))
        .order_by(F("due_on").asc(nulls_last=True), "position", "pk")
        .values
    )
    goals = InterventionKpi.objects.filter(intervention=OuterRef("pk"))
    return (
        plans.select_related(*_RELATED)
        .annotate(
            tasks_all=_count(tasks),
            tasks_done=_count(tasks.filter(state__in=done)),
            next_title=Subquery(following("title")[:1]),
            next_due_on=Subquery(following("due_on")[:1]),
            kpis_all=_count(goals),
            kpis_met=_count(goals.filter(met())),
            score_change=Coalesce(F("score_end"), F("account__health__score")) - F("score_start"),
        )
        .annotate(
            tasks_share=Cast(F("tasks_done"), FloatField())
            / NullIf(Cast(F("tasks_all"), FloatField()), Value(0.0))
        )
    )


def _count(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("intervention").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


@dataclass(frozen=True)
class Column:
    """One column of the board: its first cards, how many there are, and the filters of its list."""

    title: str
    query: str
    count: int
    cards: Sequence[Intervention]
    empty: str


# Cards of a column; the list has the rest.
CARDS: Final = 20


def board(plans: QuerySet[Intervention], found: Totals, *, on: date) -> list[Column]:
    """The plans of a scope by state: one query per column."""
    state = Intervention.State
    late = overdue(on) & Q(state=state.ACTIVE)
    wanted = (
        ("Overdue", "state=active&due=overdue", found.overdue, late, "target_on", "Nothing late."),
        (
            "Active",
            "state=active&due=ahead",
            found.active,
            Q(state=state.ACTIVE) & ~late,
            "target_on",
            "No plan under way.",
        ),
        (
            "Exit test holds",
            "state=holding",
            found.holding,
            Q(state=state.HOLDING),
            "exit_since",
            "No test holds yet.",
        ),
        (
            "Closed in 30 days",
            "due=lately",
            found.closed,
            closed_lately(on),
            "-closed_on",
            "Nothing closed lately.",
        ),
    )
    return [
        Column(
            title,
            query,
            count,
            list(rows(plans.filter(condition)).order_by(order, "pk")[:CARDS]) if count else [],
            empty,
        )
        for title, query, count, condition, order, empty in wanted
    ]
