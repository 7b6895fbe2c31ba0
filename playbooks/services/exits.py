"""Exit tests of open plans, and of plans closed lately: judged every night, in pieces, set-based."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.urls import reverse

from playbooks.models import (
    Intervention,
    InterventionChange,
    InterventionKpi,
    InterventionTask,
    Notice,
    Policy,
    StepRole,
)
from playbooks.rules import FALSE, TRUE, Rule, RuleError, judge, needs_of
from playbooks.services import notices
from playbooks.services.drafting import SCORE
from playbooks.services.plan_changes import Kind, change
from playbooks.services.plan_endings import Ending, close_all, reopen_all
from playbooks.services.readings import frozen_metrics, read_accounts
from playbooks.services.roles import holders
from scoring.models import AccountHealth, ScoreRun
from scoring.selectors import newest_run

State = Intervention.State
Outcome = Intervention.Outcome

# Plans that are read and judged together; each piece is a transaction of its own.
_PIECE: Final = 2_000
# Points from which on a finished plan without an exit test counts as an improvement.
_BETTER: Final = 5.0


def night(*, as_of: date, at: datetime) -> None:
    """Read KPIs, judge exit tests, close what has held long enough, re-open what fell back. Set-based.

    A test that is unknown tonight neither holds nor fails: since when it held is kept. `exit_days` counts
    nights in a row, the first included. Plans of customers that churned close as churned; those of a playbook
    without exit test once their tasks are done. Owners and managers are told. Repeating it changes nothing.
    """
    run = newest_run(as_of, defer=True)
    if run is None:
        return
    frozen = frozenset(frozen_metrics(as_of))
    lately = as_of - timedelta(days=Policy.current().reopen_days)
    open_ones = Q(state__in=Intervention.OPEN_STATES)
    # What a person called recovered against its test stays as they left it.
    closed_lately = Q(
        state=State.CLOSED,
        outcome=Outcome.RECOVERED,
        exit_holds=True,
        closed_on__gte=lately,
        closed_on__lte=as_of,
    ) & ~Q(exit_rule={})
    for ids in _pieces(open_ones | closed_lately, as_of):
        with transaction.atomic():
            _piece(ids, as_of=as_of, at=at, run=run, frozen=frozen)


def held_days(plan: Intervention) -> int:
    """Nights in a row on which the exit test has held, up to the last one it was checked on."""
    if plan.exit_since is None or plan.exit_checked_on is None:
        return 0
    return (plan.exit_checked_on - plan.exit_since).days + 1


def _pieces(wanted: Q, as_of: date) -> Iterator[list[int]]:
    """Ids of plans in pieces, by account, so that the accounts of a piece lie together."""
    rows = Intervention.objects.filter(wanted, started_on__lte=as_of, account__merged_into=None)
    # A later night has judged it already: an older one does not turn back time.
    rows = rows.filter(Q(exit_checked_on=None) | Q(exit_checked_on__lte=as_of))
    ids = list(rows.order_by("account_id", "pk").values_list("pk", flat=True))
    for first in range(0, len(ids), _PIECE):
        yield ids[first : first + _PIECE]


def _piece(
    ids: Sequence[int], *, as_of: date, at: datetime, run: ScoreRun, frozen: Collection[str]
) -> None:
    rows = Intervention.objects.select_for_update(of=("self",)).filter(pk__in=ids)
    plans = list(rows.select_related("account").order_by("account_id", "pk"))
    kpis = list(InterventionKpi.objects.filter(intervention__in=plans).order_by("pk"))
    rules = _rules(plans)
    frame = _read(rules.values(), kpis, plans, as_of, run)
    truths = _judged(plans, rules, frame, frozen)
    told: list[tuple[Intervention, str]] = []
    open_now = [plan for plan in plans if plan.is_open]
    churned = [
        plan for plan in open_now if plan.account.churned_on and plan.account.churned_on <= as_of
    ]
    ending = Ending(Outcome.CHURNED, "The customer churned.")
    close_all(churned, {plan.pk: ending for plan in churned}, by=None, at=at, on=as_of)
    told += [(plan, "Customer churned") for plan in churned]
    rest = [plan for plan in open_now if plan.is_open]
    _follow_kpis(kpis, {plan.pk for plan in rest}, frame, plans, as_of, frozen)
    _follow_tests(rest, truths, as_of=as_of, at=at)
    told += _close_recovered(rest, as_of=as_of, at=at)
    told += _close_finished(rest, as_of=as_of, at=at)
    told += _reopen([plan for plan in plans if plan not in open_now], truths, as_of=as_of, at=at)
    _tell(told, as_of=as_of, at=at)


def _rules(plans: Sequence[Intervention]) -> dict[str, Rule]:
    """The distinct exit tests, each parsed once; one that cannot be read is unknown every night."""
    found = {}
    for plan in plans:
        key = _key(plan.exit_rule)
        if plan.exit_rule and key not in found:
            try:
                found[key] = Rule.parse(plan.exit_rule)
            except RuleError:
                continue
    return found


def _key(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


def _read(
    rules: Collection[Rule],
    kpis: Sequence[InterventionKpi],
    plans: Sequence[Intervention],
    as_of: date,
    run: ScoreRun,
) -> pd.DataFrame:
    """Everything the tests and KPIs need, one row per account."""
    metrics = {kpi.metric for kpi in kpis} - {SCORE}
    conditions: list[dict[str, Any]] = [{"metric": key, "op": "known"} for key in sorted(metrics)]
    conditions.append({"score": "value", "op": ">=", "value": 0})
    # Small groups, as one rule holds only so many conditions.
    wanted = [Rule.parse({"match": "all", "conditions": [each]}) for each in conditions]
    ids = sorted({plan.account_id for plan in plans})
    return read_accounts([*rules, *wanted], as_of=as_of, account_ids=ids, run=run)


def _judged(
    plans: Sequence[Intervention],
    rules: Mapping[str, Rule],
    frame: pd.DataFrame,
    frozen: Collection[str],
) -> dict[int, bool | None]:
    """Whether each plan's test holds; None where it is unknown, or reads what is frozen."""
    found: dict[int, bool | None] = {plan.pk: None for plan in plans}
    by_rule: dict[str, list[Intervention]] = {}
    for plan in plans:
        key = _key(plan.exit_rule)
        if key in rules and plan.account_id in frame.index:
            by_rule.setdefault(key, []).append(plan)
    for key, tested in by_rule.items():
        needs = needs_of([rules[key]])
        read = needs.metrics | {metric for metric, _ in needs.past}
        if read & set(frozen):
            continue
        rows = frame.loc[[plan.account_id for plan in tested]]
        for plan, truth in zip(tested, judge(rules[key], rows), strict=True):
            found[plan.pk] = {TRUE: True, FALSE: False}.get(int(truth))
    return found


def _follow_kpis(
    kpis: Sequence[InterventionKpi],
    open_ids: Collection[int],
    frame: pd.DataFrame,
    plans: Sequence[Intervention],
    as_of: date,
    frozen: Collection[str],
) -> None:
    """What is known tonight; a figure nobody knows keeps its last value and day, and its page says so."""
    account_of = {plan.pk: plan.account_id for plan in plans}
    changed = []
    for kpi in kpis:
        if kpi.intervention_id not in open_ids or kpi.metric in frozen or kpi.metric not in frame:
            continue
        account = account_of[kpi.intervention_id]
        value = frame.at[account, kpi.metric] if account in frame.index else None
        if not isinstance(value, float | int | np.number) or not np.isfinite(value):
            continue
        if (kpi.current, kpi.current_on) != (float(value), as_of):
            kpi.current, kpi.current_on = float(value), as_of
            changed.append(kpi)
    InterventionKpi.objects.bulk_create(
        changed,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["current", "current_on"],
    )


def _follow_tests(
    plans: Sequence[Intervention],
    truths: Mapping[int, bool | None],
    *,
    as_of: date,
    at: datetime,
) -> None:
    """Put down what each test says tonight, and a change where it begins or ends to hold."""
    tested = [plan for plan in plans if plan.exit_rule]
    began, ended = [], []
    for plan in tested:
        truth = truths[plan.pk]
        if truth and plan.state != State.HOLDING:
            began.append(plan)
        elif truth is False and (plan.state == State.HOLDING or plan.exit_since):
            ended.append(plan)
    for truth in (True, False, None):
        same = [plan.pk for plan in tested if truths[plan.pk] is truth]
        _of(same).update(exit_holds=truth, exit_checked_on=as_of)
    grown = F("version") + 1
    _of(began).update(state=State.HOLDING, exit_since=as_of, version=grown)
    _of(ended).update(state=State.ACTIVE, exit_since=None, version=grown)
    rows = [
        change(plan, Kind.HOLDING, by=None, at=at, on=as_of, after={"exit_since": as_of})
        for plan in began
    ]
    rows += [
        change(plan, Kind.FAILING, by=None, at=at, on=as_of, before={"exit_since": plan.exit_since})
        for plan in ended
    ]
    InterventionChange.objects.bulk_create(rows, batch_size=500)
    for plan in tested:
        plan.exit_holds, plan.exit_checked_on = truths[plan.pk], as_of
    for plan in began:
        plan.state, plan.exit_since, plan.version = State.HOLDING, as_of, plan.version + 1
    for plan in ended:
        plan.state, plan.exit_since, plan.version = State.ACTIVE, None, plan.version + 1


def _of(plans: Sequence[Intervention] | Sequence[int]) -> QuerySet[Intervention]:
    return Intervention.objects.filter(pk__in=[getattr(plan, "pk", plan) for plan in plans])


def _close_recovered(
    plans: Sequence[Intervention], *, as_of: date, at: datetime
) -> list[tuple[Intervention, str]]:
    held = [plan for plan in plans if plan.exit_holds and held_days(plan) >= plan.exit_days]
    endings = {
        plan.pk: Ending(Outcome.RECOVERED, f"Its exit test has held {_days(held_days(plan))}.")
        for plan in held
    }
    close_all(held, endings, by=None, at=at, on=as_of)
    return [(plan, "Recovered") for plan in held]


def _close_finished(
    plans: Sequence[Intervention], *, as_of: date, at: datetime
) -> list[tuple[Intervention, str]]:
    """Plans of playbooks without an exit test end with their tasks."""
    untested = [plan for plan in plans if not plan.exit_rule and plan.playbook_version_id]
    if not untested:
        return []
    tasks = InterventionTask.objects.filter(intervention__in=untested)
    some = set(tasks.order_by().values_list("intervention_id", flat=True).distinct())
    undone = tasks.filter(state__in=InterventionTask.UNDONE_STATES).order_by()
    some -= set(undone.values_list("intervention_id", flat=True).distinct())
    done = [plan for plan in untested if plan.pk in some]
    scores = dict(
        AccountHealth.objects.filter(account__in=[p.account_id for p in done]).values_list(
            "account_id", "score"
        )
    )
    endings = {}
    for plan in done:
        now, before = scores.get(plan.account_id), plan.score_start
        better = now is not None and before is not None and now - before >= _BETTER
        outcome = Outcome.IMPROVED if better else Outcome.NO_CHANGE
        endings[plan.pk] = Ending(outcome, "All its tasks are done.")
    close_all(done, endings, by=None, at=at, on=as_of)
    return [(plan, "All tasks done") for plan in done]


def _reopen(
    plans: Sequence[Intervention],
    truths: Mapping[int, bool | None],
    *,
    as_of: date,
    at: datetime,
) -> list[tuple[Intervention, str]]:
    """Plans closed lately whose test fails now, unless the playbook runs on the account again."""
    fell = [plan for plan in plans if truths[plan.pk] is False]
    if not fell:
        return []
    running: set[tuple[int, int | None]] = set(
        Intervention.objects.filter(
            account__in=[plan.account_id for plan in fell], state__in=Intervention.OPEN_STATES
        ).values_list("account_id", "playbook_version_id")
    )
    back = []
    for plan in fell:
        key = (plan.account_id, plan.playbook_version_id)
        if plan.playbook_version_id is not None and key in running:
            continue
        running.add(key)
        plan.exit_holds, plan.exit_checked_on = False, as_of
        back.append(plan)
    _of(back).update(exit_holds=False, exit_checked_on=as_of)
    reopen_all(back, by=None, at=at, on=as_of, reason="Its exit test no longer holds.")
    return [(plan, "Re-opened") for plan in back]


def _tell(told: Sequence[tuple[Intervention, str]], *, as_of: date, at: datetime) -> None:
    if not told:
        return
    managers = holders({plan.account_id for plan, _ in told}, [StepRole.MANAGER])
    tellings = []
    for plan, what in told:
        people = {plan.owner_id, managers.get((plan.account_id, StepRole.MANAGER))} - {None}
        tellings += [
            notices.Telling(
                user_id=person,
                kind=Notice.Kind.PLAN,
                title=f"{what}: {plan.title}"[:200],
                url=reverse("plan", args=[plan.pk]),
                about=f"plan:{plan.pk}:{what.lower()}:{as_of}",
                body=plan.account.name,
                account_id=plan.account_id,
            )
            for person in sorted(person for person in people if person is not None)
        ]
    notices.tell(tellings, at=at)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days in a row"
