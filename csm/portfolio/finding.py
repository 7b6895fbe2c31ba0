"""Accounts by a few letters of their name or id, among a million as among a hundred."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.utils import ProgrammingError

from accounts.access import visible_to
from accounts.models import Account
from csm.portfolio.filters import named_like

MOST: Final = 8
# So many matches of a kind are looked at, and the first of them by name are shown.
_LOOKED_AT: Final = 500
# Shorter texts are not like anything.
_LIKENED: Final = 4
_LIKE_ENOUGH: Final = 0.4
_FIELDS: Final = ("pk", "name", "external_id", "industry", "health__band_name", "health__tone")

Found = tuple[Any, ...]


def matches(user: Any, text: str) -> list[Found]:
    """Up to `MOST` accounts `user` may see: exact id, then names that begin with `text`, then any others.

    Each kind by name. A kind with more than 500 matches shows the first of 500 that the database came upon.
    """
    found: list[Found] = []
    kinds = (Q(external_id__iexact=text), Q(name__istartswith=text), named_like(text))
    with _by_index():
        for kind in kinds:
            known = [row[0] for row in found]
            found += _first(visible_to(user).filter(kind).exclude(pk__in=known), MOST - len(found))
            if len(found) >= MOST:
                break
    return found


def similar(user: Any, text: str) -> list[Found]:
    """Up to three accounts whose name is like `text`, the most alike first: what may have been meant."""
    if len(text) < _LIKENED:
        return []
    if connection.vendor == "postgresql":
        try:
            with _by_index():
                return _alike_by_trigram(user, text)
        except ProgrammingError:
            return []  # without the extension nothing is alike
    return _alike_by_letters(user, text)


def _first(accounts: QuerySet[Account], wanted: int) -> list[Found]:
    some = accounts.order_by().values("pk")[:_LOOKED_AT]
    rows = Account.objects.filter(pk__in=some).order_by("name", "pk")
    return list(rows.values_list(*_FIELDS)[:wanted])


@contextmanager
def _by_index() -> Iterator[None]:
    """Without reading the whole table: the planner expects a few of many matches to turn up soon, and

    they may stand at its end.
    """
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('enable_seqscan', 'off', true), "
                "set_config('pg_trgm.similarity_threshold', %s, true)",
                [str(_LIKE_ENOUGH)],
            )
        yield
        with connection.cursor() as cursor:
            # Tests, and whoever has a transaction open, get their own back.
            cursor.execute("SELECT set_config('enable_seqscan', 'on', true)")


def _alike_by_trigram(user: Any, text: str) -> list[Found]:
    alike = visible_to(user).extra(  # the operator that the index knows has no look-up of its own
        where=["UPPER(accounts_account.name::text) %% UPPER(%s)"], params=[text]
    )
    some = Account.objects.filter(pk__in=alike.order_by().values("pk")[:_LOOKED_AT])
    return _most_alike(list(some.values_list(*_FIELDS)), text)


def _alike_by_letters(user: Any, text: str) -> list[Found]:
    """Names that share the first three letters of one of the words, or the last three."""
    parts = {part for word in text.split()[:4] if len(word) > 2 for part in (word[:3], word[-3:])}
    if not parts:
        return []
    sharing = Q()
    for part in parts:
        sharing |= Q(name__icontains=part)
    some = visible_to(user).filter(sharing).order_by("pk").values_list(*_FIELDS)[:_LOOKED_AT]
    return _most_alike(list(some), text)


def _most_alike(rows: list[Found], text: str) -> list[Found]:
    matcher = SequenceMatcher(b=text.casefold())

    def likeness(row: Found) -> float:
        """Of the name, or of as many of its words as were typed."""
        name = row[1].casefold()
        start = " ".join(name.split()[: len(text.split())])
        found = []
        for each in {name, start}:
            matcher.set_seq1(each)
            found.append(matcher.ratio())
        return max(found)

    ranked = sorted(((likeness(row), row) for row in rows), key=lambda pair: (-pair[0], pair[1][1]))
    return [row for how, row in ranked if how >= 0.6][:3]
