"""What a list adds up to: counted where that is cheap, told by the night's sums, or estimated and said so."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q, QuerySet, Sum, aggregates

from accounts.access import seen_by
from csm.lib import display
from csm.lib.money import in_own_currency
from csm.portfolio.filters import NOBODY, as_stored
from csm.portfolio.selectors import IN_CURRENCY
from scoring.models import DailyRollup, ScoreRun

# Lists of up to so many accounts are counted while the page is made.
COUNTED: Final = 5_000
# An estimate is off by a factor now and then: what may be below the bound is counted.
_SURELY_MORE: Final = 4 * COUNTED
# Filters the night's sums know.
_SUMMED: Final = frozenset({"band", "owner", "industry", "size"})
# More of the planner's units than this take longer than the rest of a page.
_DEAR: Final = 2_500.0
_REMEMBERED_SECONDS: Final = 3_600


class How(Enum):
    """Where a count comes from."""

    COUNTED = "counted"
    NIGHT = "night"
    ABOUT = "about"
    MORE = "more"


@dataclass(frozen=True)
class Count:
    """How many accounts: exact when counted; exact for `night` when told by its sums; else an estimate."""

    accounts: int
    how: How = How.COUNTED
    night: date | None = None

    @property
    def exact(self) -> bool:
        return self.how in (How.COUNTED, How.NIGHT)

    def __str__(self) -> str:
        """“1,234”, “about 41,000” or “more than 5,000”."""
        if self.how is How.ABOUT:
            return f"about {display.number(_rounded(self.accounts))}"
        if self.how is How.MORE:
            return f"more than {display.number(self.accounts)}"
        return display.number(self.accounts)


@dataclass(frozen=True)
class Totals:
    """What a list adds up to; `arr` in minor units of the book's currency over `known` accounts.

    `known` is None where nothing was added up: lists beyond `COUNTED` accounts, unless asked for.
    """

    count: Count
    arr: int | None = None
    known: int | None = None

    @property
    def accounts(self) -> int:
        return self.count.accounts


def _rounded(n: int) -> int:
    """Two digits that count: what an estimate is good for."""
    unit = 10 ** max(len(str(n)) - 2, 0)
    return round(n / unit) * unit


def by_band(
    user: Any, scope: str, run: ScoreRun | None, values: dict[str, Any]
) -> dict[int, int] | None:
    """Accounts by band index as the night of `run` summed them, within the filters `values`.

    None when a filter is on that the sums do not know, or without a night. An account that changed hands
    since counts for whoever had it that night. One query, remembered until the next night.
    """
    if run is None or run.scorecard_id is not None or not set(values) <= _SUMMED:
        return None
    sees = (user.pk, user.role, user.is_superuser, sorted(user.team_ids))
    key = f"totals:{run.pk}:{run.finished_at}:{hash_of([*sees, scope, values])}".replace(" ", "_")
    found: dict[int, int] | None = cache.get(key)
    if found is None:
        rows = DailyRollup.objects.filter(seen_by(user, scope), _narrowed(values), run=run)
        bands = rows.filter(as_of=run.as_of).order_by().values_list("band")
        found = dict(bands.annotate(n=Sum("accounts")))
        cache.set(key, found, _REMEMBERED_SECONDS)
    return found


def hash_of(parts: Any) -> str:
    """A short name of what a count depends on, for keys of the cache."""
    return blake2b(json.dumps(parts, default=str).encode(), digest_size=12).hexdigest()


def _narrowed(values: dict[str, Any]) -> Q:
    found = Q()
    if "band" in values:
        found &= Q(band_name__in=values["band"])
    if "industry" in values:
        found &= Q(industry__in=as_stored(values["industry"]))
    if "size" in values:
        found &= Q(size_segment__in=as_stored(values["size"]))
    if owners := values.get("owner"):
        named = Q(owner__in=[int(each) for each in owners if each != NOBODY])
        found &= named | Q(owner=None) if NOBODY in owners else named
    return found


@dataclass(frozen=True)
class Expected:
    """What the database's planner expects of a list: its rows, and the effort of finding all of them.

    Effort is in the planner's units; with `random_page_cost` 1.1 some 300 take a millisecond.
    """

    rows: int
    effort: float

    @property
    def is_counted(self) -> bool:
        """Whether it is counted while the page is made."""
        share = min(1.0, (COUNTED + 1) / max(self.rows, 1))
        return self.rows <= _SURELY_MORE and self.effort * share <= _DEAR


def estimated(accounts: QuerySet[Any]) -> Expected | None:
    """What the planner expects, None where it does not say (SQLite)."""
    if connection.vendor != "postgresql":
        return None
    try:
        sql, params = accounts.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return Expected(0, 0.0)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
        plan = cursor.fetchone()[0]
    if isinstance(plan, str):
        plan = json.loads(plan)
    return Expected(plan[0]["Plan"]["Plan Rows"], plan[0]["Plan"]["Total Cost"])


def counted(lists: Sequence[QuerySet[Any]], most: int | None = COUNTED) -> list[Totals]:
    """Count and sum lists of accounts in one statement; those with more than `most` are `How.MORE`."""
    parts: list[str] = []
    values: list[Any] = []
    found = [Totals(Count(0), None, 0) for _ in lists]
    for place, accounts in enumerate(lists):
        narrow = accounts.order_by().values("arr_amount", "currency")
        try:
            sql, params = (narrow if most is None else narrow[: most + 1]).query.sql_with_params()
        except EmptyResultSet:
            continue
        ours = in_own_currency("arr_amount")
        parts.append(
            f"SELECT {place:d}, COUNT(*), SUM({ours}), COUNT({ours}) FROM ({sql}) AS rows_{place}"
        )
        values += params
    if not parts:
        return found
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), values)
        rows = cursor.fetchall()
    for place, n, arr, known in rows:
        if most is not None and n > most:
            found[place] = Totals(Count(most, How.MORE))
        else:
            found[place] = Totals(Count(n), None if arr is None else int(arr), known)
    return found


def counted_apart(accounts: QuerySet[Any], conditions: Sequence[Q]) -> list[Totals]:
    """Count and sum the accounts that meet each of `conditions`, all in one walk over `accounts`."""
    sums: dict[str, Any] = {}
    for place, condition in enumerate(conditions):
        sums[f"n{place}"] = aggregates.Count("pk", filter=condition)
        sums[f"arr{place}"] = Sum("arr_amount", filter=condition & IN_CURRENCY)
        sums[f"known{place}"] = aggregates.Count("arr_amount", filter=condition & IN_CURRENCY)
    found = accounts.order_by().aggregate(**sums)
    return [
        Totals(
            Count(found[f"n{place}"]),
            None if found[f"arr{place}"] is None else int(found[f"arr{place}"]),
            found[f"known{place}"],
        )
        for place in range(len(conditions))
    ]


def told_by_night(numbers: Sequence[int], run: ScoreRun) -> list[Totals]:
    """What the sums of the night of `run` say of lists too large to be counted."""
    return [Totals(Count(n, How.NIGHT, run.as_of)) for n in numbers]


def totals_of(lists: Sequence[QuerySet[Any]], expected: Expected | None) -> list[Totals]:
    """What lists of one page add up to; the first is the one shown, and `expected` what is of that.

    One statement, which counts what may be few.
    """
    found: list[Totals] = []
    if expected is not None and not expected.is_counted:
        found = [Totals(Count(expected.rows, How.ABOUT))]
    found += counted(lists[len(found) :])
    if found[0].count.how is How.MORE and expected is not None and expected.rows > COUNTED:
        found[0] = replace(found[0], count=Count(expected.rows, How.ABOUT))
    return found
