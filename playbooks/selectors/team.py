"""Who carries how much, and who could carry more: counted for a whole team at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import mean
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum, Value

from accounts.access import seen_by, visible_to
from accounts.models import Account, Team
from accounts.selectors import customers
from csm.lib.rows_of import RowsOf
from playbooks.access import alerts_seen_by, interventions_seen_by, tasks_seen_by
from playbooks.models import Absence, Alert, Assignment, Intervention, InterventionTask
from playbooks.selectors.measures import load as alert_load
from scoring.models import DailyRollup, ScoreRun
from scoring.selectors import newest_runs

OUTCOME_DAYS: Final = 90
# Accounts of up to so many are counted while the page is made.
LIVE: Final = 20_000
# Load, in points: what an average week of each takes.
ACCOUNT, AT_RISK, OPEN_PLAN, OPEN_ALERT, OVERDUE = 1.0, 3.0, 4.0, 1.0, 1.0
# Of the mean of the colleagues compared: above it too much, below it room for more.
TOO_MUCH, ROOM = 1.3, 0.7


@dataclass
class Member:
    """One colleague's work. Amounts in minor units of the book's currency, over the `arr_known` accounts."""

    user: Any
    teams: tuple[str, ...] = ()
    team_ids: frozenset[int] = frozenset()
    accounts: int = 0
    arr: int = 0
    arr_known: int = 0
    at_risk: int = 0
    arr_at_risk: int = 0
    at_risk_known: int = 0
    plans: int = 0
    overdue: int = 0
    alerts: int = 0
    untaken: int = 0
    overflow: int = 0
    response_hours: float | None = None
    answered: int = 0
    closed: int = 0
    recovered: int = 0
    absence: Absence | None = None
    # Against the mean of those compared; None without one.
    ratio: float | None = None

    @property
    def load(self) -> float:
        """Points of load: see `ACCOUNT` to `OVERDUE`."""
        return (
            ACCOUNT * self.accounts
            + AT_RISK * self.at_risk
            + OPEN_PLAN * self.plans
            + OPEN_ALERT * self.alerts
            + OVERDUE * self.overdue
        )

    @property
    def word(self) -> str:
        """ "too much", "room for more", "even", or "" where nobody can be compared."""
        if self.ratio is None:
            return ""
        if self.ratio > TOO_MUCH:
            return "too much"
        return "room for more" if self.ratio < ROOM else "even"


def people_of(user: Any) -> QuerySet[Any]:
    """The CSMs whose work `user` looks after: managers those of their teams, admins and executives all."""
    csms = get_user_model().objects.filter(role="csm", is_active=True)
    if user.is_admin or user.role == "executive":
        return csms
    return (
        csms.filter(teams__in=user.team_ids).distinct() if user.role == "manager" else csms.none()
    )


def members(
    user: Any,
    people: QuerySet[Any],
    *,
    on: date,
    night: ScoreRun | None = None,
    load_only: bool = False,
) -> list[Member]:
    """The work of `people` as far as `user` sees it, the most loaded first. Six queries at most.

    `night` is the newest one, where the caller has it; with `load_only` of alerts only how many are open.
    """
    found = {person.pk: _member(person) for person in people.annotate(in_teams=_TEAMS)}
    ids = list(found)
    _accounts(user, found, on, night)
    _work(user, found, on)
    alerts = alerts_seen_by(user).filter(owner__in=ids)
    for row in () if load_only else alert_load(alerts, on=on):
        member = found.get(row.owner_id or 0)
        if member is not None:
            member.untaken, member.overflow = row.untaken, row.overflow
            member.response_hours, member.answered = row.first_act_hours, row.answered
    away = Absence.objects.filter(user__in=ids, first_on__lte=on, last_on__gte=on)
    for absence in away.select_related("cover"):
        found[absence.user_id].absence = absence
    _compare(found.values())
    return sorted(found.values(), key=lambda each: (-each.load, str(each.user).casefold()))


_TEAMS: Final = RowsOf(Team.objects.filter(members=OuterRef("pk")).order_by("name"), "id", "name")


def _member(person: Any) -> Member:
    return Member(
        user=person,
        teams=tuple(team["name"] for team in person.in_teams),
        team_ids=frozenset(team["id"] for team in person.in_teams),
    )


def _summed(user: Any, found: dict[int, Member]) -> bool:
    """Accounts and ARR from the sums of the newest night, where these are of a large book; one query.

    They follow accounts that change hands by day, as lists of large books do.
    """
    newest = newest_runs().filter(scorecard=None)
    rows = list(
        DailyRollup.objects.filter(
            seen_by(user), run=Subquery(newest.values("pk")[:1]), owner__in=list(found)
        )
        .order_by()
        .values_list("owner", "band")
        .annotate(Sum("accounts"), Sum("arr_amount"), Sum("arr_known"))
    )
    if sum(row[2] for row in rows) <= LIVE:
        return False
    for owner, band, accounts, arr, known in rows:
        member = found[owner]
        member.accounts += accounts
        member.arr += int(arr)
        member.arr_known += known
        if band == 0:
            member.at_risk += accounts
            member.arr_at_risk += int(arr)
            member.at_risk_known += known
    return True


def _accounts(user: Any, found: dict[int, Member], on: date, night: ScoreRun | None) -> None:
    small = night is not None and night.scorecard_id is None and night.accounts <= LIVE
    if not small and _summed(user, found):
        return
    risky, known = Q(health__band=0), Q(currency=settings.DEFAULT_CURRENCY)
    rows = (
        customers(visible_to(user), on)
        .filter(owner__in=list(found))
        .order_by()
        .values("owner")
        .annotate(
            n=Count("pk"),
            arr=Sum("arr_amount", filter=known),
            arr_known=Count("arr_amount", filter=known),
            risk=Count("pk", filter=risky),
            risk_arr=Sum("arr_amount", filter=risky & known),
            risk_known=Count("arr_amount", filter=risky & known),
        )
    )
    for row in rows:
        member = found[row["owner"]]
        member.accounts, member.arr, member.arr_known = row["n"], row["arr"] or 0, row["arr_known"]
        member.at_risk, member.arr_at_risk = row["risk"], row["risk_arr"] or 0
        member.at_risk_known = row["risk_known"]


def _work(user: Any, found: dict[int, Member], on: date) -> None:
    """Plans, overdue tasks and open alerts; one query for all three."""
    ids, many, none = list(found), Count("pk"), Value(0)
    is_open = Q(state__in=Intervention.OPEN_STATES)
    ended = Q(state="closed", closed_on__gt=on - timedelta(days=OUTCOME_DAYS), closed_on__lte=on)
    ended &= ~Q(outcome=Intervention.Outcome.CANCELLED)
    plans = (
        interventions_seen_by(user)
        .filter(is_open | ended, owner__in=ids)
        .order_by()
        .values_list("owner", Value("plans"))
        .annotate(
            one=Count("pk", filter=is_open),
            two=Count("pk", filter=ended),
            three=Count("pk", filter=ended & Q(outcome=Intervention.Outcome.RECOVERED)),
        )
    )
    late = tasks_seen_by(user).filter(
        assignee__in=ids,
        state__in=InterventionTask.UNDONE_STATES,
        intervention__state__in=Intervention.OPEN_STATES,
        due_on__lt=on,
    )
    tasks = late.order_by().values_list("assignee", Value("tasks"))
    told = alerts_seen_by(user).filter(owner__in=ids, state__in=Alert.OPEN_STATES)
    alerts = told.order_by().values_list("owner", Value("alerts"))
    counted = [each.annotate(one=many, two=none, three=none) for each in (tasks, alerts)]
    for pk, kind, one, two, three in plans.union(*counted, all=True):
        if kind == "plans":
            found[pk].plans, found[pk].closed, found[pk].recovered = one, two, three
        elif kind == "tasks":
            found[pk].overdue = one
        else:
            found[pk].alerts = one


def _compare(every: Collection[Member]) -> None:
    """Who is away today is not compared with: their book is somebody else's for now."""
    loads = [each.load for each in every if each.absence is None]
    middle = mean(loads) if len(loads) > 1 else 0.0
    for each in every:
        each.ratio = each.load / middle if middle else None


@dataclass(frozen=True)
class Suggestion:
    """A colleague who could have it, with `reasons` in words; `after` is their load then, in points."""

    member: Member
    after: float
    reasons: tuple[str, ...]
    fits: bool


@dataclass
class _Kind:
    """What kind of accounts is given: how many per industry, size and team."""

    industries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sizes: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    teams: dict[int | None, int] = field(default_factory=lambda: defaultdict(int))


def suggestions(
    user: Any,
    people: Sequence[Member],
    accounts: Collection[Account],
    *,
    more: float,
) -> list[Suggestion]:
    """`people` from the best choice on, for `more` points of load on these accounts. One query.

    Load after it counts most; then who knows the commonest industry and size among the accounts, and who
    belongs to their team. Whoever is away comes last.
    """
    kind = _Kind()
    for account in accounts:
        kind.industries[account.industry] += 1
        kind.sizes[account.size_segment] += 1
        kind.teams[account.team_id] += 1
    industry, size, team = (_most(each) for each in (kind.industries, kind.sizes, kind.teams))
    knows = _experience(user, people, industry, size)
    middle = mean([each.load for each in people]) if people else 0.0
    ranked = []
    for each in people:
        trade, alike = knows.get(each.user.pk, (0, 0))
        after = each.load + more
        share = (trade / each.accounts + alike / each.accounts) / 2 if each.accounts else 0.0
        fit = 0.3 * share + (0.2 if team in each.team_ids else 0.0)
        place = (each.absence is not None, (after / middle if middle else after) - fit)
        reasons = _reasons(
            each, after, middle, (industry, trade), (size, alike), team in each.team_ids
        )
        suggestion = Suggestion(each, after, tuple(reasons), each.absence is None)
        ranked.append((place, str(each.user).casefold(), suggestion))
    return [suggestion for *_, suggestion in sorted(ranked, key=lambda each: each[:2])]


def _most(counted: dict[Any, int]) -> Any:
    return max(counted, key=lambda key: (counted[key], str(key))) if counted else None


def _experience(
    user: Any, people: Sequence[Member], industry: str | None, size: str | None
) -> dict[int, tuple[int, int]]:
    """Accounts of that industry and of that size, by owner."""
    rows = (
        visible_to(user)
        .filter(owner__in=[each.user.pk for each in people])
        .order_by()
        .values("owner")
        .annotate(
            trade=Count("pk", filter=Q(industry=industry or "-")),
            alike=Count("pk", filter=Q(size_segment=size or "-")),
        )
    )
    return {row["owner"]: (row["trade"], row["alike"]) for row in rows}


def _reasons(
    each: Member,
    after: float,
    middle: float,
    trade: tuple[str | None, int],
    alike: tuple[str | None, int],
    belongs: bool,
) -> Iterable[str]:
    if each.absence is not None:
        yield f"away until {each.absence.last_on:%-d %b}"
    if middle:
        where = "above" if after > middle else "below"
        yield f"load {after:,.0f} then, {where} the mean of {middle:,.0f}"
    if trade[0] and trade[1]:
        yield f"looks after {trade[1]:,} in {trade[0]}"
    if alike[0] and alike[1]:
        yield f"{alike[1]:,} of size {alike[0]}"
    if belongs:
        yield "of the accounts' team"


def recent_assignments(user: Any, *, limit: int = 10) -> list[Assignment]:
    """The newest acts of giving that `user` made, or, for admins, anybody."""
    rows = Assignment.objects.select_related("by", "to", "undone_by")
    if not user.is_admin:
        rows = rows.filter(by=user)
    return list(rows[:limit])
