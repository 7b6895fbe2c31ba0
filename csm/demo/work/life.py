"""Three months of work in the demo book, by the very services people use.

Every week a night judges the triggers, tests exits and starts clocks; in the morning after it the CSMs take,
snooze and dismiss alerts, start playbooks and do tasks. What they do is drawn, what follows is not. They
like to work on accounts whose story is a recovery, so the effect the book shows was put there.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from accounts.models import Account
from csm.demo.book import SOURCE
from csm.demo.people import CSMS
from csm.demo.plan import Plan
from csm.demo.work import tuning, words
from csm.demo.work.plans import by_hand, close_late, find_causes, keep_notes, keep_promises, manage
from csm.models import Role, User
from playbooks.models import Alert, Intervention, InterventionTask, Notice, Policy
from playbooks.services import alert_rows, alerts, clocks, evaluation, exits, intervention_tasks
from scoring.models import ScoreRun

_DAYS = 91
# Daily at the end: what is new today is a day's worth, not a week's.
_DAILY = 3
# Of a CSM's new alerts a week, how many get an answer.
_ANSWERED = 14


@dataclass(frozen=True)
class Day:
    """A night of the past and the working day after it."""

    run: ScoreRun
    on: dt.date
    users: Mapping[str, User]
    rng: np.random.Generator
    # Accounts whose story is a recovery.
    recovering: frozenset[int]

    def at(self, hour: int, minute: int = 0) -> dt.datetime:
        return timezone.make_aware(dt.datetime.combine(self.on, dt.time(hour, minute)))

    @property
    def csms(self) -> list[User]:
        return [self.users[person.username] for person in CSMS]


def live(
    plan: Plan,
    users: Mapping[str, User],
    story: Sequence[str],
    *,
    done: Callable[[dt.date], None] = lambda day: None,
) -> int:
    """The weeks before the newest night, once, going on where an interrupted demo stopped.

    Returns how many nights were judged.
    """
    days = schedule(plan)
    lived_until = _lived_until()
    if not days or (lived_until is not None and lived_until >= days[-1]):
        return 0
    if lived_until is None:
        first = dt.datetime.combine(days[0] - dt.timedelta(days=7), dt.time(9))
        tuning.tune(users, at=timezone.make_aware(first))
    ids = Account.objects.filter(source=SOURCE).order_by("pk").values_list("pk", flat=True)
    recovering = frozenset(
        pk for pk, each in zip(ids, story, strict=True) if each in ("recovered", "new")
    )
    nights = {
        run.as_of: run
        for run in ScoreRun.objects.filter(
            state=ScoreRun.State.DONE, scorecard=None, as_of__in=days
        ).order_by("pk")
    }
    lived = 0
    for number, on in enumerate(days):
        if on in nights and (lived_until is None or on > lived_until):
            rng = np.random.default_rng([plan.seed, 300 + number])
            _live(Day(nights[on], on, users, rng, recovering), number)
            lived += 1
        done(on)
    _read_what_is_old(plan)
    return lived


def _lived_until() -> dt.date | None:
    """The last day lived so far: every one opens alerts, and a day is kept whole or not at all."""
    newest = Alert.objects.filter(account__source=SOURCE).aggregate(at=Max("opened_at"))["at"]
    return timezone.localtime(newest).date() if newest else None


def schedule(plan: Plan) -> list[dt.date]:
    """The nights that are judged, oldest first: weekly, and daily at the end; the newest is not among them."""
    first = min(_DAYS, plan.days - 31)
    ago = [*range(first, _DAILY + 1, -7), *range(_DAILY, 0, -1)]
    return [plan.as_of - dt.timedelta(days=each) for each in ago]


@transaction.atomic
def _live(day: Day, number: int) -> None:
    last = Account.objects.aggregate(last=Max("pk"))["last"]
    at = day.at(5)
    evaluation.evaluate(day.run, as_of=day.on, first_id=1, last_id=last, at=at)
    alert_rows.spread_overflow(day.on, Policy.current().alert_cap)
    exits.night(as_of=day.on, at=at)
    clocks.night(as_of=day.on, at=at)
    if number == 2:
        by_hand(day)
    for user in day.csms:
        _go_on(day, user)
        _answer(day, user)
        _do_tasks(day, user)
    find_causes(day)
    keep_notes(day)
    close_late(day)
    keep_promises(day)
    if number == len(words.NOTES):
        manage(day)
    clocks.tick(at=day.at(18))


def _answer(day: Day, user: User) -> None:
    """Take, start, snooze, dismiss; most wait for another day."""
    new = Alert.objects.filter(
        owner=user, state=Alert.State.OPEN, taken_by=None, overflow=False
    ).filter(Q(snoozed_until=None) | Q(snoozed_until__lte=day.on))
    rows = list(
        new.order_by("-severity", F("arr_amount").desc(nulls_last=True), "pk").values_list(
            "pk", "account_id", "trigger__playbook_id"
        )[: 3 * _ANSWERED]
    )
    chance = day.rng.random((len(rows), 2))
    groups: dict[str, list[int]] = {"start": [], "take": [], "snooze": [], "dismiss": []}
    for (pk, account_id, playbook_id), (one, two) in zip(rows, chance.tolist(), strict=True):
        likely = 0.8 if account_id in day.recovering else 0.22
        if playbook_id is not None and one < likely:
            groups["start"].append(pk)
        elif two < 0.25:
            groups["take"].append(pk)
        elif two < 0.33:
            groups["snooze"].append(pk)
        elif two < 0.43:
            groups["dismiss"].append(pk)
    pick = int(day.rng.integers(3))
    until = day.on + dt.timedelta(days=14)
    more: dict[str, dict[str, Any]] = {
        "snooze": {"until": until, "reason": words.SNOOZES[pick]},
        "dismiss": {"reason": words.NO_RISKS[pick]},
    }
    for hour, (action, ids) in enumerate(groups.items(), 9):
        if ids := ids[:_ANSWERED]:
            alerts.bulk(ids, action, by=user, at=day.at(hour, pick * 7), **more.get(action, {}))


def _go_on(day: Day, user: User) -> None:
    """What was taken a while ago and is still open gets a plan, or turns out to be no risk."""
    taken = Alert.objects.filter(
        taken_by=user,
        state=Alert.State.OPEN,
        intervention=None,
        taken_at__lte=day.at(0) - dt.timedelta(days=6),
    )
    rows = list(taken.order_by("pk").values_list("pk", "trigger__playbook_id"))
    draws = day.rng.random(len(rows)).tolist()
    start = [pk for (pk, book), draw in zip(rows, draws, strict=True) if book and draw < 0.45]
    over = [pk for (pk, _), draw in zip(rows, draws, strict=True) if draw > 0.8]
    if start:
        alerts.bulk(start, "start", by=user, at=day.at(8))
    if over:
        alerts.bulk(over, "dismiss", by=user, at=day.at(8, 30), reason=words.NO_RISKS[1])


def _do_tasks(day: Day, user: User) -> None:
    """Most of what is due gets done, some of it late; a little of it never."""
    # What an executive did in a meeting, the plan's owner ticks off.
    mine = Q(assignee=user) | Q(intervention__owner=user) & ~Q(assignee__role=Role.CSM)
    due = InterventionTask.objects.filter(
        mine,
        state=InterventionTask.State.OPEN,
        due_on__lte=day.on + dt.timedelta(days=4),
        intervention__state__in=Intervention.OPEN_STATES,
    )
    ids = list(due.order_by("due_on", "pk").values_list("pk", flat=True))
    done = [pk for pk, draw in zip(ids, day.rng.random(len(ids)), strict=True) if draw < 0.72]
    if done:
        batch = uuid4()
        intervention_tasks.finish_many(done, by=user, at=day.at(15), batch=batch)


def _read_what_is_old(plan: Plan) -> None:
    """Nobody leaves three months of notices unread."""
    seen = timezone.make_aware(dt.datetime.combine(plan.as_of - dt.timedelta(days=2), dt.time(17)))
    Notice.objects.filter(at__lt=seen, read_at=None).update(read_at=F("at"))
