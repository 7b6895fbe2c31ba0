"""Which rows of ours the ids of a file mean. Constant queries whatever the number of ids."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Model, QuerySet

from accounts.models import Account, AccountAlias

# Groups are not merged in chains longer than anybody would make by hand.
_MERGES = 10


@dataclass(frozen=True, slots=True)
class Known:
    """An account a file may speak of; `since` is the day it became a customer."""

    pk: int
    since: date | None


@dataclass(frozen=True, slots=True)
class Locked:
    """Accounts by the ids that mean them, locked; `led` are the ids that are not the account's own."""

    accounts: dict[str, Account]
    led: frozenset[str]


def locked(ids: Collection[str], *, source: str) -> Locked:
    """The accounts that `ids` of `source` mean, for writing; ids that mean none are left out.

    An id is an account's own in `source` or an alias there; merged accounts lead to the one that was kept.
    Unlike `accounts_by_id`, another system's account of the same id is not meant: it may be a new one.
    """
    for_update = Account.objects.select_for_update(of=("self",))
    accounts = {
        account.external_id: account
        for account in for_update.filter(source=source, external_id__in=ids)
    }
    leads = {
        text: account.pk for text, account in accounts.items() if account.merged_into_id is not None
    }
    if rest := set(ids) - accounts.keys():
        leads |= _aliases(rest, source)
    by_pk = {account.pk: account for account in accounts.values()}
    ends: dict[int, Known] = {}
    for _ in range(_MERGES if leads else 0):
        ends = _followed(set(leads.values()))
        by_pk |= for_update.in_bulk({known.pk for known in ends.values()} - by_pk.keys())
        if all(by_pk[end.pk].merged_into_id is None for end in ends.values() if end.pk in by_pk):
            break
        # Merged while we waited for the lock.
    led = {text: by_pk[ends[pk].pk] for text, pk in leads.items() if pk in ends}
    return Locked(accounts | led, frozenset(led))


def _aliases(ids: Collection[str], source: str) -> dict[str, int]:
    rows = AccountAlias.objects.filter(source=source, external_id__in=ids)
    return dict(rows.values_list("external_id", "account_id"))


def accounts_by_id(
    ids: Collection[str], *, source: str, allowed: "QuerySet[Account] | None" = None
) -> dict[str, Known]:
    """Accounts by the id `source` calls them; ids that mean none are left out.

    An id is an account's own in `source`, else an alias there, else the id of the only account that has it
    in any source. Merged accounts lead to the one that was kept. With `allowed`, others are as unknown.
    """
    wanted = {external_id for external_id in ids if external_id}
    found: dict[str, int] = dict(
        Account.objects.filter(source=source, external_id__in=wanted).values_list(
            "external_id", "pk"
        )
    )
    if rest := wanted - found.keys():
        found |= _aliases(rest, source)
    if rest := wanted - found.keys():
        found |= _only_ones(rest)
    accounts = _followed(set(found.values()))
    if allowed is not None:
        kept = {known.pk for known in accounts.values()}
        may = set(allowed.filter(pk__in=kept).values_list("pk", flat=True))
        accounts = {pk: known for pk, known in accounts.items() if known.pk in may}
    return {text: accounts[pk] for text, pk in found.items() if pk in accounts}


def _only_ones(ids: set[str]) -> dict[str, int]:
    several: set[str] = set()
    found: dict[str, int] = {}
    rows = Account.objects.filter(external_id__in=ids).values_list("external_id", "pk")
    for external_id, pk in rows:
        if found.setdefault(external_id, pk) != pk:
            several.add(external_id)
    return {text: pk for text, pk in found.items() if text not in several}


def _followed(pks: set[int]) -> dict[int, Known]:
    """By primary key the account it leads to, itself unless it was merged."""
    leads = {pk: pk for pk in pks}
    known: dict[int, Known] = {}
    ask = pks
    for _ in range(_MERGES):
        if not ask:
            break
        following = set()
        rows = Account.objects.filter(pk__in=ask).values_list(
            "pk", "merged_into_id", "customer_since"
        )
        merged = {}
        for pk, into, since in rows:
            if into is None:
                known[pk] = Known(pk, since)
            else:
                merged[pk] = into
                following.add(into)
        leads = {pk: merged.get(end, end) for pk, end in leads.items()}
        ask = following
    return {pk: known[end] for pk, end in leads.items() if end in known}


def rows_by_id(
    model: type[Model], ids: Iterable[str], *, source: str
) -> dict[str, tuple[int, int]]:
    """Primary key and account of rows of `model` by their id in `source`."""
    wanted = {external_id for external_id in ids if external_id}
    if not wanted:
        return {}
    rows = model._default_manager.filter(source=source, external_id__in=wanted).values_list(
        "external_id", "pk", "account_id"
    )
    return {external_id: (pk, account_id) for external_id, pk, account_id in rows}
