"""The accounts a report starts from: everybody's today, or as a night found them."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Case, CharField, F, FilteredRelation, Q, Value, When

from accounts.models import Account
from accounts.selectors import customers
from csm.lib.money import per_unit
from csm.portfolio.insights_selectors import Accounts
from scoring.engine.revenue import AMOUNT_CUTS
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE
from scoring.models import ScoreRun
from scoring.selectors import specs_of, with_health

_REMEMBERED_SECONDS = 3_600


def book_of_everyone(run: ScoreRun) -> Accounts:
    """The book without a person: all customers with their current health. For commands only."""
    return with_health(customers(Account.objects.all(), run.as_of))


def book_of_night(
    run: ScoreRun, accounts: Accounts, versions: Sequence[int] | None = None
) -> Accounts:
    """Those of `accounts` the night `run` scored, with that night's health under the names of `book`.

    Read from the snapshots, so an earlier night stays what it was. `versions` narrows it to the accounts
    scored by these. Tiers follow the cut points stored with the run.
    """
    specs = specs_of(run)
    wanted = [version for version in run.plan if versions is None or version in versions]
    names, tones, tiers = [], [], []
    for version in wanted:
        mine = Q(version_id=version)
        for index, band in enumerate(specs[version].bands):
            names.append(When(mine & Q(band=index), then=Value(band.name)))
            tones.append(When(mine & Q(band=index), then=Value(str(band.tone))))
        tiers += _tier_cases(mine, cut_points(run, version, specs[version].revenue.tiers))
    night = FilteredRelation(
        "snapshots", condition=Q(snapshots__as_of=run.as_of) & Q(snapshots__run_id=run.pk)
    )
    found = accounts.annotate(night=night).filter(night__version_id__in=wanted)
    return found.annotate(
        version_id=F("night__version_id"),
        health_as_of=F("night__as_of"),
        score=F("night__score"),
        band=F("night__band"),
        predicted_6m_amount=F("night__predicted_6m_amount"),
    ).annotate(
        band_name=Case(*names, default=Value(UNKNOWN_NAME), output_field=CharField()),
        tone=Case(*tones, default=Value(UNKNOWN_TONE), output_field=CharField()),
        tier=Case(*tiers, default=Value(""), output_field=CharField()),
    )


@dataclass(frozen=True)
class Cuts:
    """Cut points of a tier scheme in minor units, from low to high; none before anything was predicted."""

    scheme: str
    points: tuple[float, ...] = ()


def cut_points(run: ScoreRun, version: int, scheme: str) -> Cuts:
    """The limits of the tiers of a night's version: (Q25, Q75), or the amounts that never move."""
    if scheme == "amount":
        return Cuts(scheme, tuple(amount * per_unit() for amount in AMOUNT_CUTS))
    return Cuts(scheme, _stored_cuts(run).get(str(version), ()))


def _stored_cuts(run: ScoreRun) -> dict[str, tuple[float, ...]]:
    """By version; where the report is not at hand they are remembered until the night is scored anew."""
    key = f"cuts:{run.pk}:{run.finished_at.timestamp() if run.finished_at else 0}"
    is_at_hand = "report" not in run.get_deferred_fields()
    found: dict[str, tuple[float, ...]] | None = None if is_at_hand else cache.get(key)
    if found is None:
        told = {version: part.get("cuts") for version, part in run.report.items()}
        found = {version: tuple(cuts) for version, cuts in told.items() if cuts}
        if not is_at_hand:
            cache.set(key, found, _REMEMBERED_SECONDS)
    return found


def _tier_cases(mine: Q, cuts: Cuts) -> list[When]:
    known = mine & Q(predicted_6m_amount__isnull=False)
    if cuts.scheme == "amount":
        low, middle, high = cuts.points
        return [
            When(known & Q(predicted_6m_amount__gt=high), then=Value("1")),
            When(known & Q(predicted_6m_amount__gte=middle), then=Value("2")),
            When(known & Q(predicted_6m_amount__gte=low), then=Value("3")),
            When(known, then=Value("4")),
        ]
    if not cuts.points:
        return []
    return [
        When(known & Q(predicted_6m_amount__gt=cuts.points[1]), then=Value("A")),
        When(known & Q(predicted_6m_amount__lt=cuts.points[0]), then=Value("C")),
        When(known, then=Value("B")),
    ]
