"""A contract whose value a file changes: the change gets a day, so that nights before it read the old value."""

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

from accounts.models import ImportRun, Subscription, SubscriptionEvent
from accounts.models.subscription import ChangeKind

if TYPE_CHECKING:
    from accounts.ingest.load_facts import Change


def note_changes(changed: Iterable["Change"], run: ImportRun) -> None:
    """Contract changes for subscriptions whose ARR or seats `run` changed, dated the day it speaks of.

    A subscription without any change so far gets one at its start too, with the value it had. A change
    already told for the day stands: its source knows better.
    """
    news = [change for change in changed if {"arr_amount", "seats"} & change.after.keys()]
    if not news:
        return
    days: dict[int, set[date]] = {}
    told = SubscriptionEvent.objects.filter(subscription__in=[each.fact.pk for each in news])
    for pk, on in told.values_list("subscription_id", "on"):
        if pk is not None:
            days.setdefault(pk, set()).add(on)
    events: list[SubscriptionEvent] = []
    for change in news:
        known = days.get(change.fact.pk, set())
        fact: Subscription = change.fact
        before = {
            name: change.before.get(name, getattr(fact, name)) for name in ("arr_amount", "seats")
        }
        start = fact.started_on
        is_dated = any(on <= start for on in known) or before["arr_amount"] is None
        if not is_dated and start < change.row.on:
            events.append(_event(fact, ChangeKind.NEW, start, before, None, run))
        if change.row.on not in known:
            events.append(_change(fact, before, change.row.on, run))
    SubscriptionEvent.objects.bulk_create(events, ignore_conflicts=True)


def _change(
    fact: Subscription, before: dict[str, Any], on: date, run: ImportRun
) -> SubscriptionEvent:
    after = {"arr_amount": fact.arr_amount, "seats": fact.seats}
    by = None
    if fact.arr_amount is not None and before["arr_amount"] is not None:
        by = fact.arr_amount - before["arr_amount"]
    more = by if by else (fact.seats or 0) - (before["seats"] or 0)
    kind = ChangeKind.DOWNSELL if more < 0 else ChangeKind.UPSELL
    return _event(fact, kind, on, after, by, run)


def _event(
    fact: Subscription,
    kind: ChangeKind,
    on: date,
    values: dict[str, Any],
    by: int | None,
    run: ImportRun,
) -> SubscriptionEvent:
    return SubscriptionEvent(
        account_id=fact.account_id,
        subscription=fact,
        source=run.source,
        # A file of changes never calls one of its own so.
        external_id=f"~{kind}~{on}~{fact.external_id}"[:120],
        import_run=run,
        kind=kind,
        on=on,
        arr_change=by,
        **values,
    )
