"""A stored score explained: recomputed from its snapshot, the run's statistics and the version."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice, tee
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import connection

from accounts.models import Account
from scoring.engine import codec, statistics
from scoring.engine.difference import Difference, State, difference
from scoring.engine.explain import Explanation, display_points, explain, optional
from scoring.engine.score import score as score_packed
from scoring.engine.spec import ScorecardSpec, slots
from scoring.metrics.origins import Told, origins, readings_of
from scoring.metrics.read import ATTRIBUTES
from scoring.models import ScoreRun, Snapshot
from scoring.selectors import snapshots_of
from scoring.services.populations import frozen_of
from scoring.services.versions import number_and_note, published_spec

# How many older readings are looked through for a metric that newer ones leave out.
_READINGS = 400


class Night(NamedTuple):
    """One stored night of an account; `score` 0–100, None without any data; `band` −1 is Unknown."""

    as_of: date
    version_id: int
    score: float | None
    band: int
    coverage: float
    scorecard: str
    number: int
    note: str

    @property
    def version(self) -> str:
        """The version as people call it: "CRM engagement v2"."""
        return f"{self.scorecard} v{self.number}"


@dataclass(frozen=True, eq=False)
class Explained:
    """A snapshot with everything it was made of. `identical`: computed again, every stored figure agrees."""

    snapshot: Snapshot
    spec: ScorecardSpec
    stats: statistics.Stats
    inputs: np.ndarray
    explanation: Explanation
    identical: bool

    @property
    def state(self) -> State:
        return State(self.spec, self.inputs, self.stats)

    @property
    def tone(self) -> str:
        """good, fair, poor or unknown."""
        return self.spec.band_words[self.snapshot.band][1]


@dataclass(frozen=True)
class Source:
    """Where a metric's value came from: reported by `source` or `derived` from the facts of its feeds.

    `on` is the day that decided it, `age_days` before the night. `frozen`: the breaker held the source or
    feed that night, so the value is the last good one.
    """

    on: date | None
    source: str
    age_days: int | None
    derived: bool = False
    frozen: bool = False


@dataclass(frozen=True)
class ShownPoints:
    """Figures rounded so that they add up as shown: earned + lost = weight on every line, earned over
    all lines = computed, computed + cap = score. `earned` is empty without a score."""

    earned: list[float]
    weights: list[float]
    lost: list[float]
    computed: float | None
    cap: float
    score: float | None


# A seek a night: the nights are read first, and each names the one partition its row is in. The versions are
# those some night was planned with, read once: the planner would otherwise begin with every version there is.
_NIGHTS: Final = """
SELECT s.as_of, s.version_id, s.score, s.band, s.coverage{more}
FROM scoring_scorerun r CROSS JOIN scoring_snapshot s
WHERE r.state = %(done)s AND r.as_of >= %(since)s
    AND s.as_of = r.as_of AND s.run_id = r.id AND s.as_of >= %(since)s
    AND s.version_id {among} AND s.account_id = %(account)s
ORDER BY s.as_of, r.history_only DESC, r.id
"""
_AMONG: Final = {
    "postgresql": "= ANY(ARRAY(SELECT DISTINCT v.value::bigint FROM scoring_scorerun q, "
    "jsonb_array_elements_text(q.plan) v WHERE q.state = %(done)s AND q.as_of >= %(since)s))",
    "sqlite": "IN (SELECT v.value FROM scoring_scorerun q, json_each(q.plan) v "
    "WHERE q.state = %(done)s AND q.as_of >= %(since)s)",
}
# Where a night was scored twice, the run that counts comes last: the newer one, no back-fill.
_NIGHT_ORDER: Final = ("as_of", "-run__history_only", "run_id")


def history(account_id: int, since: date) -> list[Night]:
    """The finished nights of an account from `since` on, oldest first, one per day: the newest run's.

    One query once the versions are remembered.
    """
    return [night for night, _ in nights_with(account_id, since)]


def nights_with(account_id: int, since: date, *columns: str) -> list[tuple[Night, tuple[Any, ...]]]:
    """`history` with more columns of each snapshot. One query."""
    more = "".join(f", s.{connection.ops.quote_name(name)}" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            _NIGHTS.format(more=more, among=_AMONG[connection.vendor]),
            {
                "done": ScoreRun.State.DONE.value,
                "since": connection.ops.adapt_datefield_value(since),
                "account": account_id,
            },
        )
        rows = cursor.fetchall()
    labels = {version: _label(version) for version in {row[1] for row in rows}}
    found: dict[date, tuple[Night, tuple[Any, ...]]] = {}
    for as_of, version, score, band, coverage, *rest in rows:
        on = as_of if isinstance(as_of, date) else date.fromisoformat(as_of)
        found[on] = Night(on, version, score, band, coverage, *labels[version]), tuple(rest)
    return list(found.values())


def _label(version_id: int) -> tuple[str, int, str]:
    return published_spec(version_id).name, *number_and_note(version_id)


def explanation(account_id: int, as_of: date | None = None) -> Explained | None:
    """The account's newest stored night, or that of `as_of`, explained; None when there is none.

    One query once the version is remembered.
    """
    found = snapshots_of([account_id], days=None if as_of is None else [as_of])
    snapshot = (
        found.select_related("run").order_by("-as_of", "run__history_only", "-run_id").first()
    )
    return explain_snapshot(snapshot) if snapshot else None


def explained_nights(account_id: int, days: Collection[date]) -> dict[date, Explained]:
    """Several stored nights of an account explained, by day, in one query; days without a night are absent."""
    rows = snapshots_of([account_id], days=days).select_related("run").order_by(*_NIGHT_ORDER)
    newest = {row.as_of: row for row in rows}
    return {day: explain_snapshot(row) for day, row in newest.items()}


def explain_snapshot(snapshot: Snapshot) -> Explained:
    """Explain a snapshot whose run is loaded."""
    spec = published_spec(snapshot.version_id)
    stats = statistics.Stats.from_json(snapshot.run.statistics[str(snapshot.version_id)])
    packed = codec.decode_inputs([bytes(snapshot.inputs)], len(slots(spec)))
    again = score_packed(spec, packed, stats)
    stored = (
        snapshot.score,
        snapshot.band,
        snapshot.coverage,
        bytes(snapshot.components),
        bytes(snapshot.points),
    )
    computed = (
        optional(again.score[0]),
        int(again.band[0]),
        float(again.coverage[0]),
        codec.encode_points(again.component_scores)[0],
        codec.encode_points(again.points)[0],
    )
    return Explained(
        snapshot=snapshot,
        spec=spec,
        stats=stats,
        inputs=packed[0],
        explanation=explain(spec, packed[0], stats),
        identical=stored == computed,
    )


def change(before: Explained, after: Explained) -> Difference:
    """Why the score differs between two nights of one account; the parts add up."""
    return difference(before.state, after.state)


def shown_points(told: Explanation) -> ShownPoints:
    """The points of a score to one decimal, still adding up.

    Components are rounded first and their lines within them, so that both add up.
    """
    if told.computed is None or told.score is None:
        weights = _rounded(told, [line.original_weight for line in told.lines], 100.0)
        return ShownPoints([], weights, [], None, 0.0, None)
    # The header prints with "%.1f"; the total of the table has to be that very figure.
    computed, score = float(f"{told.computed:.1f}"), float(f"{told.score:.1f}")
    weights = _rounded(told, [line.weight for line in told.lines], 100.0)
    earned = _rounded(told, [line.points for line in told.lines], computed, most=weights)
    lost = [round(weight - got, 1) for weight, got in zip(weights, earned, strict=True)]
    return ShownPoints(earned, weights, lost, computed, round(score - computed, 1), score)


def _rounded(
    told: Explanation,
    values: Sequence[float],
    total: float,
    most: Sequence[float] | None = None,
) -> list[float]:
    """`values` of the lines to one decimal, adding up in every component and in all to `total`."""
    places: dict[str, list[int]] = {}
    for place, line in enumerate(told.lines):
        places.setdefault(line.component, []).append(place)
    groups = list(places.values())
    sums = display_points([sum(values[i] for i in group) for group in groups], total, 1)
    if most is not None:
        sums = _within(sums, [round(sum(most[i] for i in group), 1) for group in groups])
    shown = [0.0] * len(values)
    for group, whole in zip(groups, sums, strict=True):
        parts = display_points([values[i] for i in group], whole, 1)
        if most is not None:
            parts = _within(parts, [most[i] for i in group])
        for place, part in zip(group, parts, strict=True):
            shown[place] = part
    return shown


def _within(earned: list[float], weights: list[float]) -> list[float]:
    """No line earns more than it weighs: a tenth too many moves to a line that has room for it."""
    earned = list(earned)
    for place, weight in enumerate(weights):
        if earned[place] > weight:
            room = max(range(len(earned)), key=lambda i: weights[i] - earned[i])
            earned[room] = round(earned[room] + earned[place] - weight, 1)
            earned[place] = weight
    return earned


def sources(explained: Explained, account: Account | None = None) -> dict[str, Source]:
    """Where each value of an explained night came from, by metric key.

    One query when the night's own readings tell all; otherwise a constant number more, for what facts
    decided, one less with the snapshot's `account` at hand. A value that neither readings nor facts hold any
    more (an import was corrected since) has no age.
    """
    night = explained.snapshot.as_of
    wanted = _values(explained)
    # Both look from the newest on until they have found all: what one has read the other is told.
    first, again = tee(readings_of(explained.snapshot.account_id, night))
    found = _reported(first, night, dict(wanted))
    # A reading of the night itself is the newest there can be: nothing derived is newer.
    for key in wanted:
        if key in ATTRIBUTES and key not in found:
            found[key] = Source(None, "account record", None)
    open_ = [key for key in wanted if key not in found or found[key].age_days]
    if not open_:
        return found
    told = origins(
        open_,
        as_of=night,
        account_id=explained.snapshot.account_id,
        frozen=frozen_of(explained.snapshot.run.frozen),
        readings=again,
        record=account,
    )
    for key in open_:
        origin = told[key]
        if origin.kind == "derived" and origin.on is not None:
            age = (night - origin.on).days
            found[key] = Source(origin.on, origin.source, age, derived=True, frozen=origin.frozen)
        elif key in found:
            found[key] = replace(found[key], frozen=origin.frozen)
        elif origin.kind == "attribute":
            found[key] = Source(None, "account record", None)
        else:
            found[key] = Source(None, "changed since", None)
    return found


def _reported(
    readings: Iterable[Told], night: date, wanted: dict[str, float | str]
) -> dict[str, Source]:
    """The newest readings that hold the stored values."""
    found: dict[str, Source] = {}
    for on, source, metrics in islice(readings, _READINGS):
        for key in [key for key in wanted if key in metrics]:
            if _same(metrics[key], wanted[key]):
                found[key] = Source(on, source, (night - on).days)
                del wanted[key]
        if not wanted:
            break
    return found


def _values(explained: Explained) -> dict[str, float | str]:
    """The stored values to look for, by metric key: numbers at float32, categories as words."""
    wanted: dict[str, float | str] = {}
    roles = ("value", "numerator", "denominator", "category")
    for line in explained.explanation.lines:
        for entry in line.inputs:
            if entry.role in roles and entry.value is not None:
                wanted[entry.column] = entry.value
    return wanted


def _same(reported: object, stored: float | str) -> bool:
    if isinstance(stored, str):
        return str(reported).strip() == stored
    return isinstance(reported, int | float) and float(np.float32(reported)) == stored


def night_on_or_before(nights: Sequence[Night], day: date) -> Night | None:
    """The last of `nights` (oldest first) not after `day`."""
    return next((night for night in reversed(nights) if night.as_of <= day), None)
