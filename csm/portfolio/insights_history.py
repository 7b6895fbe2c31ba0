"""How the bands of a book were shared out, night by night, from the daily roll-up."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from django.db.models import Q, QuerySet, Sum

from accounts.access import seen_by
from csm.portfolio.insights_selectors import UNKNOWN_AS_BAND, Band
from csm.portfolio.selectors import HISTORY_DAYS, past_nights, past_totals
from scoring.models import DailyRollup, ScoreRun


@dataclass(frozen=True)
class Night:
    """Accounts per band on one night, among the accounts it scored."""

    as_of: date
    bands: dict[Band, int]
    versions: set[int]

    @property
    def accounts(self) -> int:
        return sum(self.bands.values())


def history(
    user: Any,
    scope: str,
    run: ScoreRun,
    *,
    industries: Collection[str] = (),
    sizes: Collection[str] = (),
    owners: Collection[int | None] = (),
    days: int = HISTORY_DAYS,
) -> list[Night]:
    """The nights of `selectors.past_nights`, narrowed. Empty collections mean any."""
    rows: QuerySet[Any]
    if industries or sizes:
        rows = narrowed(past_nights(user, scope, run, days), industries, sizes, owners)
    else:
        rows = past_totals(seen_by(user, scope) & owned(owners), run.as_of, run.scorecard_id, days)
    nights: dict[date, Night] = {}
    sums = rows.order_by("as_of").values_list("as_of", "band", "band_name", "tone", "version")
    for as_of, place, name, tone, version, accounts in sums.annotate(n=Sum("accounts")):
        # Two scorecards may both have "Unknown"; it is one band.
        band = Band(place, name, tone) if place >= 0 else UNKNOWN_AS_BAND
        night = nights.setdefault(as_of, Night(as_of, {}, set()))
        night.bands[band] = night.bands.get(band, 0) + accounts
        night.versions.add(version)
    return list(nights.values())


def narrowed(
    rows: QuerySet[DailyRollup],
    industries: Collection[str] = (),
    sizes: Collection[str] = (),
    owners: Collection[int | None] = (),
) -> QuerySet[DailyRollup]:
    """The sums of some industries, sizes and owners. Empty collections mean any, the owner None nobody."""
    if industries:
        rows = rows.filter(industry__in=industries)
    if sizes:
        rows = rows.filter(size_segment__in=sizes)
    return rows.filter(owned(owners))


def owned(owners: Collection[int | None]) -> Q:
    """Some owners, None nobody; empty means any."""
    if not owners:
        return Q()
    named = Q(owner__in=[owner for owner in owners if owner is not None])
    return named | Q(owner=None) if None in owners else named


def version_changes(nights: list[Night]) -> list[date]:
    """Nights from which on other versions scored: what changed then may not be the customers."""
    return [after.as_of for before, after in pairwise(nights) if before.versions != after.versions]
