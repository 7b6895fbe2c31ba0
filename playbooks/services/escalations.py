"""Breaches: clocks that ran out are marked, and brought to a level once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Team
from playbooks.models import Absence, Clock, ClockRule, Escalation, Notice, Severity
from playbooks.services.calendars import Calendars
from playbooks.services.notices import Telling, tell
from playbooks.sla import EXECUTIVE, LEVELS, MANAGER, levels_due

# Breaches of one rule one colleague hears of one by one; more become one notice.
ONE_BY_ONE: Final = 3
_NO_MANAGER: Final = "no manager"


def break_overdue(*, at: datetime) -> list[Clock]:
    """Mark the running clocks whose time is over; returns them, with account and rule."""
    overdue = list(
        Clock.objects.filter(state=Clock.State.RUNNING, due_at__lt=at)
        .select_related("account", "rule")
        .order_by("pk")
    )
    # They broke when they were due, however late somebody looks.
    Clock.objects.filter(pk__in=[clock.pk for clock in overdue], state=Clock.State.RUNNING).update(
        state=Clock.State.BROKEN, broken_at=F("due_at")
    )
    for clock in overdue:
        clock.state, clock.broken_at = Clock.State.BROKEN, clock.due_at
    _tell_owners(overdue, at=at)
    return overdue


def escalate(rules: Iterable[ClockRule], *, at: datetime) -> list[Clock]:
    """Bring broken clocks to the levels that should know by now; returns those that were new to one."""
    calendars = Calendars()
    due: dict[str, list[Clock]] = defaultdict(list)
    for rule in rules:
        waits = {MANAGER: 0.0, **rule.escalate_after_hours}
        missing = Q()
        for level, hours in waits.items():
            if hours is None:
                continue
            told = Escalation.objects.filter(clock=OuterRef("pk"), level=level)
            # Working hours never pass quicker than the wall clock: the rest cannot be due.
            missing |= ~Exists(told) & Q(broken_at__lte=at - timedelta(hours=hours))
        if not missing:
            continue
        waiting = (
            Clock.objects.filter(missing, rule=rule, state=Clock.State.BROKEN)
            .select_related("account", "rule")
            .prefetch_related("escalations")
            .order_by("pk")
        )
        for clock in waiting:
            known = {row.level for row in clock.escalations.all()}
            assert clock.broken_at is not None
            calendar = calendars.of(clock.account.team_id)
            for level in levels_due(clock.broken_at, rule.escalate_after_hours, at, calendar):
                if level not in known:
                    due[level].append(clock)
    for level in LEVELS:
        record(level, due[level], at=at)
    return [clock for level in LEVELS for clock in due[level]]


def record(level: str, clocks: Collection[Clock], *, at: datetime, quiet: bool = False) -> None:
    """Write that `level` was told of these clocks, and tell its people; `quiet` only writes."""
    if not clocks:
        return
    told = _people(level, clocks, at=at)
    rows = Escalation.objects.bulk_create(
        Escalation(clock=clock, level=level, at=at) for clock in clocks
    )
    through: Any = Escalation.told.through
    through.objects.bulk_create(
        through(escalation_id=row.pk, user_id=user) for row in rows for user in told[row.clock_id]
    )
    if not quiet:
        _tell_level(level, clocks, told, at=at)


def executives(*, at: datetime) -> set[int]:
    """Active executives, and whoever stands in for them."""
    return _with_covers({"": set(_by_role("executive"))}, at=at)[""]


def _people(level: str, clocks: Collection[Clock], *, at: datetime) -> dict[int, set[int]]:
    """Who hears of each clock, by its id: managers of the account's team, or all executives.

    An account no manager looks after is the admins' to place: a breach is never brought to nobody.
    """
    if level == EXECUTIVE:
        everybody = executives(at=at)
        return {clock.pk: everybody for clock in clocks}
    of_team: dict[Any, set[int]] = defaultdict(set)
    members = Team.members.through.objects.filter(user__role="manager", user__is_active=True)
    for team, user in members.values_list("team_id", "user_id"):
        of_team[team].add(user)
    if any(clock.account.team_id not in of_team for clock in clocks):
        of_team[_NO_MANAGER] = set(_by_role("admin"))
    found = _with_covers(of_team, at=at)
    nobody = found.get(_NO_MANAGER, set())
    return {clock.pk: found.get(clock.account.team_id, nobody) for clock in clocks}


def _by_role(role: str) -> Iterable[int]:
    users: Any = get_user_model().objects
    found: Iterable[int] = users.filter(role=role, is_active=True).values_list("pk", flat=True)
    return found


def _with_covers(groups: Mapping[Any, set[int]], *, at: datetime) -> dict[Any, set[int]]:
    """Groups of colleagues, with those who stand in for the absent."""
    on = timezone.localdate(at)
    covers: dict[int, set[int]] = defaultdict(set)
    for user, cover in Absence.objects.filter(
        first_on__lte=on, last_on__gte=on, cover__is_active=True
    ).values_list("user_id", "cover_id"):
        covers[user].add(cover)
    return {
        key: users.union(*(covers[user] for user in users if user in covers))
        for key, users in groups.items()
    }


def _tell_owners(clocks: Collection[Clock], *, at: datetime) -> None:
    by_owner: dict[int, list[Clock]] = defaultdict(list)
    for clock in clocks:
        if clock.account.owner_id is not None:
            by_owner[clock.account.owner_id].append(clock)
    tell(
        [
            telling
            for user, theirs in by_owner.items()
            for telling in _tellings(user, theirs, "owner", at=at)
        ],
        at=at,
    )


def _tell_level(
    level: str, clocks: Collection[Clock], told: Mapping[int, set[int]], *, at: datetime
) -> None:
    by_user: dict[int, list[Clock]] = defaultdict(list)
    for clock in clocks:
        for user in told[clock.pk]:
            by_user[user].append(clock)
    tell(
        [
            telling
            for user, theirs in by_user.items()
            for telling in _tellings(user, theirs, level, at=at)
        ],
        at=at,
    )


def _tellings(user: int, clocks: list[Clock], level: str, *, at: datetime) -> list[Telling]:
    """One notice per clock, or one for all of a rule where there are many."""
    by_rule: dict[ClockRule, list[Clock]] = defaultdict(list)
    for clock in clocks:
        by_rule[clock.rule].append(clock)
    found = []
    for rule, theirs in by_rule.items():
        if len(theirs) > ONE_BY_ONE:
            names = ", ".join(clock.account.name for clock in theirs[:5])
            found.append(
                Telling(
                    user_id=user,
                    kind=Notice.Kind.CLOCK,
                    title=f"{len(theirs)} clocks ran out: {rule}",
                    body=f"{names}{' and others' if len(theirs) > 5 else ''}",
                    url=f"{reverse('clocks')}?state=broken&rule={rule.key}",
                    about=f"clocks:{rule.key}:{level}:{theirs[0].pk}-{theirs[-1].pk}",
                    severity=Severity.HIGH,
                )
            )
            continue
        found += [
            Telling(
                user_id=user,
                kind=Notice.Kind.CLOCK,
                title=f"{rule} ran out: {clock.account.name}"[:200],
                body=f"{clock.reason}. Due {timezone.localtime(clock.due_at):%-d %b %Y %H:%M}.",
                url=f"{reverse('clocks')}?account={clock.account_id}",
                about=f"clock:{clock.pk}:{level}",
                account_id=clock.account_id,
                severity=Severity.HIGH,
            )
            for clock in theirs
        ]
    return found
