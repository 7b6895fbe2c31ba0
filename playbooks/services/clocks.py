"""Clocks start, are met, run out and are escalated."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.urls import reverse

from csm.lib.errors import WorkbenchError
from playbooks.models import Alert, Clock, ClockRule, Intervention, Notice, Severity
from playbooks.services import attention, clock_rules, clock_starts, escalations
from playbooks.services.calendars import Calendars
from playbooks.services.clock_starts import Candidate
from playbooks.services.notices import Telling, tell
from playbooks.sla import EXECUTIVE

Key = ClockRule.Key
State = Clock.State


@transaction.atomic
def night(*, as_of: date, at: datetime) -> None:
    """Start the clocks the night's health calls for and drop those it no longer does. Set-based.

    `at` is when the night finished: clocks start then. Repeating it starts nothing twice. What ran out
    meanwhile is escalated. `attention` is refreshed by the night itself, after this.
    """
    clock_rules.ensure()
    rules = clock_rules.locked()
    rows = clock_starts.judged(as_of)
    clock_starts.follow_owners()
    if rows is not None:
        calendars = Calendars()
        for rule in rules.values():
            clock_starts.drop(rule, rows, as_of=as_of)
            _meet_by_facts(rule, at=at)
            if not rule.is_active:
                continue
            started = clock_starts.start(rule, rows, as_of=as_of, at=at, calendars=calendars)
            if rule.key == Key.EXECUTIVE:
                _bring_to_executives(rule, started, as_of=as_of, at=at)
    _run_out(rules.values(), at=at)


@transaction.atomic
def tick(*, at: datetime) -> int:
    """Break clocks that ran out and escalate, once per level; returns how many escalations were new."""
    rules = clock_rules.locked()
    clock_starts.follow_owners()
    met = {account for rule in rules.values() for account in _meet_by_facts(rule, at=at)}
    touched, escalated = _run_out(rules.values(), at=at)
    if touched := touched | met:
        attention.refresh(touched, at=at)
    return escalated


@transaction.atomic
def meet(key: str, account_ids: Collection[int], *, by: Any, at: datetime, outcome: str) -> int:
    """Stop open clocks of this rule (ClockRule.Key) on these accounts; returns how many.

    A weekly review starts again at once. `by` is None where facts met it.
    """
    rule = clock_rules.locked(key).get(key)
    if rule is None or not account_ids:
        return 0
    open_ones = Clock.objects.filter(
        rule=rule, account__in=account_ids, state__in=Clock.OPEN_STATES
    )
    met = list(open_ones.select_related("account"))
    if met:
        _stop(rule, met, by=by, at=at, outcome=outcome)
        attention.refresh({clock.account_id for clock in met}, at=at)
    return len(met)


@transaction.atomic
def acknowledge(clock: Clock, *, by: Any, at: datetime, outcome: str) -> None:
    """Say of one open clock how it was met. The door has checked who may.

    Raises WorkbenchError when nothing is said, or when somebody else was quicker.
    """
    outcome = outcome.strip()
    if not outcome:
        raise WorkbenchError("Say in a few words what was done.")
    rule = clock_rules.locked(clock.rule.key)[clock.rule.key]
    now = Clock.objects.select_related("account", "met_by").get(pk=clock.pk)
    if now.state == State.MET:
        who = f"{now.met_by} " if now.met_by else ""
        raise WorkbenchError(f"{who}met this clock before you: {now.outcome}")
    if now.state == State.DROPPED:
        raise WorkbenchError(f"This clock is no longer needed: {now.outcome}.")
    _stop(rule, [now], by=by, at=at, outcome=outcome)
    attention.refresh([now.account_id], at=at)


@transaction.atomic
def take_back(clock: Clock, *, by: Any, at: datetime) -> None:
    """Undo an acknowledgement of one's own: the clock runs, or is broken, as before.

    Raises WorkbenchError when it is not met any more, was met by somebody else, or another runs since.
    """
    clock_rules.locked(clock.rule.key)
    now = Clock.objects.select_related("met_by").get(pk=clock.pk)
    if now.state != State.MET or now.met_by_id != by.pk or now.met_at is None:
        raise WorkbenchError("Only what you met yourself can be taken back.")
    others = Clock.objects.filter(
        rule=now.rule_id, account=now.account_id, state__in=Clock.OPEN_STATES
    )
    # The review that followed from this one.
    others.filter(started_at=now.met_at, broken_at=None).delete()
    if others.exists():
        raise WorkbenchError("Another clock of this rule runs on the account by now.")
    Clock.objects.filter(pk=now.pk).update(
        state=State.BROKEN if now.broken_at else State.RUNNING, met_at=None, met_by=None, outcome=""
    )
    attention.refresh([now.account_id], at=at)


def _stop(
    rule: ClockRule, clocks: Collection[Clock], *, by: Any, at: datetime, outcome: str
) -> None:
    Clock.objects.filter(pk__in=[clock.pk for clock in clocks], state__in=Clock.OPEN_STATES).update(
        state=State.MET, met_at=at, met_by=by, outcome=outcome[:255]
    )
    if rule.key != Key.WEEKLY_REVIEW or not rule.is_active:
        return
    calendars = Calendars()
    Clock.objects.bulk_create(
        clock_starts.new(
            rule,
            Candidate(
                clock.account_id,
                clock.account.owner_id,
                clock.account.team_id,
                clock.reason,
                clock.intervention_id,
            ),
            at=at,
            calendar=calendars.of(clock.account.team_id),
        )
        for clock in clocks
    )


def _meet_by_facts(rule: ClockRule, *, at: datetime) -> set[int]:
    """Meet clocks whose promise was kept by a row nobody told us of; the ids of their accounts."""
    plans = Intervention.objects.filter(
        account=OuterRef("account_id"), state__in=Intervention.OPEN_STATES
    )
    alerts = Alert.objects.filter(
        account=OuterRef("account_id"), taken_at__gte=OuterRef("started_at")
    )
    kept: dict[str, tuple[Any, Any, str]] = {
        Key.FIRST_RESPONSE: (
            alerts,
            # When it was taken, not when somebody looked.
            Subquery(alerts.order_by("taken_at").values("taken_at")[:1]),
            "The alert was taken",
        ),
        Key.ROOT_CAUSE: (plans.exclude(cause=""), at, "Root cause written down"),
        Key.EXECUTIVE: (plans.filter(sponsor__isnull=False), at, "The plan has a sponsor"),
    }
    if rule.key not in kept:
        return set()
    rows, met_at, outcome = kept[rule.key]
    found = Clock.objects.filter(Q(Exists(rows)), rule=rule, state__in=Clock.OPEN_STATES)
    met = dict(found.values_list("pk", "account_id"))
    Clock.objects.filter(pk__in=met).update(state=State.MET, met_at=met_at, outcome=outcome)
    return set(met.values())


def _bring_to_executives(
    rule: ClockRule, account_ids: Collection[int], *, as_of: date, at: datetime
) -> None:
    """Executives see these accounts at once: one notice a night, one record a clock."""
    clocks = list(
        Clock.objects.filter(
            rule=rule, account__in=account_ids, state=State.RUNNING, started_at=at
        ).select_related("account")
    )
    escalations.record(EXECUTIVE, clocks, at=at, quiet=True)
    if not clocks:
        return
    names = ", ".join(clock.account.name for clock in clocks[:5])
    tell(
        [
            Telling(
                user_id=user,
                kind=Notice.Kind.CLOCK,
                title=f"{len(clocks)} large {'account' if len(clocks) == 1 else 'accounts'} at risk "
                "for your attention",
                body=f"{names}{' and others' if len(clocks) > 5 else ''}",
                url=f"{reverse('clocks')}?rule={rule.key}",
                about=f"clocks:{rule.key}:{as_of}",
                severity=Severity.HIGH,
            )
            for user in escalations.executives(at=at)
        ],
        at=at,
    )


def _run_out(rules: Collection[ClockRule], *, at: datetime) -> tuple[set[int], int]:
    """Break and escalate; accounts touched, and how many escalations were new."""
    broken = escalations.break_overdue(at=at)
    escalated = escalations.escalate([rule for rule in rules if rule.is_active], at=at)
    return {clock.account_id for clock in (*broken, *escalated)}, len(escalated)
