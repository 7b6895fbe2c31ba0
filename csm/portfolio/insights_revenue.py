"""Predicted revenue of a book: tiers, top contributors, health against revenue."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import F

from csm.portfolio.insights_selectors import Accounts, Slice, Tally, slices, tallies
from csm.portfolio.selectors import IN_CURRENCY, sorted_by
from scoring.engine.revenue import AMOUNT_TIERS, QUANTILE_TIERS

LISTED = 20
TIER_ORDER = {tier: place for place, tier in enumerate((*QUANTILE_TIERS, *AMOUNT_TIERS))}


def tiers(accounts: Accounts) -> dict[str, Tally]:
    """`tiers_of` some accounts. One query."""
    return tiers_of(slices(accounts, "tier"))


def tiers_of(parts: Iterable[Slice]) -> dict[str, Tally]:
    """Accounts, predicted revenue and health per tier in the tiers' order; "" is unknown."""
    found = tallies(parts, lambda by: by[0] or "")
    return dict(sorted(found.items(), key=lambda item: TIER_ORDER.get(item[0], len(TIER_ORDER))))


class Contributor(NamedTuple):
    pk: int
    name: str
    external_id: str
    industry: str
    size: str
    band_name: str
    tone: str
    score: float | None
    version: int | None
    predicted: int
    tier: str


def contributors(
    accounts: Accounts, limit: int = LISTED, *, few: bool = False
) -> list[Contributor]:
    """The accounts with the largest predicted revenue; `few` as in `sorted_by`. One query."""
    rows = (
        accounts.filter(IN_CURRENCY, predicted_6m_amount__isnull=False)
        .order_by(sorted_by("predicted_6m_amount", few=few).desc(), "pk")
        .values_list(
            "pk",
            "name",
            "external_id",
            "industry",
            "size_segment",
            "band_name",
            "tone",
            "score",
            "version_id",
            "predicted_6m_amount",
            "tier",
        )
    )
    return [Contributor(*row) for row in rows[:limit]]


class Point(NamedTuple):
    pk: int
    name: str
    score: float
    predicted: int
    tone: str


def scatter(accounts: Accounts, pairs: int, limit: int = 1_000) -> list[Point]:
    """At most `limit` of the `pairs` accounts with score and prediction, the same ones every time.

    Account ids spread by a multiplier, so that neighbours of one import are not all taken. One query.
    """
    known = accounts.filter(IN_CURRENCY, band__gte=0, predicted_6m_amount__isnull=False).order_by(
        "pk"
    )
    if pairs > limit:
        keep = max(1, int(10_000 * limit / pairs))
        known = known.annotate(place=(F("pk") % 1_000_003) * 7_919 % 10_000).filter(place__lt=keep)
    rows = known.values_list("pk", "name", "score", "predicted_6m_amount", "tone")[:limit]
    return [Point(*row) for row in rows]
