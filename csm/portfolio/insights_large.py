"""Insights of a large book: what the night's sums know from them, the rest counted once and remembered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet, Sum
from django.http import QueryDict

from csm.portfolio import insights_selectors as select
from csm.portfolio.filters import AccountFilter
from csm.portfolio.insights_revenue import Contributor, Point, contributors, scatter, tiers
from csm.portfolio.insights_selectors import Slice, Tally
from csm.portfolio.large_books import OfBook
from csm.portfolio.selectors import book
from scoring.models import DailyRollup, NightTotal


@dataclass(frozen=True)
class Counted:
    """Everything the page shows of its accounts but the history and what they have in common."""

    segments: list[Slice]
    people: list[Slice]
    spread: select.Distribution
    tiers: dict[str, Tally]
    contributors: list[Contributor]
    points: list[Point]


class OfInsights(OfBook):
    """The figures of the page. `more` is its filters as a query string."""

    def count(self) -> Counted:
        start = book(self.user, self.scope, self.run)
        accounts = AccountFilter(QueryDict(self.more[0]), start, run=self.run).qs
        spread = select.distribution(accounts)
        return Counted(
            segments=select.slices(accounts, *select.SEGMENT),
            people=select.slices(accounts, *select.PEOPLE),
            spread=spread,
            tiers=tiers(accounts),
            contributors=contributors(accounts),
            points=scatter(accounts, spread.pairs),
        )


def slices_of(rows: QuerySet[DailyRollup] | QuerySet[NightTotal], *by: str) -> list[Slice]:
    """The sums or totals of a night per combination of the fields `by` and band; predictions they do not know.

    One query.
    """
    size = len(by)
    grouped = rows.order_by().values_list(*by, "band", "band_name", "tone")
    found = grouped.annotate(Sum("accounts"), Sum("score_sum"), Sum("arr_amount"), Sum("arr_known"))
    return [
        Slice(
            tuple(row[:size]),
            row[size],
            row[size + 1],
            row[size + 2],
            row[size + 3],
            row[size + 4],
            arr=int(row[size + 5]),
            arr_known=row[size + 6],
            predicted=0,
            predicted_known=0,
        )
        for row in found
    ]


def with_predictions(parts: Iterable[Slice], counted: Sequence[Slice]) -> list[Slice]:
    """`parts` with the predicted revenue of the same groups among `counted`."""
    known: dict[Any, tuple[int, int]] = {}
    for each in counted:
        key = (*each.by, *each.in_band)
        so_far = known.get(key, (0, 0))
        known[key] = (so_far[0] + each.predicted, so_far[1] + each.predicted_known)
    done: list[Slice] = []
    for part in parts:
        amount, accounts = known.pop((*part.by, *part.in_band), (0, 0))
        done.append(replace(part, predicted=amount, predicted_known=accounts))
    return done
