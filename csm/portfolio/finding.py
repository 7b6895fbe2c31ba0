"""Accounts by a few letters of their name or id, among a million as among a hundred."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from functools import cache
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.access import visible_to
from accounts.models import Account
from csm.portfolio.filters import named_like

MOST: Final = 8
# So many matches of a kind are looked at, and the first of them by name are shown.
_LOOKED_AT: Final = 500
# Shorter texts are not like anything.
_LIKENED: Final = 4
_LIKE_ENOUGH: Final = 0.5
# Of short texts half is a common beginning: a tenth of a million names would be looked at.
_SHORT: Final = 8
_SHORT_LIKE_ENOUGH: Final = 0.6
_FIELDS: Final = ("pk", "name", "external_id", "industry", "health__band_name", "health__tone")

Found = tuple[Any, ...]


def find(user: Any, text: str) -> tuple[list[Found], list[Found]]:
    """Up to `MOST` accounts `user` may see that match, else up to three whose name is like `text`.

    Those of exactly that id come first, then names that begin with it, then any others; each kind by name. A
    kind with more than 500 matches shows the first of 500 that the database came upon.
    """
    with _by_index(text):
        found = _first(visible_to(user).filter(_begins(text)), text, MOST)
        if len(found) < MOST:
            others = visible_to(user).filter(named_like(text))
            others = others.exclude(pk__in=[row[0] for row in found])
            if not found and _knows_trigrams(text):
                return _matching_or_alike(others, user, text)
            found += _first(others, text, MOST - len(found))
        return found, [] if found else _similar(user, text)


def _begins(text: str) -> Q:
    return Q(external_id__iexact=text) | Q(name__istartswith=text)


def _first(accounts: QuerySet[Account], text: str, wanted: int) -> list[Found]:
    # Sorted here: for the first few by name the planner would walk all names until some match.
    some = accounts.order_by().values_list(*_FIELDS)[:_LOOKED_AT]
    return _ranked(some, text)[:wanted]


def _ranked(rows: Iterable[Found], text: str) -> list[Found]:
    asked = text.casefold()

    def place(row: Found) -> tuple[bool, str, int]:
        return row[2].casefold() != asked, row[1].casefold(), row[0]

    return sorted(rows, key=place)


def _similar(user: Any, text: str) -> list[Found]:
    """What may have been meant, the most alike first; without trigrams only where a scan is bearable."""
    if len(text) < _LIKENED or connection.vendor == "postgresql":
        return []
    return _alike_by_letters(user, text)


def _knows_trigrams(text: str) -> bool:
    return len(text) >= _LIKENED and connection.vendor == "postgresql" and _has_trigrams()


# Whoever installs it later starts the web server again.
@cache
def _has_trigrams() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')")
        return bool(cursor.fetchone()[0])


@contextmanager
def _by_index(text: str) -> Iterator[None]:
    """Without reading the table: of many matches the planner expects a few soon, and all may be at its end."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('enable_seqscan', 'off', true), "
                "set_config('pg_trgm.similarity_threshold', %s, true)",
                [str(_SHORT_LIKE_ENOUGH if len(text) < _SHORT else _LIKE_ENOUGH)],
            )
        yield


def _matching_or_alike(
    others: QuerySet[Account], user: Any, text: str
) -> tuple[list[Found], list[Found]]:
    """As `find` returns them: `others`, or if there are none what is like `text`. One statement."""
    alike = visible_to(user).extra(  # the operator that the index knows has no look-up of its own
        where=["UPPER(accounts_account.name::text) %% UPPER(%s)"], params=[text]
    )
    try:
        (matching, one), (like, two) = (
            each.order_by().values_list(*_FIELDS)[:_LOOKED_AT].query.sql_with_params()
            for each in (others, alike)
        )
    except EmptyResultSet:
        return [], []
    with connection.cursor() as cursor:
        # Computed once, and the second part only if the first found nothing.
        cursor.execute(
            f"WITH matching AS MATERIALIZED ({matching}) SELECT TRUE, * FROM matching UNION ALL "
            f"SELECT FALSE, alike.* FROM ({like}) alike WHERE NOT EXISTS (SELECT FROM matching)",
            [*one, *two],
        )
        rows = cursor.fetchall()
    if rows and rows[0][0]:
        return _ranked((row[1:] for row in rows), text)[:MOST], []
    return [], _most_alike([row[1:] for row in rows], text)


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
