"""Who looks after an account, by date."""

from collections.abc import Mapping
from datetime import date

from accounts.models import ImportRun, OwnerPeriod
from accounts.services.changed import Record, forget


def note_owners(
    owners: Mapping[int, tuple[int | None, date]],
    *,
    import_run: ImportRun | None = None,
    record: Record = forget,
) -> None:
    """Keep that accounts (by primary key) have an owner, or nobody, from a day on.

    A period that began before ends that day; one that begins later stays, so that an old file never
    rewrites what came after it. Call it in the transaction that changes `Account.owner`. Three statements.
    """
    periods: dict[int, list[OwnerPeriod]] = {}
    found = OwnerPeriod.objects.select_for_update(of=("self",)).filter(account__in=owners)
    for period in found.order_by("account_id", "valid_from"):
        periods.setdefault(period.account_id, []).append(period)
    new: list[OwnerPeriod] = []
    changed: list[OwnerPeriod] = []
    for account_id, (owner_id, on) in owners.items():
        mine = periods.get(account_id, [])
        held = next((p for p in reversed(mine) if p.valid_from <= on), None)
        if held is not None and held.valid_to is not None and held.valid_to <= on:
            held = None
        if (held.owner_id if held else None) == owner_id:
            continue
        later = min((p.valid_from for p in mine if p.valid_from > on), default=None)
        same_day = next((p for p in mine if p.valid_from == on), None)
        if same_day is not None and owner_id is not None:
            record(
                OwnerPeriod, same_day.pk, {"owner_id": same_day.owner_id}, {"owner_id": owner_id}
            )
            same_day.owner_id = owner_id
            changed.append(same_day)
            continue
        if held is not None and held.valid_from < on:
            before = held.valid_to.isoformat() if held.valid_to else None
            record(OwnerPeriod, held.pk, {"valid_to": before}, {"valid_to": on.isoformat()})
            held.valid_to = on
            changed.append(held)
        if owner_id is not None:
            new.append(
                OwnerPeriod(
                    account_id=account_id,
                    owner_id=owner_id,
                    valid_from=on,
                    valid_to=later,
                    import_run=import_run,
                )
            )
    if changed:
        OwnerPeriod.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["owner", "valid_to"],
        )
    OwnerPeriod.objects.bulk_create(new)
