"""What a book of accounts says as a whole: one function per figure, sums made by the database.

Every function takes the accounts of `book`, `book_of_everyone` or `book_of_night`, asks the database a fixed
number of times and never loads the accounts themselves. The page, its CSV files and `export_report` all come
through here, so a figure is the same wherever it is shown. Amounts are integer minor units; None is unknown.
Amounts in another currency than the book's are never added up: they count as unknown in a sum.

The rate of a group is high-risk accounts / accounts with a band, its mean that of their scores: an Unknown
account counts in neither, even when the little that is known of it gave a number.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db.models import (
    Count,
    F,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    SmallIntegerField,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Floor, Least

from accounts.models import LifecycleStage
from csm.portfolio.selectors import IN_CURRENCY
from scoring.engine.spec import UNKNOWN_BAND, UNKNOWN_NAME, UNKNOWN_TONE

# From small to large; a size nobody entered is the last column.
SIZES = ("Small Business", "Mid-Market", "Large", "Enterprise")
UNKNOWN = "Unknown"
BIN = 5
SMALL_N = 5

# Annotated with health, which the type of a plain queryset of accounts does not know.
Accounts = QuerySet[Any]


class Band(NamedTuple):
    """A band as accounts carry it: place from low to high (−1 Unknown), its word, its tone."""

    place: int
    name: str
    tone: str


UNKNOWN_AS_BAND = Band(UNKNOWN_BAND, UNKNOWN_NAME, UNKNOWN_TONE)


@dataclass
class Tally:
    """Sums over a group of accounts; `judged` are those with a band other than Unknown."""

    accounts: int = 0
    judged: int = 0
    high_risk: int = 0
    score_sum: float = 0.0
    arr: int = 0
    arr_known: int = 0
    predicted: int = 0
    predicted_known: int = 0
    bands: dict[Band, int] = field(default_factory=dict)

    def add(self, part: "Slice") -> None:
        band = part.in_band
        self.accounts += part.accounts
        if part.band != UNKNOWN_BAND:
            self.judged += part.accounts
            self.score_sum += part.score_sum
        self.high_risk += part.accounts if part.band == 0 else 0
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
        """Mean score of the judged, 0–100."""
        return self.score_sum / self.judged if self.judged else None

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
    score_sum: float
    arr: int
    arr_known: int
    predicted: int
    predicted_known: int

    @property
    def in_band(self) -> Band:
        return Band(self.band, self.band_name, self.tone)


BAND_OR_UNKNOWN = Coalesce(F("band"), Value(UNKNOWN_BAND), output_field=SmallIntegerField())
SUMS: dict[str, Any] = {
    "n": Count("pk"),
    "score_sum": Sum("score"),
    "arr": Sum("arr_amount", filter=IN_CURRENCY),
    "arr_known": Count("arr_amount", filter=IN_CURRENCY),
    "predicted": Sum("predicted_6m_amount", filter=IN_CURRENCY),
    "predicted_known": Count("predicted_6m_amount", filter=IN_CURRENCY),
}


SEGMENT = ("industry", "size_segment")
PEOPLE = ("owner_id", "lifecycle_stage")


def slices(accounts: Accounts, *by: str) -> list[Slice]:
    """The sums per combination of the fields `by` and band. One query."""
    grouped = accounts.order_by().values(
        *by, judged_band=BAND_OR_UNKNOWN, word=F("band_name"), colour=F("tone")
    )
    rows = grouped.annotate(**SUMS).values_list(*by, "judged_band", "word", "colour", *SUMS)
    size = len(by)
    return [slice_of(row[:size], row[size:]) for row in rows]


def slice_of(by: tuple[Any, ...], row: tuple[Any, ...]) -> Slice:
    """`row` is the band, its word and tone, and `SUMS`."""
    band, word, tone, n, score_sum, arr, arr_known, predicted, predicted_known = row
    return Slice(
        tuple(by),
        band,
        word or UNKNOWN_NAME,
        tone or UNKNOWN_TONE,
        n,
        score_sum or 0.0,
        # PostgreSQL sums bigints as numeric.
        int(arr or 0),
        arr_known,
        int(predicted or 0),
        predicted_known,
    )


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
        tally.bands, key=lambda band: (band.place == UNKNOWN_BAND, -band.place, band.name)
    )


# --- Distribution ---------------------------------------------------------------------------------


class Bin(NamedTuple):
    """Accounts of one band whose score is in [low, low + BIN); the last bin takes 100 too.

    `predicted` is the sum over those of them whose prediction is known.
    """

    low: int
    band: Band
    accounts: int
    predicted: int
    predicted_known: int


@dataclass(frozen=True)
class Distribution:
    """Spread of the scores of accounts with a band.

    `deviation` is that of the population; `correlation` is Pearson's r between
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
    both = Q(predicted_6m_amount__isnull=False) & IN_CURRENCY
    bins = Least(Floor(F("score") / BIN) * BIN, Value(100.0 - BIN), output_field=FloatField())
    rows = list(
        accounts.order_by()
        .filter(score__isnull=False, band__gt=UNKNOWN_BAND)
        .values(bin=bins, place=F("band"), word=F("band_name"), colour=F("tone"))
        .annotate(
            n=Count("pk"),
            least=Min("score"),
            most=Max("score"),
            x=Sum(x),
            xx=Sum(x * x),
            predicted=Sum("predicted_6m_amount", filter=both),
            pairs=Count("predicted_6m_amount", filter=both),
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
            Bin(
                int(row["bin"]),
                Band(row["place"], row["word"], row["colour"]),
                row["n"],
                int(row["predicted"] or 0),
                row["pairs"],
            )
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

# Column of the strategy table → the sizes it is for.
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
        found.setdefault((part.in_band, column.get(part.by[1], UNKNOWN)), Tally()).add(part)
    return found


# --- Health by dimension --------------------------------------------------------------------------


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
