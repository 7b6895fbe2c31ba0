"""Where accounts stand in their life: dated stages, and the account's own row following the newest."""

from collections.abc import Collection
from datetime import date
from typing import Any

from django.db.models import Window
from django.db.models.functions import RowNumber

from accounts.models import Account, LifecycleEvent, LifecycleStage
from accounts.services.changed import Record, forget


def apply_newest(accounts: Collection[int], *, as_of: date, record: Record = forget) -> None:
    """Set stage, day and reason of churn of `accounts` from their newest stage on or before `as_of`.

    A stage after churn is a win-back: the account has not churned any more. Accounts without a stage stay
    as they are. Three statements.
    """
    newest: dict[int, Any] = {}
    events = LifecycleEvent.objects.filter(account__in=accounts, on__lte=as_of)
    ranked = events.annotate(
        place=Window(RowNumber(), partition_by="account_id", order_by=["-on", "-pk"])
    )
    for event in ranked.filter(place=1):
        newest[event.account_id] = event
    changed = []
    for account in Account.objects.select_for_update(of=("self",)).filter(pk__in=newest):
        event = newest[account.pk]
        gone = event.stage == LifecycleStage.CHURNED
        wanted: dict[str, Any] = {
            "lifecycle_stage": event.stage,
            "churned_on": event.on if gone else None,
            "churn_reason": event.reason if gone else "",
        }
        if gone and not event.reason:
            wanted["churn_reason"] = account.churn_reason
        before = {
            n: getattr(account, n) for n, value in wanted.items() if getattr(account, n) != value
        }
        if before:
            after = {name: wanted[name] for name in before}
            record(Account, account.pk, before, after)
            for name, value in after.items():
                setattr(account, name, value)
            changed.append(account)
    if changed:
        Account.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["lifecycle_stage", "churned_on", "churn_reason", "updated_at"],
        )
