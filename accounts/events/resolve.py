"""Which account an id of a sender's system is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from accounts.models import Account, AccountAlias

_AT_ONCE = 500

Named = tuple[str, str]
T = TypeVar("T")


def accounts_of(named: Iterable[Named]) -> dict[Named, int]:
    """Primary keys by (system, id); what is not found is left out. A fixed number of queries per system.

    An id is that of an account of the system, else an alias there, else that of the only account of any
    system that has it. Accounts that were merged lead to the one they were merged into.
    """
    by_system: dict[str, set[str]] = defaultdict(set)
    for system, told in named:
        by_system[system].add(told)
    found: dict[Named, int] = {}
    for system, ids in sorted(by_system.items()):
        for chunk in _chunks(sorted(ids)):
            found |= {(system, told): pk for told, pk in _of_system(system, chunk).items()}
    final = _final(set(found.values()))
    return {name: final[pk] for name, pk in found.items()}


def _of_system(system: str, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = dict(
        Account.objects.filter(source=system, external_id__in=ids).values_list("external_id", "pk")
    )
    rest = [told for told in ids if told not in found]
    if rest:
        found |= dict(
            AccountAlias.objects.filter(source=system, external_id__in=rest).values_list(
                "external_id", "account_id"
            )
        )
    rest = [told for told in rest if told not in found]
    if rest:
        anywhere: dict[str, set[int]] = defaultdict(set)
        rows = Account.objects.filter(external_id__in=rest).values_list("external_id", "pk")
        for told, pk in rows:
            anywhere[told].add(pk)
        found |= {told: pks.pop() for told, pks in anywhere.items() if len(pks) == 1}
    return found


def _final(pks: set[int]) -> dict[int, int]:
    """Where each leads when merges are followed. A chain is as long as merges of merges go."""
    final = {pk: pk for pk in pks}
    ahead = set(pks)
    for _ in range(10):
        merged: dict[int, int] = {}
        for chunk in _chunks(sorted(ahead)):
            rows = Account.objects.filter(pk__in=chunk, merged_into__isnull=False)
            merged |= {pk: into or pk for pk, into in rows.values_list("pk", "merged_into_id")}
        if not merged:
            break
        final = {pk: merged.get(end, end) for pk, end in final.items()}
        ahead = set(merged.values())
    return final


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
