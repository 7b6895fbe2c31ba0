"""Triggers meet a range of accounts: alerts open, hold, wake, clear and are released, in one transaction.

Repeating it opens nothing twice: an account has one open alert per trigger, and one that ended on the day, or
within the trigger's cool-down, opens no other.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar, Final

import numpy as np
import pandas as pd
from django.db import IntegrityError, transaction
from django.db.models import Max, Q
from django.utils import timezone

from accounts.models import Account, LifecycleStage
from playbooks.models import Alert, Trigger
from playbooks.rules import FALSE, TRUE, Label, Rule, RuleError, Scope, Truth, columns, judge
from playbooks.services import alert_rows, readings
from scoring.models import ScoreRun
from scoring.selectors import newest_run

log = logging.getLogger("playbooks.evaluation")

# A shard of the night and an evaluation by day may meet: whoever comes second sees the first one's alerts.
_TRIES: Final = 3
CHURNED: Final = "The account has churned."
MERGED: Final = "The account was merged into another one."
NO_CUSTOMER: Final = "The account is no customer any more."
RECOVERED: Final = "Its exit condition held."
RECOVERED_FOR: Final = "Its exit condition held for {} days."
NOT_SO: Final = "The source came back and the rule does not hold."


@dataclass(frozen=True)
class Watch:
    """A trigger, read: `exit` None ends an alert once the rule no longer holds."""

    trigger: Trigger
    rule: Rule
    exit: Rule | None
    scope: Scope

    @classmethod
    def of(cls, trigger: Trigger) -> "Watch":
        rule, exit_ = Rule.parse(trigger.rule), Rule.maybe(trigger.exit_rule)
        return cls(trigger, rule, exit_, Scope.parse(trigger.scope))

    @property
    def rules(self) -> list[Rule]:
        return [self.rule, *([self.exit] if self.exit else [])]


@dataclass
class Report:
    """What an evaluation did; `opened` by trigger key, held ones among them.

    `faults` holds a sentence for every trigger whose stored rule cannot be read, by key.
    """

    COUNTS: ClassVar = ("accounts", "held", "released", "withdrawn", "cleared", "woken")

    accounts: int = 0
    opened: Counter[str] = field(default_factory=Counter)
    held: int = 0
    released: int = 0
    withdrawn: int = 0
    cleared: int = 0
    woken: int = 0
    faults: dict[str, str] = field(default_factory=dict)


Then = Callable[[Report], None]


def evaluate(
    run: ScoreRun,
    *,
    as_of: date,
    first_id: int,
    last_id: int,
    at: datetime,
    then: Then | None = None,
) -> Report:
    """Judge every trigger on the accounts of a range with the scores of the night `run`.

    One transaction, `then` its last step; the number of queries does not depend on the accounts. A trigger
    whose rule cannot be read is left out and reported.
    """

    def frame(watches: list[Watch]) -> pd.DataFrame:
        rules = [rule for watch in watches for rule in watch.rules]
        return readings.read(
            rules, as_of=as_of, first_id=first_id, last_id=last_id, run=run, now_open=False
        )

    inside = Q(account_id__gte=first_id, account_id__lte=last_id)
    return _repeatedly(lambda: _Evaluation(run, as_of, at, inside, None).do(frame, then))


def evaluate_accounts(
    account_ids: Collection[int], *, at: datetime, run: ScoreRun | None = None
) -> Report:
    """Judge every trigger on some accounts by day: the newest night's scores, today's metrics.

    Nothing happens before the first night.
    """
    run = run or newest_run(defer=True)
    if run is None or not account_ids:
        return Report()
    as_of = max(run.as_of, timezone.localdate(at))
    wanted = set(account_ids)

    def frame(watches: list[Watch]) -> pd.DataFrame:
        rules = [rule for watch in watches for rule in watch.rules]
        return readings.read_accounts(
            rules, as_of=as_of, account_ids=wanted, run=run, now_open=False
        )

    inside = Q()
    for first, last in readings.ranges_of(sorted(wanted)):
        inside |= Q(account_id__gte=first, account_id__lte=last)
    return _repeatedly(lambda: _Evaluation(run, as_of, at, inside, wanted).do(frame))


def _repeatedly(do: Callable[[], Report]) -> Report:
    for _ in range(_TRIES - 1):
        try:
            return do()
        except IntegrityError:
            log.warning("two evaluations met: trying again")
    return do()


def watches() -> tuple[list[Watch], dict[str, str]]:
    """Active triggers and those that still have open alerts, and what is wrong with unreadable ones.

    The ones that count others come last.
    """
    still_open = Alert.objects.filter(state__in=Alert.OPEN_STATES).values("trigger_id")
    rows = Trigger.objects.filter(Q(is_active=True) | Q(pk__in=still_open.distinct()))
    found: list[Watch] = []
    faults: dict[str, str] = {}
    for trigger in rows.order_by("position", "key"):
        try:
            found.append(Watch.of(trigger))
        except RuleError as error:
            log.warning("trigger %s is left out: %s", trigger.key, error)
            faults[trigger.key] = str(error)
    found.sort(key=lambda watch: any(rule.needs.families for rule in watch.rules))
    return found, faults


class _Evaluation:
    """One evaluation: everything is read, then judged trigger by trigger, then written."""

    def __init__(
        self, run: ScoreRun, as_of: date, at: datetime, inside: Q, only: set[int] | None
    ) -> None:
        self.run, self.as_of, self.at, self.inside, self.only = run, as_of, at, inside, only
        self.report = Report()
        self.changes = alert_rows.Changes(as_of, at)

    def do(self, read: Callable[[list[Watch]], pd.DataFrame], then: Then | None = None) -> Report:
        watched, self.report.faults = watches()
        frame = read(watched)
        with transaction.atomic():
            self.index = frame.index
            self.report.accounts = len(frame)
            self.frozen = set(readings.frozen_metrics(self.as_of))
            self.labels: dict[str, Label] = readings.labels(self.run)
            self.covers = alert_rows.covers(self.as_of)
            self.alerts = self._open_alerts()
            self.reasons = self._reasons()
            self.cooling = self._cooling(watched)
            self.open_by_family: dict[str, np.ndarray] = {}
            new = []
            for watch in watched:
                counted = self._with_counts(watch, frame)
                new += self._judge(watch, counted)
            alert_rows.insert(new, self.as_of, self.at, self.inside)
            self.changes.write()
            if then is not None:
                then(self.report)
        return self.report

    # --- What there is ----------------------------------------------------------------------------

    def _open_alerts(self) -> dict[int, list[alert_rows.Open]]:
        """Open alerts by trigger."""
        rows = (
            Alert.objects.select_for_update()
            .filter(self.inside, state__in=Alert.OPEN_STATES)
            .order_by("id")
            .values_list("trigger_id", "id", "account_id", "state", "exit_since", "snoozed_until")
        )
        wanted = [row for row in rows if self.only is None or row[2] in self.only]
        places = self.index.get_indexer(pd.Index([row[2] for row in wanted])).tolist()
        found: dict[int, list[alert_rows.Open]] = {}
        for row, place in zip(wanted, places, strict=True):
            trigger_id, pk, account_id, state, exit_since, snoozed_until = row
            alert = alert_rows.Open(pk, account_id, state, exit_since, snoozed_until, place)
            found.setdefault(trigger_id, []).append(alert)
        return found

    def _cooling(self, watched: list[Watch]) -> dict[int, set[int]]:
        """Accounts by trigger that may not get another alert yet."""
        days = {watch.trigger.pk: watch.trigger.cooldown_days for watch in watched}
        since = self.as_of - timedelta(days=max([1, *days.values()]))
        ended = (
            Alert.objects.filter(self.inside, ended_on__gt=since)
            .exclude(state=Alert.State.WITHDRAWN)
            .order_by()
            .values_list("trigger_id", "account_id")
            .annotate(last=Max("ended_on"))
        )
        found: dict[int, set[int]] = {}
        for trigger_id, account_id, last in ended:
            over = last + timedelta(days=max(1, days.get(trigger_id, 0)))
            if over > self.as_of:
                found.setdefault(trigger_id, set()).add(account_id)
        return found

    def _with_counts(self, watch: Watch, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, with open alerts per family as this evaluation leaves them so far."""
        families = set().union(*(rule.needs.families for rule in watch.rules))
        none = np.zeros(len(frame))
        return frame.assign(
            **{
                columns.open_of(family): self.open_by_family.get(family, none)
                for family in sorted(families)
            }
        )

    # --- One trigger ------------------------------------------------------------------------------

    def _judge(self, watch: Watch, frame: pd.DataFrame) -> list[alert_rows.Row]:
        trigger = watch.trigger
        truth = judge(watch.rule, frame)
        over = judge(watch.exit, frame) if watch.exit else (truth == FALSE).astype(np.int8)
        is_open = np.zeros(len(frame), dtype=bool)
        mine = self.alerts.get(trigger.pk, [])
        is_open[self._follow(watch, mine, truth, over)] = True
        if trigger.is_active:
            hits = (truth == TRUE) & watch.scope.matches(frame) & ~is_open
            # Also where one ended just now.
            hits[[alert.place for alert in mine if alert.place >= 0]] = False
            if cooling := self.cooling.get(trigger.pk):
                hits &= ~self.index.isin(list(cooling))
            is_open |= hits
            family = self.open_by_family.setdefault(trigger.family, np.zeros(len(frame)))
            family += is_open
            if hits.any():
                return self._opened(watch, frame[hits])
        return []

    def _opened(self, watch: Watch, hits: pd.DataFrame) -> list[alert_rows.Row]:
        held = bool(watch.rule.needs.metrics & self.frozen)
        self.report.opened[watch.trigger.key] += len(hits)
        self.report.held += len(hits) if held else 0
        state = Alert.State.HELD if held else Alert.State.OPEN
        return alert_rows.rows(watch.trigger, watch.rule, hits, state, self.labels, self.covers)

    def _follow(
        self, watch: Watch, mine: list[alert_rows.Open], truth: Truth, over: Truth
    ) -> list[int]:
        """What becomes of the trigger's open alerts; returns the places of those still open."""
        to_open = bool(watch.rule.needs.metrics & self.frozen)
        exit_needs = watch.exit.needs.metrics if watch.exit else frozenset()
        to_clear = to_open or bool(exit_needs & self.frozen)
        places: list[int] = []
        days = watch.trigger.exit_days
        for alert in mine:
            if alert.place < 0:
                self._end(alert, self.reasons.get(alert.account_id, NO_CUSTOMER))
                continue
            holds, done = truth[alert.place] == TRUE, over[alert.place] == TRUE
            if alert.is_held and not to_open:
                if truth[alert.place] == FALSE:
                    self._end(alert, NOT_SO)
                    continue
                if not holds:
                    # Nobody knows: it waits on.
                    places.append(alert.place)
                    continue
                self.changes.release(alert)
                self.report.released += 1
            if to_clear:
                # Days on which nobody believes the figures are none of a row.
                self.changes.exit_broken(alert)
            elif self._clears(alert, holds=holds, done=done, days=days):
                self._end(alert, RECOVERED if days <= 1 else RECOVERED_FOR.format(days))
                continue
            if alert.snoozed_until is not None and alert.snoozed_until <= self.as_of:
                self.changes.wake(alert)
                self.report.woken += 1
            places.append(alert.place)
        return places

    def _clears(self, alert: alert_rows.Open, *, holds: bool, done: bool, days: int) -> bool:
        if holds:
            self.changes.refresh(alert)
        if holds or not done:
            # Unknown breaks the row of days too: nobody saw it hold.
            self.changes.exit_broken(alert)
            return False
        since = min(alert.exit_since or self.as_of, self.as_of)
        if (self.as_of - since).days + 1 >= max(1, days):
            return True
        self.changes.exit_begun(alert)
        return False

    def _end(self, alert: alert_rows.Open, reason: str) -> None:
        if alert.is_held:
            self.changes.withdraw(alert, reason)
            self.report.withdrawn += 1
        else:
            self.changes.clear(alert, reason)
            self.report.cleared += 1

    def _reasons(self) -> dict[int, str]:
        """Why accounts with open alerts are no customers on the day; asked only where there are such."""
        gone = [
            alert.account_id
            for alerts in self.alerts.values()
            for alert in alerts
            if alert.place < 0
        ]
        if not gone:
            return {}
        rows = Account.objects.filter(pk__in=set(gone)).values_list(
            "pk", "merged_into_id", "churned_on", "lifecycle_stage"
        )
        return {
            pk: MERGED
            if merged
            else CHURNED
            if churned_on or stage == LifecycleStage.CHURNED
            else NO_CUSTOMER
            for pk, merged, churned_on, stage in rows
        }
