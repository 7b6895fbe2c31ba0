"""Which clocks a night starts, and which it no longer needs. Set-based: a few queries per rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet, Subquery

from accounts.models import Account
from playbooks.models import Alert, Clock, ClockRule, Intervention
from playbooks.services.calendars import Calendars
from playbooks.services.clock_rules import AGAIN
from playbooks.sla import Calendar, due_at
from scoring.engine.spec import UNKNOWN_BAND
from scoring.models import AccountHealth, Snapshot
from scoring.selectors import newest_run, snapshots_of

Key = ClockRule.Key
# Accounts handled at once.
CHUNK: Final = 2_000
_COLUMNS: Final = ("account_id", "score", "account__owner_id", "account__team_id")
LOWEST: Final = Q(band=0)
# A score too thin for a band is Unknown, whatever it says.
JUDGED: Final = Q(band__gt=UNKNOWN_BAND)


@dataclass(frozen=True)
class Candidate:
    """An account whose figures call for a clock, and the sentence that says why."""

    account_id: int
    owner_id: int | None
    team_id: int | None
    reason: str
    intervention_id: int | None = None


def judged(as_of: date) -> "QuerySet[AccountHealth] | QuerySet[Snapshot] | None":
    """Customers with the figures of a night: from current health, or stored nights for an earlier one."""
    run = newest_run(as_of)
    if run is None:
        return None
    rows: Any
    current = newest_run(defer=True)
    if current is not None and current.as_of == as_of:
        rows = AccountHealth.objects.filter(as_of=as_of)
    else:
        rows = Snapshot.objects.filter(as_of=as_of, version_id__in=run.plan)
    found: QuerySet[AccountHealth] = rows.filter(account__merged_into=None).exclude(
        account__churned_on__lte=as_of
    )
    return found


def drop(rule: ClockRule, rows: Any, *, as_of: date) -> int:
    """End the open clocks of a rule whose reason is known to be gone; returns how many."""
    running = Clock.objects.filter(rule=rule, state__in=Clock.OPEN_STATES)
    same = rows.filter(account_id=OuterRef("account_id"))
    gone = Q(account__churned_on__lte=as_of) | Q(account__merged_into__isnull=False)
    reasons = [
        (gone, "No longer a customer"),
        (Q(Exists(same.filter(_over(rule)))), "Health recovered"),
    ]
    if rule.key == Key.ROOT_CAUSE:
        reasons.append((~_open(Alert) & ~_open(Intervention), "No open alert or plan any more"))
    if rule.key == Key.WEEKLY_REVIEW:
        reasons.append((~_open(Intervention), "No open plan any more"))
    if not rule.is_active:
        reasons = [(Q(), "The rule was switched off")]
    return sum(
        Clock.objects.filter(pk__in=list(running.filter(why).values_list("pk", flat=True))).update(
            state=Clock.State.DROPPED, outcome=outcome
        )
        for why, outcome in reasons
    )


def start(
    rule: ClockRule, rows: Any, *, as_of: date, at: datetime, calendars: Calendars
) -> list[int]:
    """Start the clocks of a rule that the night calls for; returns the ids of their accounts."""
    started: list[int] = []
    found = _wanted(rule, rows)
    while chunk := list(islice(found, CHUNK)):
        clocks = [
            new(rule, candidate, at=at, calendar=calendars.of(candidate.team_id))
            for candidate in _due_again(rule, chunk, as_of=as_of, at=at)
        ]
        # The one open clock per account and rule is the database's to keep.
        Clock.objects.bulk_create(clocks, ignore_conflicts=True)
        started += [clock.account_id for clock in clocks]
    return started


def new(rule: ClockRule, candidate: Candidate, *, at: datetime, calendar: Calendar) -> Clock:
    """A clock that starts now, not saved."""
    return Clock(
        rule=rule,
        account_id=candidate.account_id,
        intervention_id=candidate.intervention_id,
        owner_id=candidate.owner_id,
        reason=candidate.reason,
        started_at=at,
        due_at=due_at(at, rule.hours, calendar if rule.in_business_time else None),
    )


def _wanted(rule: ClockRule, rows: Any) -> Iterator[Candidate]:
    """Accounts the rule holds for that have no open clock of it."""
    runs = Clock.objects.filter(
        rule=rule, account=OuterRef("account_id"), state__in=Clock.OPEN_STATES
    )
    idle = rows.exclude(Exists(runs))
    match rule.key:
        case Key.FIRST_RESPONSE:
            below = _below(rule)
            found = idle.filter(JUDGED, score__lt=below).values_list(*_COLUMNS)
            for account, score, owner, team in found.iterator(CHUNK):
                yield Candidate(account, owner, team, f"Health score {score:.1f}, below {below:g}")
        case Key.ROOT_CAUSE:
            known = Q(Exists(_plans().exclude(cause="")))
            found = idle.filter(LOWEST).exclude(known).annotate(plan=_plan())
            for account, _, owner, team, plan in found.filter(
                Q(plan__isnull=False) | _open(Alert)
            ).values_list(*_COLUMNS, "plan").iterator(CHUNK):  # fmt: skip
                what = "plan" if plan else "alert"
                yield Candidate(
                    account, owner, team, f"Lowest band, open {what}, cause not known", plan
                )
        case Key.EXECUTIVE:
            yield from _largest(rule, rows)
        case Key.WEEKLY_REVIEW:
            found = idle.filter(LOWEST).annotate(plan=_plan()).filter(plan__isnull=False)
            for account, _, owner, team, plan in found.values_list(*_COLUMNS, "plan").iterator(
                CHUNK
            ):
                yield Candidate(account, owner, team, "Lowest band with an open plan", plan)


def _largest(rule: ClockRule, rows: Any) -> Iterator[Candidate]:
    running = Clock.objects.filter(rule=rule, state__in=Clock.OPEN_STATES)
    busy = set(running.values_list("account_id", flat=True))
    top = max(0, int(rule.params.get("top", 200)))
    ranked = (
        rows.filter(LOWEST, account__arr_amount__gt=0)
        .annotate(sponsored=Exists(_plans().filter(sponsor__isnull=False)), plan=_plan())
        .order_by("-account__arr_amount", "account_id")
        .values_list(*_COLUMNS, "sponsored", "plan")[:top]
    )
    for place, (account, _, owner, team, sponsored, plan) in enumerate(ranked, start=1):
        if not sponsored and account not in busy:
            reason = f"No. {place} by ARR of the accounts in the lowest band"
            yield Candidate(account, owner, team, reason, plan)


def _due_again(
    rule: ClockRule, chunk: list[Candidate], *, as_of: date, at: datetime
) -> list[Candidate]:
    """Without the accounts that met the same reason lately and have not been over it since."""
    days = int(rule.params.get(AGAIN, 0))
    met = dict(
        Clock.objects.filter(
            rule=rule,
            state=Clock.State.MET,
            met_at__gt=at - timedelta(days=days),
            account__in=[candidate.account_id for candidate in chunk],
        )
        .order_by()
        .values_list("account_id")
        .annotate(newest=Max("started_at"))
    )
    if not met:
        return list(chunk)
    better = snapshots_of(
        list(met), since=min(met.values()).date(), until=as_of - timedelta(days=1)
    ).filter(_over(rule))
    fell_again = {
        account
        for account, last in better.order_by().values_list("account_id").annotate(Max("as_of"))
        if last >= met[account].date()
    }
    return [
        candidate
        for candidate in chunk
        if candidate.account_id not in met or candidate.account_id in fell_again
    ]


def _over(rule: ClockRule) -> Q:
    """Figures that end the reason; unknown ones never do."""
    if rule.key == Key.FIRST_RESPONSE:
        return JUDGED & Q(score__gte=_below(rule))
    return Q(band__gt=0)


def _below(rule: ClockRule) -> float:
    return float(rule.params.get("below", 30))


def _plans() -> QuerySet[Intervention]:
    return Intervention.objects.filter(
        account=OuterRef("account_id"), state__in=Intervention.OPEN_STATES
    )


def _plan() -> Any:
    """The open plan that is due first."""
    return Subquery(_plans().order_by("target_on", "pk").values("pk")[:1])


def _open(model: type[Alert] | type[Intervention]) -> Q:
    rows = model.objects.filter(account=OuterRef("account_id"), state__in=model.OPEN_STATES)
    return Q(Exists(rows))


def follow_owners() -> int:
    """Give open clocks to whoever owns their account now; returns how many changed hands."""
    now = Account.objects.filter(pk=OuterRef("account_id")).values("owner_id")[:1]
    same = Q(owner=F("account__owner")) | Q(owner=None, account__owner=None)
    moved = Clock.objects.filter(state__in=Clock.OPEN_STATES).exclude(same)
    return Clock.objects.filter(pk__in=list(moved.values_list("pk", flat=True))).update(
        owner_id=Subquery(now)
    )
