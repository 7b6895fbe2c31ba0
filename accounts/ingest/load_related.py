"""What facts change besides their own row: features, invoices paid, contracts ended, the account itself."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from django.db.models import Q

from accounts.ingest.feeds import Feed
from accounts.ingest.plans import Changes, plain, upsert
from accounts.ingest.row import Row
from accounts.models import (
    Account,
    Feature,
    ImportRun,
    Invoice,
    Payment,
    Subscription,
)
from accounts.services import lifecycle

Told = Sequence[tuple[Row, Any, int]]

# What two companies' people do together; a post in a forum is no touch of ours.
_NO_TOUCH: Final = {"community", "other"}
_ACCOUNTS: Final = 2_000


def feature_ids(rows: Iterable[Row]) -> dict[str, int]:
    """Primary keys of the features `rows` name, where they are known."""
    keys = {row.attributes["feature"] for row in rows if "feature" in row.attributes}
    return dict(Feature.objects.filter(key__in=keys).values_list("key", "pk")) if keys else {}


def make_features(rows: Iterable[Row], changes: Changes) -> dict[str, int]:
    """Features `rows` name, made where they are new and corrected where a row says more."""
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        if key := row.attributes.get("feature"):
            told.setdefault(key, {}).update(row.extra)
    if not told:
        return {}
    there = {feature.key: feature for feature in Feature.objects.filter(key__in=told)}
    Feature.objects.bulk_create(
        (
            Feature(key=key, **({"label": key.replace("_", " ").capitalize()} | more))
            for key, more in told.items()
            if key not in there
        ),
        ignore_conflicts=True,
    )
    changed = []
    for key, feature in there.items():
        after = {n: v for n, v in told[key].items() if getattr(feature, n) != v}
        if after:
            changes.add(Feature, feature.pk, {n: getattr(feature, n) for n in after}, after)
            for name, value in after.items():
                setattr(feature, name, value)
            changed.append(feature)
    upsert(Feature, changed, ["label", "is_core"])
    return dict(Feature.objects.filter(key__in=told).values_list("key", "pk"))


def follow(feed: Feed, told: Told, changes: Changes, run: ImportRun) -> None:
    """What a chunk of good rows of `feed` brings about. The rows are written already."""
    if feed.key == "activities":
        _touch(told, changes, run)
    elif feed.key == "payments":
        _settle({row.attributes["invoice_id"] for row, _, _ in told}, run.source, changes)
    elif feed.key == "invoices":
        _settle({row.external_id for row, _, _ in told}, run.source, changes)
    elif feed.key == "subscription_events":
        _end(told, run.source, changes)
    elif feed.key == "lifecycle":
        lifecycle.apply_newest({pk for _, _, pk in told}, as_of=run.as_of, record=changes.add)


def _touch(told: Told, changes: Changes, run: ImportRun) -> None:
    newest: dict[int, date] = {}
    for row, _, pk in told:
        on = row.attributes.get("on")
        if on is None or on > run.as_of or row.attributes.get("kind") in _NO_TOUCH:
            continue
        newest[pk] = max(on, newest.get(pk, on))
    changed = []
    for account in Account.objects.select_for_update(of=("self",)).filter(pk__in=newest):
        old, new = account.last_touch_on, newest[account.pk]
        if old is None or old < new:
            account.last_touch_on = new
            changes.add(Account, account.pk, {"last_touch_on": old}, {"last_touch_on": new})
            changed.append(account)
    upsert(Account, changed, ["last_touch_on"])


def _settle(ids: set[str], source: str, changes: Changes) -> None:
    """Invoices are paid the day their payments reach their amount; a day told is left as it is."""
    invoices = {
        invoice.pk: invoice
        for invoice in Invoice.objects.select_for_update(of=("self",)).filter(
            source=source, external_id__in=ids, paid_on=None, amount__gt=0
        )
    }
    sums = dict.fromkeys(invoices, 0)
    changed = []
    payments = Payment.objects.filter(invoice__in=invoices).order_by("invoice_id", "on", "pk")
    for pk, on, amount in payments.values_list("invoice_id", "on", "amount"):
        sums[pk] += amount
        invoice = invoices[pk]
        if invoice.paid_on is None and sums[pk] >= (invoice.amount or 0):
            invoice.paid_on = on
            changes.add(Invoice, pk, {"paid_on": None}, {"paid_on": plain(on)})
            changed.append(invoice)
    upsert(Invoice, changed, ["paid_on"])


def _end(told: Told, source: str, changes: Changes) -> None:
    """A subscription's churn is its end, unless its own row has told of one."""
    ended: dict[str, tuple[date, str]] = {}
    for row, _, _ in told:
        values = row.attributes
        if values.get("kind") == "churn" and (key := values.get("subscription_id")):
            ended[key] = (values["on"], values.get("reason", ""))
    changed = []
    subscriptions = Subscription.objects.select_for_update(of=("self",)).filter(
        source=source, external_id__in=ended, ended_on=None
    )
    for subscription in subscriptions:
        on, reason = ended[subscription.external_id]
        before = {"ended_on": None, "end_reason": subscription.end_reason}
        subscription.ended_on = on
        subscription.end_reason = subscription.end_reason or reason
        after = {"ended_on": plain(on), "end_reason": subscription.end_reason}
        changes.add(Subscription, subscription.pk, before, after)
        changed.append(subscription)
    upsert(Subscription, changed, ["ended_on", "end_reason"])


def finish(feed: Feed, run: ImportRun) -> None:
    """What only the whole import can tell: contract value and renewal, where the account's are blank.

    Repeating it changes nothing. The caller holds the transaction.
    """
    if feed.key != "subscriptions":
        return
    blank = Q(arr_amount=None) | Q(renewal_on=None)
    told = Subscription.objects.filter(import_run=run).values("account")
    last = 0
    while True:
        accounts = list(
            Account.objects.select_for_update(of=("self",))
            .filter(blank, pk__in=told, pk__gt=last)
            .order_by("pk")[:_ACCOUNTS]
        )
        if not accounts:
            return
        last = accounts[-1].pk
        _fill_contracts(accounts, run)


def _fill_contracts(accounts: list[Account], run: ImportRun) -> None:
    running = Subscription.objects.filter(
        Q(ended_on=None) | Q(ended_on__gt=run.as_of),
        account__in=accounts,
        started_on__lte=run.as_of,
    )
    amounts: dict[int, int] = {}
    renewals: dict[int, date] = {}
    for pk, amount, ends_on in running.values_list("account_id", "arr_amount", "ends_on"):
        if amount is not None:
            amounts[pk] = amounts.get(pk, 0) + amount
        if ends_on is not None and ends_on >= run.as_of:
            renewals[pk] = min(ends_on, renewals.get(pk, ends_on))
    changes, changed = Changes(), []
    for account in accounts:
        after: dict[str, Any] = {}
        if account.arr_amount is None and account.pk in amounts:
            after["arr_amount"] = amounts[account.pk]
        if account.renewal_on is None and account.pk in renewals:
            after["renewal_on"] = renewals[account.pk]
        if after:
            changes.add(Account, account.pk, dict.fromkeys(after), after)
            for name, value in after.items():
                setattr(account, name, value)
            changed.append(account)
    upsert(Account, changed, ["arr_amount", "renewal_on"])
    changes.write(run)
