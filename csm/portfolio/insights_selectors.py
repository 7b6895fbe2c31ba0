"""What a book of accounts says as a whole: one function per figure, sums made by the database.

Every function takes the accounts of `book`, `book_of_everyone` or `book_of_night`, asks the database a fixed
number of times and never loads the accounts themselves. The page, its CSV files and `export_report` all come
through here, so a figure is the same wherever it is shown. Amounts are integer minor units; None is unknown.

The rate of a group is high-risk accounts / accounts with a band: an Unknown one counts in neither.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    FilteredRelation,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    SmallIntegerField,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Floor, Least

from accounts.models import Account, LifecycleStage
from accounts.selectors import customers
from scoring.engine.revenue import AMOUNT_TIERS, QUANTILE_TIERS
from scoring.engine.spec import UNKNOWN_NAME, UNKNOWN_TONE
from scoring.models import ScoreRun
from scoring.models.snapshot import UNKNOWN_BAND
from scoring.selectors import specs_of, with_health

# From small to large; a size nobody entered is the last column.
SIZES = ("Small Business", "Mid-Market", "Large", "Enterprise")
UNKNOWN = "Unknown"
BIN = 5
SMALL_N = 5

Accounts = QuerySet[Account]


class Band(NamedTuple):
    """A band as accounts carry it: index from low to high (−1 Unknown), its word, its tone."""

    index: int
    name: str
    tone: str


UNKNOWN_AS_BAND = Band(UNKNOWN_BAND, UNKNOWN_NAME, UNKNOWN_TONE)


@dataclass
class Tally:
    """Sums over a group of accounts; `judged` are those with a band other than Unknown."""

    accounts: int = 0
    judged: int = 0
    high_risk: int = 0
    scored: int = 0
    score_sum: float = 0.0
    arr: int = 0
    arr_known: int = 0
    predicted: int = 0
    predicted_known: int = 0
    bands: dict[Band, int] = field(default_factory=dict)

    def add(self, part: "Slice") -> None:
        band = Band(part.band, part.band_name, part.tone)
        self.accounts += part.accounts
        self.judged += part.accounts if part.band != UNKNOWN_BAND else 0
        self.high_risk += part.accounts if part.band == 0 else 0
        self.scored += part.scored
        self.score_sum += part.score_sum
        self.arr += part.arr
        self.arr_known += part.arr_known
        self.predicted += part.predicted
        self.predicted_known += part.predicted_known
        self.bands[band] = self.bands.get(band, 0) + part.accounts

    @property
    def unknown(self) -> int:
        return self.accounts - self.judged

    @property
    def rate(self) -> float | None:
        """High-risk share of the judged, 0–1."""
        return self.high_risk / self.judged if self.judged else None

    @property
    def mean(self) -> float | None:
        """Mean score of the scored, 0–100."""
        return self.score_sum / self.scored if self.scored else None

    @property
    def predicted_sum(self) -> int | None:
        return self.predicted if self.predicted_known else None

    @property
    def arr_sum(self) -> int | None:
        return self.arr if self.arr_known else None


@dataclass(frozen=True)
class Slice:
    """One group of the database's answer: the values grouped by, the band, the sums."""

    by: tuple[Any, ...]
    band: int
    band_name: str
    tone: str
    accounts: int
    scored: int
    score_sum: float
    arr: int
    arr_known: int
    predicted: int
    predicted_known: int


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
    """Cut points of a tier scheme in minor units, and whether a tier ends at or above its cut."""

    scheme: str
    points: tuple[float, ...] = ()


def cut_points(run: ScoreRun, version: int, scheme: str) -> Cuts:
    """The limits of the tiers of a night's version: (Q25, Q75), or the amounts that never move."""
    if scheme == "amount":
        return Cuts(scheme, (100e3 * 100, 1e6 * 100, 10e6 * 100))
    stored = run.report.get(str(version), {}).get("cuts")
    return Cuts(scheme, tuple(stored) if stored else ())


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


_BAND = Coalesce(F("band"), Value(UNKNOWN_BAND), output_field=SmallIntegerField())
_SUMS: dict[str, Any] = {
    "n": Count("pk"),
    "scored": Count("score"),
    "score_sum": Sum("score"),
    "arr": Sum("arr_amount"),
    "arr_known": Count("arr_amount"),
    "predicted": Sum("predicted_6m_amount"),
    "predicted_known": Count("predicted_6m_amount"),
}


def slices(accounts: Accounts, *by: str) -> list[Slice]:
    """The sums per combination of the fields `by` and band. One query."""
    grouped = accounts.order_by().values(
        *by, judged_band=_BAND, word=F("band_name"), colour=F("tone")
    )
    rows = grouped.annotate(**_SUMS).values_list(*by, "judged_band", "word", "colour", *_SUMS)
    size = len(by)
    return [
        Slice(
            tuple(row[:size]),
            row[size],
            row[size + 1] or UNKNOWN_NAME,
            row[size + 2] or UNKNOWN_TONE,
            row[size + 3],
            row[size + 4],
            row[size + 5] or 0.0,
            # PostgreSQL sums bigints as numeric.
            int(row[size + 6] or 0),
            row[size + 7],
            int(row[size + 8] or 0),
            row[size + 9],
        )
        for row in rows
    ]


def tallies(parts: Iterable[Slice], key: Callable[[tuple[Any, ...]], Hashable]) -> dict[Any, Tally]:
    """The slices added up by `key` of the values they were grouped by."""
    found: dict[Any, Tally] = {}
    for part in parts:
        found.setdefault(key(part.by), Tally()).add(part)
    return found


def total(parts: Iterable[Slice]) -> Tally:
    """All slices in one."""
    return tallies(parts, lambda by: None).get(None, Tally())


def bands_of(tally: Tally) -> list[Band]:
    """The bands that occur, from high to low, Unknown last."""
    return sorted(
        tally.bands, key=lambda band: (band.index == UNKNOWN_BAND, -band.index, band.name)
    )


# --- Distribution ---------------------------------------------------------------------------------


class Bin(NamedTuple):
    """Accounts of one band whose score is in [low, low + BIN); the last bin takes 100 too."""

    low: int
    band: Band
    accounts: int


@dataclass(frozen=True)
class Distribution:
    """Spread of the scores. `deviation` is that of the population; `correlation` is Pearson's r between
    score and predicted revenue over `pairs` accounts that have both, None without any spread.
    """

    bins: list[Bin]
    scored: int
    least: float | None
    most: float | None
    mean: float | None
    deviation: float | None
    correlation: float | None
    pairs: int


def distribution(accounts: Accounts) -> Distribution:
    """Histogram and spread of the scores, and how they go with predicted revenue. One query."""
    # Sums of squares around the middle of the scale, revenue in tens of millions: no digits are lost.
    x = F("score") - 50.0
    y = Cast(F("predicted_6m_amount"), FloatField()) / 1e9
    both = Q(predicted_6m_amount__isnull=False)
    bins = Least(Floor(F("score") / BIN) * BIN, Value(100.0 - BIN), output_field=FloatField())
    rows = list(
        accounts.order_by()
        .filter(score__isnull=False)
        .values(bin=bins, index=F("band"), word=F("band_name"), colour=F("tone"))
        .annotate(
            n=Count("pk"),
            least=Min("score"),
            most=Max("score"),
            x=Sum(x),
            xx=Sum(x * x),
            pairs=Count("predicted_6m_amount"),
            px=Sum(x, filter=both),
            pxx=Sum(x * x, filter=both),
            py=Sum(y, filter=both),
            pyy=Sum(y * y, filter=both),
            pxy=Sum(x * y, filter=both),
        )
    )

    def add(name: str) -> float:
        return math.fsum(row[name] or 0.0 for row in rows)

    n, pairs = int(add("n")), int(add("pairs"))
    mean = add("x") / n if n else 0.0
    return Distribution(
        bins=sorted(
            Bin(int(row["bin"]), Band(row["index"], row["word"], row["colour"]), row["n"])
            for row in rows
        ),
        scored=n,
        least=min((row["least"] for row in rows), default=None),
        most=max((row["most"] for row in rows), default=None),
        mean=mean + 50.0 if n else None,
        deviation=math.sqrt(max(add("xx") / n - mean * mean, 0.0)) if n else None,
        correlation=_pearson(pairs, *(add(name) for name in ("px", "py", "pxx", "pyy", "pxy"))),
        pairs=pairs,
    )


def _pearson(n: int, x: float, y: float, xx: float, yy: float, xy: float) -> float | None:
    if n < 2:
        return None
    spread = (xx - x * x / n) * (yy - y * y / n)
    return (xy - x * y / n) / math.sqrt(spread) if spread > 1e-12 else None


# --- Risk -----------------------------------------------------------------------------------------

SEGMENT = ("industry", "size_segment")


@dataclass(frozen=True)
class Matrix:
    """Industry × size; a cell that no account is in is absent. Empty names are unknown."""

    industries: list[str]
    sizes: list[str]
    cells: dict[tuple[str, str], Tally]


def risk_matrix(parts: Sequence[Slice]) -> Matrix:
    """High-risk share of every industry and size. `parts` are `slices(accounts, *SEGMENT)`."""
    cells = tallies(parts, lambda by: (by[0], by[1]))
    return Matrix(
        named_first({cell[0] for cell in cells}), sizes_of(cell[1] for cell in cells), cells
    )


def sizes_of(found: Iterable[str]) -> list[str]:
    """The four sizes, then what else occurs, unknown last."""
    return [*SIZES, *named_first(set(found) - set(SIZES))]


def named_first(names: Iterable[str]) -> list[str]:
    """In alphabetical order with the empty, unknown name at the end."""
    return sorted(names, key=lambda name: (not name, name.casefold()))


class Segment(NamedTuple):
    industry: str
    size: str
    tally: Tally


def top_segments(matrix: Matrix, limit: int | None = 10) -> list[Segment]:
    """Segments by high-risk share, then by how many accounts it rests on."""
    found = [Segment(*cell, tally) for cell, tally in matrix.cells.items() if tally.judged]
    found.sort(
        key=lambda each: (-(each.tally.rate or 0), -each.tally.judged, each.industry, each.size)
    )
    return found[:limit]


# --- Strategy -------------------------------------------------------------------------------------

# Column of the strategy table a size belongs to (triggers-and-playbooks, section 3).
STRATEGY_SIZES = {
    "Small Business": ("Small Business",),
    "Mid-Market": ("Mid-Market",),
    "Large & Enterprise": ("Large", "Enterprise"),
}


def strategy_matrix(parts: Sequence[Slice]) -> dict[tuple[Band, str], Tally]:
    """Accounts per band and strategy column; sizes outside the three columns stand under Unknown."""
    column = {size: name for name, sizes in STRATEGY_SIZES.items() for size in sizes}
    found: dict[tuple[Band, str], Tally] = {}
    for part in parts:
        band = Band(part.band, part.band_name, part.tone)
        found.setdefault((band, column.get(part.by[1], UNKNOWN)), Tally()).add(part)
    return found


# --- Revenue --------------------------------------------------------------------------------------

TIER_ORDER = {tier: place for place, tier in enumerate((*QUANTILE_TIERS, *AMOUNT_TIERS))}


def tiers(accounts: Accounts) -> dict[str, Tally]:
    """Accounts, predicted revenue and health per tier in the tiers' order; "" is unknown. One query."""
    found = tallies(slices(accounts, "tier"), lambda by: by[0] or "")
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


def contributors(accounts: Accounts, limit: int = 20) -> list[Contributor]:
    """The accounts with the largest predicted revenue. One query."""
    rows = (
        accounts.filter(predicted_6m_amount__isnull=False)
        .order_by("-predicted_6m_amount", "pk")
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
    known = accounts.filter(score__isnull=False, predicted_6m_amount__isnull=False).order_by("pk")
    if pairs > limit:
        keep = max(1, int(10_000 * limit / pairs))
        known = known.annotate(place=(F("pk") % 1_000_003) * 7_919 % 10_000).filter(place__lt=keep)
    rows = known.values_list("pk", "name", "score", "predicted_6m_amount", "tone")[:limit]
    return [Point(*row) for row in rows]


# --- Health by dimension --------------------------------------------------------------------------

PEOPLE = ("owner_id", "lifecycle_stage")


def by_industry(parts: Sequence[Slice]) -> dict[str, Tally]:
    """`parts` are `slices(accounts, *SEGMENT)`."""
    found = tallies(parts, lambda by: by[0])
    return {name: found[name] for name in named_first(found)}


def by_size(parts: Sequence[Slice]) -> dict[str, Tally]:
    """`parts` are `slices(accounts, *SEGMENT)`; only sizes that occur."""
    found = tallies(parts, lambda by: by[1])
    return {name: found[name] for name in sizes_of(found) if name in found}


def by_owner(parts: Sequence[Slice]) -> dict[int | None, Tally]:
    """By owner id, None for nobody, from the lowest mean up. `parts` are `slices(accounts, *PEOPLE)`."""
    found = tallies(parts, lambda by: by[0])
    return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[1].mean or 0.0)))


def by_stage(parts: Sequence[Slice]) -> dict[str, Tally]:
    """In the order of a customer's life. `parts` are `slices(accounts, *PEOPLE)`."""
    found = tallies(parts, lambda by: by[1])
    order = [*LifecycleStage.values, *named_first(set(found) - set(LifecycleStage.values))]
    return {name: found[name] for name in sorted(order, key=lambda name: not name) if name in found}
