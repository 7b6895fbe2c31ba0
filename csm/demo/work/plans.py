"""What the demo's colleagues do with plans: causes, notes, plans by hand, endings, hand-overs."""

import datetime as dt
from typing import TYPE_CHECKING
from uuid import uuid4

from accounts.models import Account
from csm.demo.book import SOURCE
from csm.demo.work import words
from playbooks.models import Absence, Clock, ClockRule, Intervention, InterventionTask, Note
from playbooks.services import clocks, intervention_tasks, interventions, notes, plan_parts
from scoring.selectors import standing_on

if TYPE_CHECKING:
    from csm.demo.work.life import Day

_OPEN = Intervention.OPEN_STATES
Key = ClockRule.Key
# A plan so long past its target is closed one way or another.
_PATIENCE = dt.timedelta(days=10)
_EXIT = {"match": "all", "conditions": [{"score": "value", "op": ">=", "value": 50}]}


def by_hand(day: "Day") -> None:
    """The largest accounts that did worst get a plan of their own, with a sponsor and a risk register."""
    candidates = Account.objects.filter(
        source=SOURCE, size_segment="Enterprise", churned_on=None, owner__isnull=False
    ).order_by("-arr_amount")[:300]
    found = standing_on([account.pk for account in candidates], day.on)
    worst = [
        account
        for account in candidates
        if (standing := found.get(account.pk)) and (standing.score or 100) < 45
    ][:10]
    manager = day.users["nadia.manager"]
    for number, account in enumerate(worst):
        plan = interventions.start(
            account,
            by=manager,
            at=day.at(11, number),
            on=day.on,
            sponsor=day.users["edgar.executive"] if number % 2 == 0 else None,
            title=words.BY_HAND,
            issue=words.ISSUE,
            objectives=words.OBJECTIVES,
            target_days=(60, 90)[number % 2],
            exit_rule=_EXIT,
        )
        for text, likelihood, impact, mitigation in words.RISKS[: 1 + number % 3]:
            plan_parts.add_risk(
                plan,
                by=manager,
                at=day.at(12, number),
                text=text,
                likelihood=likelihood,
                impact=impact,
                mitigation=mitigation,
            )
        for days, title in (
            (5, "Interview the sponsor"),
            (12, "Agree on the way back"),
            (30, "Steering"),
        ):
            intervention_tasks.add(
                plan,
                by=manager,
                at=day.at(12, number),
                title=title,
                due_on=day.on + dt.timedelta(days=days),
            )


def find_causes(day: "Day") -> None:
    """About half of the plans older than a few days say why."""
    unsaid = Intervention.objects.filter(
        account__source=SOURCE,
        state__in=_OPEN,
        cause="",
        started_on__lte=day.on - dt.timedelta(days=4),
        owner__isnull=False,
    ).select_related("owner", "account")
    for plan in unsaid.order_by("pk")[:60]:
        if day.rng.random() < 0.3:
            cause, text = words.CAUSES[int(day.rng.integers(len(words.CAUSES)))]
            interventions.set_cause(plan, by=plan.owner, at=day.at(13), cause=cause, text=text)


def keep_notes(day: "Day") -> None:
    """A dozen notes a week, every third a promise."""
    plans = Intervention.objects.filter(
        account__source=SOURCE, state__in=_OPEN, owner__isnull=False
    ).select_related("owner", "account")
    for number, plan in enumerate(plans.order_by("-pk")[:12]):
        promise = number % 3 == 2
        said = words.PROMISES if promise else words.NOTES
        text = said[int(day.rng.integers(len(said)))]
        colleague = "leo.csm" if plan.owner != day.users["leo.csm"] else "aiko.csm"
        notes.add(
            plan.account,
            by=plan.owner,
            at=day.at(14, number),
            on=day.on,
            body=text.replace("{colleague}", colleague),
            kind=Note.Kind.PROMISE if promise else Note.Kind.NOTE,
            due_on=day.on + dt.timedelta(days=20) if promise else None,
            intervention=plan,
        )


def close_late(day: "Day") -> None:
    """Plans long past their target end by hand, as their score says; what waits for a manager is agreed to."""
    late = list(
        Intervention.objects.filter(
            account__source=SOURCE,
            state=Intervention.State.ACTIVE,
            target_on__lt=day.on - _PATIENCE,
        ).values_list("pk", "account_id", "score_start")
    )
    found = standing_on([account_id for _, account_id, _ in late], day.on)
    endings: dict[str, list[int]] = {"improved": [], "no_change": [], "cancelled": []}
    for pk, account_id, start in late:
        now = found[account_id].score if account_id in found else None
        if start is None or now is None:
            endings["cancelled"].append(pk)
        else:
            endings["improved" if now - start >= 5 else "no_change"].append(pk)
    manager = day.users["nadia.manager"]
    for outcome, ids in endings.items():
        if ids:
            interventions.close_many(
                ids,
                by=manager,
                at=day.at(16),
                on=day.on,
                outcome=outcome,
                note=words.CLOSINGS[outcome],
                batch=uuid4(),
            )
    waiting = InterventionTask.objects.filter(
        account__source=SOURCE,
        state=InterventionTask.State.TO_APPROVE,
        intervention__state__in=_OPEN,
    ).select_related("intervention")
    for task in waiting.order_by("pk")[:40]:
        if day.rng.random() < 0.6:
            intervention_tasks.approve(task, by=manager, at=day.at(17))


def keep_promises(day: "Day") -> None:
    """Most clocks are met: executives look at their list, CSMs call and review."""
    for user, key, outcome, share in (
        (
            day.users["edgar.executive"],
            Key.EXECUTIVE,
            "Read, and spoken about with the manager",
            0.85,
        ),
        *((csm, Key.FIRST_RESPONSE, "Called the customer", 0.7) for csm in day.csms),
        *((csm, Key.WEEKLY_REVIEW, "Reviewed in the weekly round", 0.8) for csm in day.csms),
    ):
        running = Clock.objects.filter(
            account__source=SOURCE, rule__key=key, state__in=Clock.OPEN_STATES
        )
        if key != Key.EXECUTIVE:
            running = running.filter(owner=user)
        ids = list(running.order_by("pk").values_list("account_id", flat=True))
        met = [pk for pk, draw in zip(ids, day.rng.random(len(ids)), strict=True) if draw < share]
        clocks.meet(key, met, by=user, at=day.at(16, 30), outcome=outcome)


def manage(day: "Day") -> None:
    """One CSM goes on holiday around the newest night, and another covers."""
    away = day.users["grace.csm"]
    if not Absence.objects.filter(user=away).exists():
        Absence.objects.create(
            user=away,
            cover=day.users["ravi.csm"],
            first_on=day.run.as_of + dt.timedelta(days=40),
            last_on=day.run.as_of + dt.timedelta(days=70),
            note="Parental leave",
            created_by=day.users["tomas.manager"],
        )
