"""Random dated facts of every table, and changes that come true later."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count

from accounts.measures import BUILT_IN, measure_ids
from accounts.models import (
    Account,
    Activity,
    Contact,
    ContactState,
    Feature,
    FeatureUse,
    Goal,
    GoalProgress,
    Invoice,
    Opportunity,
    OpportunityState,
    Reading,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
    Usage,
)

_numbers = count(1)


def name() -> str:
    return f"F{next(_numbers)}"


def facts(accounts: Sequence[Account], first: date, last: date, seed: int, n: int) -> None:
    """About `n` facts of each table per account, dated from `first` to `last`; days learned later may lie
    anywhere after.
    """
    rng = random.Random(seed)
    span = (last - first).days

    def day() -> date:
        return first + timedelta(days=rng.randint(0, span))

    def later(on: date) -> date | None:
        return on + timedelta(days=rng.randint(0, 60)) if rng.random() < 0.6 else None

    features = [
        Feature.objects.get_or_create(key=key, defaults={"label": key, "is_core": core})[0]
        for key, core in (("reports", True), ("export", False), ("alerts", True))
    ]
    measures = list(measure_ids(BUILT_IN).values())
    for account in accounts:
        for _ in range(n):
            _one_of_each(account, rng, day, later, features)
        Usage.objects.bulk_create(
            [
                Usage(account=account, measure_id=measure, on=day(), value=rng.randint(0, 9) / 4)
                for measure in measures
                for _ in range(n)
            ],
            ignore_conflicts=True,
        )


def _one_of_each(account, rng, day, later, features) -> None:
    fact = {"account": account, "source": "test"}
    person = Contact.objects.create(**fact, external_id=name(), known_on=day())
    begun = person.known_on
    ended = later(begun + timedelta(days=1))
    for start, end in ((begun, ended), *([(ended, None)] if ended else [])):
        ContactState.objects.create(
            account=account,
            contact=person,
            valid_from=start,
            valid_to=end,
            has_email=rng.random() < 0.7,
            is_champion=rng.random() < 0.5,
            is_executive_sponsor=rng.random() < 0.5,
            is_stakeholder=rng.random() < 0.5,
            left_on=later(start),
            last_active_on=later(start),
        )
    Activity.objects.create(
        **fact,
        external_id=name(),
        on=day(),
        kind=rng.choice(["call", "email", "meeting", "qbr", "training", "community"]),
        direction=rng.choice(["out", "in"]),
        outcome=rng.choice(["attended", "no_show", "answered", "unanswered", ""]),
        sentiment=rng.choice([None, -0.75, -0.25, 0.5]),
        with_executive=rng.random() < 0.4,
        topic=rng.choice(["renewal", "budget", "competitor", "integration", ""]),
        invited=rng.choice([None, 4]),
        attended=rng.choice([None, 2]),
        contact=person,
    )
    opened = day()
    Ticket.objects.create(
        **fact,
        external_id=name(),
        opened_on=opened,
        severity=rng.choice(["critical", "high", "normal", "low", ""]),
        category=rng.choice(["bug", "how-to", ""]),
        sentiment=rng.choice([None, -0.5, 0.25]),
        first_response_on=later(opened),
        first_response_minutes=rng.randint(5, 600),
        escalated_on=later(opened),
        reopened_on=later(opened),
        closed_on=later(opened),
    )
    sent = day()
    Survey.objects.create(
        **fact,
        external_id=name(),
        kind=rng.choice(["nps", "csat", "effort"]),
        sent_on=sent,
        answered_on=later(sent),
        score=rng.randint(0, 10),
    )
    issued = day()
    Invoice.objects.create(
        **fact,
        external_id=name(),
        issued_on=issued,
        due_on=issued + timedelta(days=20),
        paid_on=later(issued),
        amount=rng.randint(1, 9) * 1000,
    )
    begun = day()
    deal = Opportunity.objects.create(**fact, external_id=name(), opened_on=begun)
    closed = later(begun + timedelta(days=1))
    kind, amount = rng.choice(["new", "expansion"]), rng.randint(1, 9) * 10_000
    ends = (closed, None) if closed else (None,)
    for start, end in zip((begun, closed), ends, strict=False):
        OpportunityState.objects.create(
            account=account,
            opportunity=deal,
            valid_from=start,
            valid_to=end,
            kind=kind,
            amount=amount,
            status="open" if start == begun else rng.choice(["won", "lost"]),
        )
    started = day()
    contract = Subscription.objects.create(
        **fact,
        external_id=name(),
        started_on=started,
        ends_on=started + timedelta(days=365),
        ended_on=later(started),
        seats=rng.randint(1, 50),
        arr_amount=rng.randint(1, 9) * 100_000,
    )
    SubscriptionEvent.objects.create(
        **fact,
        external_id=name(),
        subscription=rng.choice([contract, None]),
        kind=rng.choice(["upsell", "downsell", "churn", "renewal"]),
        on=max(started, day()),
        arr_amount=rng.randint(1, 9) * 100_000,
        seats=rng.randint(1, 50),
    )
    agreed = day()
    goal = Goal.objects.create(
        **fact,
        external_id=name(),
        kind=rng.choice(["goal", "milestone", "kpi", "roi"]),
        agreed_on=agreed,
        due_on=agreed + timedelta(days=rng.randint(1, 60)),
        achieved_on=later(agreed),
        baseline=10.0,
        target=20.0,
    )
    GoalProgress.objects.create(
        account=account, goal=goal, on=max(agreed, day()), actual=rng.randint(1, 30)
    )
    FeatureUse.objects.create(
        **fact, external_id=name(), feature=rng.choice(features), on=day(), uses=1
    )


def comes_true_later(accounts: Sequence[Account], after: date, seed: int) -> None:
    """What was open on `after` is settled later: tickets, surveys, invoices, deals, people, contracts."""
    rng = random.Random(seed)

    def day() -> date:
        return after + timedelta(days=rng.randint(1, 40))

    for model, fields in (
        (Ticket, ("closed_on", "escalated_on", "reopened_on", "first_response_on")),
        (Survey, ("answered_on",)),
        (Invoice, ("paid_on",)),
        (Subscription, ("ended_on",)),
        (Goal, ("achieved_on",)),
    ):
        for row in model.objects.filter(account__in=accounts):
            for field in fields:
                if getattr(row, field) is None and rng.random() < 0.7:
                    setattr(row, field, day())
            row.save()
    for states in (ContactState, OpportunityState):
        for row in states.objects.filter(
            account__in=accounts, valid_to=None, valid_from__lte=after
        ):
            row.valid_to = end = day()
            row.save()
            row.pk, row.valid_from, row.valid_to = None, end, None
            if isinstance(row, ContactState):
                row.left_on, row.is_champion, row.last_active_on = end, False, end
            else:
                row.status = "won"
            row.save()
    for account in accounts:
        Reading.objects.create(
            account=account, on=day(), source="later", metrics={"tickets_month": 77, "arr": 1}
        )
