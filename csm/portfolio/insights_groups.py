"""Everything the insights page groups accounts by, in one query."""

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Min, TextField, Value
from django.db.models.functions import Cast

from csm.portfolio.insights_selectors import (
    BAND_OR_UNKNOWN,
    PEOPLE,
    SEGMENT,
    SUMS,
    Accounts,
    Slice,
    slice_of,
)


@dataclass(frozen=True)
class Grouped:
    """The accounts in slices by `SEGMENT`, by `PEOPLE` and by tier; `span` is from the first id to the last."""

    segments: list[Slice]
    people: list[Slice]
    tiers: list[Slice]
    span: int


def grouped(accounts: Accounts) -> Grouped:
    """`slices` by everything the page groups by. One query."""
    groupings = (SEGMENT, PEOPLE, ("tier", None))
    rows = accounts.order_by()
    parts = [
        rows.values(
            grouping=Value(place),
            **{
                f"by{number}": Cast(F(name), TextField()) if name else Value("", TextField())
                for number, name in enumerate(by)
            },
            judged_band=BAND_OR_UNKNOWN,
            word=F("band_name"),
            colour=F("tone"),
        )
        .annotate(**SUMS, first=Min("pk"), last=Max("pk"))
        .values_list(
            "grouping", "by0", "by1", "judged_band", "word", "colour", *SUMS, "first", "last"
        )
        for place, by in enumerate(groupings)
    ]
    found: list[list[Slice]] = [[], [], []]
    ends: list[int] = []
    for place, first_by, second_by, *row, first, last in parts[0].union(*parts[1:], all=True):
        by: tuple[Any, ...] = (first_by, second_by)
        if groupings[place] == PEOPLE:
            by = (None if first_by is None else int(first_by), second_by)
        elif groupings[place] != SEGMENT:
            by = (first_by,)
        found[place].append(slice_of(by, tuple(row)))
        ends += (first, last)
    segments, people, tiers = found
    return Grouped(segments, people, tiers, max(ends) - min(ends) if ends else 0)
