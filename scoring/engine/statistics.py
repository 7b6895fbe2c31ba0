"""Population statistics of one run: collected per shard, merged once, stored with the run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.engine.definition import (
    POPULATION_NORMALISERS,
    Measure,
    ScorecardSpec,
    slots,
)
from scoring.engine.pack import Floats, Packed, measure_inputs

Counts = npt.NDArray[np.int64]

# Up to this many distinct values a percentile rank is exact; above, it is interpolated
# between one more knot than that.
EXACT_DISTINCT = 4096
# A rank among fewer peers says nothing, so the whole population is used instead.
MIN_PEERS = 5
EVERYONE = 0


@dataclass(frozen=True, eq=False)
class Tally:
    """Distinct values, sorted, and how many accounts have each."""

    values: Floats
    counts: Counts

    @classmethod
    def of(cls, values: Floats) -> "Tally":
        distinct, counts = np.unique(values, return_counts=True)
        return cls(distinct, counts.astype(np.int64))

    @classmethod
    def merged(cls, tallies: Iterable["Tally"]) -> "Tally":
        parts = list(tallies)
        values = np.concatenate([part.values for part in parts])
        counts = np.concatenate([part.counts for part in parts])
        distinct, places = np.unique(values, return_inverse=True)
        total = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(total, places, counts)
        return cls(distinct, total)

    def to_json(self) -> dict[str, list[float] | list[int]]:
        return {"values": self.values.tolist(), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Tally":
        return cls(
            np.asarray(data["values"], dtype=np.float64),
            np.asarray(data["counts"], dtype=np.int64),
        )


@dataclass(frozen=True, eq=False)
class Rank:
    """Mid-rank percentiles (0-100) of a population.

    Exact while `counts` is set; otherwise `values` are knots with their exact `percents`.
    """

    count: int
    values: Floats
    counts: Counts | None = None
    percents: Floats | None = None

    @classmethod
    def of(cls, tally: Tally) -> "Rank":
        count = int(tally.counts.sum())
        if len(tally.values) <= EXACT_DISTINCT:
            return cls(count, tally.values, counts=tally.counts)
        upper = np.cumsum(tally.counts)
        middle = 100.0 * (upper - 0.5 * tally.counts) / count
        targets = np.linspace(0.0, float(count), EXACT_DISTINCT + 1)
        places = np.unique(np.searchsorted(upper, targets).clip(0, len(upper) - 1))
        return cls(count, tally.values[places], percents=middle[places])

    def percentiles(self, values: Floats) -> Floats:
        """Percentile of each value, 0-100; NaN stays NaN; any value is allowed."""
        missing = np.isnan(values)
        if self.counts is None:
            assert self.percents is not None
            found = np.interp(values, self.values, self.percents, left=0.0, right=100.0)
        else:
            below = np.concatenate(([0], np.cumsum(self.counts)))
            at = np.searchsorted(self.values, values)
            near = np.minimum(at, len(self.values) - 1)
            equal = np.where(self.values[near] == values, self.counts[near], 0)
            found = 100.0 * (below[at] + 0.5 * equal) / self.count
        return np.where(missing, np.nan, found)

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = {"count": self.count, "values": self.values.tolist()}
        if self.counts is not None:
            data["counts"] = self.counts.tolist()
        if self.percents is not None:
            data["percents"] = self.percents.tolist()
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Rank":
        counts, percents = data.get("counts"), data.get("percents")
        return cls(
            int(data["count"]),
            np.asarray(data["values"], dtype=np.float64),
            None if counts is None else np.asarray(counts, dtype=np.int64),
            None if percents is None else np.asarray(percents, dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class MeasurePartial:
    """What one shard knows about a measure; `minimum` and `maximum` are of usable values."""

    count: int
    missing: int
    minimum: float | None = None
    maximum: float | None = None
    tallies: Mapping[int, Tally] = field(default_factory=dict)
    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Partial:
    """What one shard knows: number of accounts and one entry per measure key."""

    accounts: int
    measures: Mapping[str, MeasurePartial]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; group codes become text keys."""
        return {
            "accounts": self.accounts,
            "measures": {
                key: {
                    "count": part.count,
                    "missing": part.missing,
                    "minimum": part.minimum,
                    "maximum": part.maximum,
                    "tallies": {str(code): t.to_json() for code, t in part.tallies.items()},
                    "names": {str(code): list(names) for code, names in part.names.items()},
                }
                for key, part in self.measures.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Partial":
        return cls(
            int(data["accounts"]),
            {
                key: MeasurePartial(
                    int(part["count"]),
                    int(part["missing"]),
                    part["minimum"],
                    part["maximum"],
                    {int(code): Tally.from_json(tally) for code, tally in part["tallies"].items()},
                    {int(code): tuple(names) for code, names in part["names"].items()},
                )
                for key, part in data["measures"].items()
            },
        )


@dataclass(frozen=True, eq=False)
class MeasureStats:
    """Constants of one measure; `ranks` by group code, `EVERYONE` being the whole population."""

    count: int = 0
    missing: int = 0
    minimum: float | None = None
    maximum: float | None = None
    ranks: Mapping[int, Rank] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Stats:
    """Population statistics of a run: number of accounts and one entry per measure key."""

    accounts: int
    measures: Mapping[str, MeasureStats]

    def of(self, measure: Measure) -> MeasureStats:
        """The measure's constants; all-empty ones if the run knew nothing of it."""
        return self.measures.get(measure.key, MeasureStats())

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; floats survive exactly."""
        return {
            "accounts": self.accounts,
            "measures": {
                key: {
                    "count": entry.count,
                    "missing": entry.missing,
                    "minimum": entry.minimum,
                    "maximum": entry.maximum,
                    "ranks": {str(code): rank.to_json() for code, rank in entry.ranks.items()},
                    "names": {str(code): name for code, name in entry.names.items()},
                }
                for key, entry in self.measures.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Stats":
        return cls(
            int(data["accounts"]),
            {
                key: MeasureStats(
                    int(entry["count"]),
                    int(entry["missing"]),
                    entry["minimum"],
                    entry["maximum"],
                    {int(code): Rank.from_json(rank) for code, rank in entry["ranks"].items()},
                    {int(code): str(name) for code, name in entry["names"].items()},
                )
                for key, entry in data["measures"].items()
            },
        )


def _tallies(columns: tuple[Floats, ...]) -> dict[int, Tally]:
    values = columns[0]
    known = ~np.isnan(values)
    tallies = {EVERYONE: Tally.of(values[known])}
    if len(columns) > 1:
        groups = columns[1]
        grouped = known & ~np.isnan(groups)
        for code in np.unique(groups[grouped]):
            tallies[int(code)] = Tally.of(values[grouped & (groups == code)])
    return tallies


def partial(
    spec: ScorecardSpec,
    packed: Packed,
    names: Mapping[str, Mapping[int, str]] | None = None,
) -> Partial:
    """Statistics of one shard's packed matrix (accounts, slots).

    `names` (see `pack.peer_names`) lets the run report peer groups by name; without it
    ranks are the same and groups have no names.
    """
    groups = {slot.owner: slot.column for slot in slots(spec) if slot.role == "peer_group"}
    measures: dict[str, MeasurePartial] = {}
    for measure, columns in measure_inputs(spec, packed):
        values = columns[0]
        missing = int(np.isnan(values).sum())
        count = len(values) - missing
        low: float | None = None
        high: float | None = None
        tallies: dict[int, Tally] = {}
        known: dict[int, tuple[str, ...]] = {}
        if measure.normaliser in POPULATION_NORMALISERS and count:
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if measure.normaliser == "percentile_rank":
            tallies = _tallies(columns)
            given = (names or {}).get(groups.get(measure.key, ""), {})
            known = {int(code): (str(name),) for code, name in given.items()}
        measures[measure.key] = MeasurePartial(count, missing, low, high, tallies, known)
    return Partial(len(packed), measures)


def _merge_measure(parts: list[MeasurePartial]) -> MeasureStats:
    lows = [part.minimum for part in parts if part.minimum is not None]
    highs = [part.maximum for part in parts if part.maximum is not None]
    codes = sorted({code for part in parts for code in part.tallies})
    ranks: dict[int, Rank] = {}
    for code in codes:
        tally = Tally.merged(part.tallies[code] for part in parts if code in part.tallies)
        rank = Rank.of(tally)
        if rank.count >= (1 if code == EVERYONE else MIN_PEERS):
            ranks[code] = rank
    names: dict[int, set[str]] = {}
    for part in parts:
        for code, known in part.names.items():
            names.setdefault(code, set()).update(known)
    return MeasureStats(
        count=sum(part.count for part in parts),
        missing=sum(part.missing for part in parts),
        minimum=min(lows, default=None),
        maximum=max(highs, default=None),
        ranks=ranks,
        # Two names with one code (one chance in millions) share a group and are shown together.
        names={code: " / ".join(sorted(found)) for code, found in sorted(names.items())},
    )


def merge(partials: list[Partial]) -> Stats:
    """Statistics of the population; the same for any order and any number of shards."""
    keys = dict.fromkeys(key for part in partials for key in part.measures)
    return Stats(
        sum(part.accounts for part in partials),
        {
            key: _merge_measure([part.measures[key] for part in partials if key in part.measures])
            for key in keys
        },
    )
