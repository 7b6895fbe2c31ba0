"""Who looks after an account, by date."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final

from django.utils import timezone

from accounts.models import Account, ImportRun, OwnerPeriod
from accounts.services.changed import Record, forget

_FIELDS: Final = ("account_id", "owner_id", "valid_from", "valid_to", "import_run_id")


def note_owners(
    owners: Mapping[int, tuple[int | None, date]],
    *,
    previous: Mapping[int, int | None],
    import_run: ImportRun | None = None,
    record: Record = forget,
) -> None:
    """Keep that accounts (by primary key) have an owner, or nobody, from a day on.

    A period that began before ends that day, one that began that day is replaced, one that begins later
    stays, so that an old file never rewrites what came after it. `previous` are the owners until now: an
    account without any period gets one of that owner first, from the day it became a customer, else was
    added here. Call it in the transaction that changes `Account.owner`. Constant statements.
    """
    periods: dict[int, list[OwnerPeriod]] = {}
    found = OwnerPeriod.objects.select_for_update(of=("self",)).filter(account__in=owners)
    for period in found.order_by("account_id", "valid_from"):
        periods.setdefault(period.account_id, []).append(period)
    bare = [pk for pk in owners if pk not in periods and previous.get(pk) is not None]
    since = _since(bare)
    new: list[OwnerPeriod] = []
    changed: list[OwnerPeriod] = []
    gone: list[OwnerPeriod] = []
    for account_id, (owner_id, on) in owners.items():
        mine = periods.get(account_id, [])
        start, before = since.get(account_id), previous.get(account_id)
        if before is not None and before != owner_id and start is not None and start < on:
            new.append(_period(account_id, before, start, on, import_run))
        held = next((p for p in reversed(mine) if p.valid_from <= on), None)
        if held is not None and held.valid_to is not None and held.valid_to <= on:
            held = None
        if (held.owner_id if held else None) == owner_id:
            continue
        later = min((p.valid_from for p in mine if p.valid_from > on), default=None)
        if held is not None and held.valid_from == on:
            if owner_id is None:
                record(OwnerPeriod, held.pk, {n: getattr(held, n) for n in _FIELDS}, None)
                gone.append(held)
            else:
                told = {"owner_id": held.owner_id}, {"owner_id": owner_id}
                record(OwnerPeriod, held.pk, *told)
                held.owner_id = owner_id
                changed.append(held)
            continue
        if held is not None:
            # Nobody may come next: that stays as well.
            later = held.valid_to
            record(OwnerPeriod, held.pk, {"valid_to": held.valid_to}, {"valid_to": on})
            held.valid_to = on
            changed.append(held)
        if owner_id is not None:
            new.append(_period(account_id, owner_id, on, later, import_run))
    if gone:
        OwnerPeriod.objects.filter(pk__in=[period.pk for period in gone]).delete()
    if changed:
        OwnerPeriod.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["owner", "valid_to"],
        )
    OwnerPeriod.objects.bulk_create(new)


def _since(accounts: Collection[int]) -> dict[int, date]:
    """From which day on `accounts` are known to have had an owner at all."""
    if not accounts:
        return {}
    rows = Account.objects.filter(pk__in=accounts).values_list("pk", "customer_since", "created_at")
    return {pk: since or timezone.localdate(made) for pk, since, made in rows}


def _period(
    account: int, owner: int, start: date, end: date | None, run: ImportRun | None
) -> OwnerPeriod:
    return OwnerPeriod(
        account_id=account, owner_id=owner, valid_from=start, valid_to=end, import_run=run
    )
