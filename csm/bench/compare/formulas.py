"""A scorecard's formulas as PostgreSQL, generated from the spec by what scoring/README.md says of each.

Knows min_max (with its transforms), linear, steps, share and mapping, the three policies for missing values and
no caps: all of the scorecards `crm-engagement` and `product-value`. The stages are nested selects:

    read     id, account columns, one real column per slot (s0, s1, …), pipeline, won
    limits   one row with the least and the largest value per min_max measure
    valued   v0, v1, …: 0-100, null for missing
    shared   h0, h1, …: the weight with data per component; coverage; scored_weight
    pointed  p0, p1, …, w0, w1, … (points and effective weights), c0, c1, … (components), computed
    scored   score, band, predicted (minor units)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from csm.lib.money import per_unit
from scoring.engine.spec import Measure, ScorecardSpec, Slot, categories, slots
from scoring.metrics.read import ATTRIBUTES

_FILLED = {"redistribute": 0.0, "neutral": 50.0, "worst": 0.0}
# Half of the fourth decimal: the engine rounds a score to four before it looks for its band.
_HALF = 0.00005


class NotInSQLError(ValueError):
    """A scorecard the comparison cannot express."""


@dataclass(frozen=True)
class Formulas:
    """The selects of one scorecard, each reading the one before as a table of the name it is given."""

    spec: ScorecardSpec

    def __post_init__(self) -> None:
        known = {"min_max", "linear", "steps", "share", "mapping"}
        strange = {measure.normaliser for measure in self.spec.measures} - known
        if strange or self.spec.caps:
            raise NotInSQLError(f"{self.spec.key} has {', '.join(sorted(strange)) or 'caps'}.")

    @property
    def layout(self) -> Sequence[Slot]:
        return slots(self.spec)

    @property
    def size(self) -> int:
        """Number of measures."""
        return len(self.spec.measures)

    def read(self, where: str = "TRUE", newest: str = "") -> str:
        """The inputs as of `%(on)s`: the newest reading of every account that is a customer."""
        revenue = self.spec.revenue
        columns = [f"{self._input(slot)} AS s{n}" for n, slot in enumerate(self.layout)]
        columns += [
            f"{_number(revenue.pipeline_metric)} AS pipeline",
            f"{_number(revenue.won_metric)} AS won",
        ]
        return (
            "SELECT a.id, a.owner_id, a.team_id, a.industry, a.size_segment, a.arr_amount, "
            f"a.renewal_on, {', '.join(columns)} FROM accounts_account a LEFT JOIN LATERAL "
            "(SELECT x.metrics FROM accounts_reading x WHERE x.account_id = a.id "
            'AND x."on" <= %(on)s ORDER BY x."on" DESC LIMIT 1) r ON TRUE '
            "WHERE a.merged_into_id IS NULL "
            "AND (a.customer_since IS NULL OR a.customer_since <= %(on)s) "
            f"AND (a.churned_on IS NULL OR a.churned_on > %(on)s) AND {where}"
        )

    def _input(self, slot: Slot) -> str:
        if slot.role != "category":
            return f"{_number(slot.column)}::real"
        measure = next(each for each in self.spec.measures if each.key == slot.owner)
        text = f"a.{slot.column}" if slot.column in ATTRIBUTES else f"r.metrics ->> '{slot.column}'"
        cases = " ".join(f"WHEN '{name}' THEN {n}" for n, name in enumerate(categories(measure)))
        return f"(CASE {text} {cases} END)::real"

    def limits(self, table: str) -> str:
        """One row: lo0, hi0 … per min_max measure by its number among the measures."""
        found = []
        for number, place, measure in self._placed():
            if measure.normaliser == "min_max":
                usable = (
                    f"CASE WHEN s{place} > -1 THEN s{place} END"
                    if _is_log(measure)
                    else f"s{place}"
                )
                found += [
                    f"{_transformed(measure, f'MIN({usable})')} AS lo{number}",
                    f"{_transformed(measure, f'MAX({usable})')} AS hi{number}",
                ]
        return f"SELECT {', '.join(found) or '1 AS nothing'} FROM {table}"

    def valued(self, table: str, limits: str) -> str:
        found = [f"{self._value(n, place, m)} AS v{n}" for n, place, m in self._placed()]
        return f"SELECT r.*, {', '.join(found)} FROM {table} r CROSS JOIN {limits} l"

    def _value(self, number: int, place: int, measure: Measure) -> str:
        value, params = f"s{place}::float8", measure.params
        if measure.normaliser == "linear":
            zero, full = params["zero_at"], params["full_at"]
            return _bounded(f"100 * ({value} - {_real(zero)}) / ({_real(full)} - {_real(zero)})")
        if measure.normaliser == "share":
            return (
                f"CASE WHEN s{place + 1} > 0 THEN {_bounded(f'100 * {value} / s{place + 1}')} END"
            )
        if measure.normaliser == "mapping":
            earned = [params["points"][name] for name in categories(measure)]
            cases = " ".join(f"WHEN {n} THEN {float(each)}" for n, each in enumerate(earned))
            return f"(CASE s{place} {cases} END)::float8"
        if measure.normaliser == "steps":
            return _steps(f"s{place}", params["steps"])
        return _min_max(number, measure, value)

    def shared(self, table: str) -> str:
        shares, coverage, scored = [], [], []
        number = 0
        for place, component in enumerate(self.spec.components):
            whole = sum(measure.weight for measure in component.measures)
            parts = []
            for measure in component.measures:
                there = f"CASE WHEN v{number} IS NULL THEN 0 ELSE %s END"
                counted = measure.missing == "redistribute"
                parts.append(there % measure.weight if counted else str(measure.weight))
                coverage.append(there % (component.weight * measure.weight / whole))
                number += 1
            share = f"({' + '.join(parts)})::float8"
            shares.append(f"{share} AS h{place}")
            scored.append(f"CASE WHEN {share} > 0 THEN {component.weight} ELSE 0 END")
        total = sum(component.weight for component in self.spec.components)
        return (
            f"SELECT *, {', '.join(shares)}, ({' + '.join(scored)})::float8 AS scored_weight, "
            f"(({' + '.join(coverage)}) / {total})::float8 AS coverage FROM {table}"
        )

    def pointed(self, table: str) -> str:
        columns = []
        number = 0
        for place, component in enumerate(self.spec.components):
            factor = f"100 * {component.weight} / (h{place} * scored_weight)"
            earned = []
            for measure in component.measures:
                active, filled = _active(measure, number)
                weight = f"CASE WHEN h{place} > 0 THEN {active} * {factor} ELSE 0 END"
                points = (
                    f"CASE WHEN h{place} > 0 THEN {active} * {factor} * {filled} / 100 ELSE 0 END"
                )
                columns += [f"{weight} AS w{number}", f"{points} AS p{number}"]
                earned.append(f"{active} * {filled}")
                number += 1
            mean = f"({' + '.join(earned)}) / h{place}"
            columns.append(f"CASE WHEN h{place} > 0 THEN {mean} END AS c{place}")
        return f"SELECT *, {', '.join(columns)} FROM {table} OFFSET 0"

    def scored(self, table: str) -> str:
        """Also `band` and `predicted`; a row without any data has no score."""
        total = " + ".join(f"p{n}" for n in range(self.size))
        score = f"CASE WHEN coverage > 0 THEN LEAST(100, GREATEST(0, {total})) END AS score"
        revenue = self.spec.revenue
        amount = (
            f"ROUND({per_unit()} * (pipeline * score / 100 + {revenue.upsell_share} * won * "
            f"({revenue.upsell_base} + {revenue.upsell_slope} * score / 100)))::bigint AS predicted"
        )
        bands = " ".join(
            f"WHEN score < {band.low - _HALF} THEN {n}"
            for n, band in enumerate(self.spec.bands[1:])
        )
        band = (
            f"(CASE WHEN score IS NULL OR coverage < {self.spec.min_coverage - 1e-9} THEN -1 {bands} "
            f"ELSE {len(self.spec.bands) - 1} END)::smallint AS band"
        )
        return (
            f"SELECT *, {band}, {amount} FROM (SELECT *, {score} FROM {table} OFFSET 0) s OFFSET 0"
        )

    def all_of(self, read: str, limits: str) -> str:
        """From the tables `read` and `limits` to `scored`, as one nested select."""
        valued = f"({self.valued(read, limits)} OFFSET 0) v"
        return self.scored(f"({self.pointed(f'({self.shared(valued)} OFFSET 0) h')}) p")

    def _placed(self) -> list[tuple[int, int, Measure]]:
        """(number among the measures, its first slot, measure)."""
        first: dict[str, int] = {}
        for place, slot in enumerate(self.layout):
            first.setdefault(slot.owner, place)
        return [(n, first[measure.key], measure) for n, measure in enumerate(self.spec.measures)]


def _number(key: str) -> str:
    return f"(r.metrics -> '{key}')::float8"


def _is_log(measure: Measure) -> bool:
    return bool(measure.params.get("transform") == "log1p")


def _transformed(measure: Measure, value: str) -> str:
    return f"LN(1 + {value}::float8)" if _is_log(measure) else f"{value}::float8"


def _real(value: Any) -> str:
    return f"{float(value)!r}::real::float8"


def _bounded(value: str) -> str:
    # LEAST and GREATEST would turn a missing value into a limit.
    return f"(CASE WHEN {value} < 0 THEN 0 WHEN {value} > 100 THEN 100 ELSE {value} END)"


def _steps(value: str, steps: Sequence[Sequence[float]]) -> str:
    falling = len(steps) > 1 and steps[-1][0] < steps[0][0]
    sign = "<=" if falling else ">="
    cases = " ".join(
        f"WHEN {value} {sign} {float(limit)!r}::real THEN {points}"
        for limit, points in reversed(list(steps))
    )
    return f"(CASE WHEN {value} IS NULL THEN NULL {cases} ELSE 0 END)::float8"


def _min_max(number: int, measure: Measure, value: str) -> str:
    low, high = f"lo{number}", f"hi{number}"
    own = _transformed(measure, value)
    part = f"({high} - {own})" if measure.params.get("invert") else f"({own} - {low})"
    part = f"{part} / ({high} - {low})"
    if measure.params.get("transform") == "sqrt":
        part = f"SQRT({part})"
    least = f"WHEN {value} <= -1 THEN NULL " if _is_log(measure) else ""
    return (
        f"CASE WHEN {value} IS NULL THEN NULL {least}"
        f"WHEN {high} > {low} THEN 100 * {part} ELSE 50 END"
    )


def _active(measure: Measure, number: int) -> tuple[str, str]:
    """Its weight where it counts, and its value with the policy's where it is missing."""
    filled = f"COALESCE(v{number}, {_FILLED[measure.missing]})"
    if measure.missing != "redistribute":
        return str(measure.weight), filled
    return f"(CASE WHEN v{number} IS NULL THEN 0 ELSE {measure.weight} END)", filled
