"""Refuses scorecards that cannot be explained, with the sentence an admin reads."""

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scoring.engine.definition import (
    MISSING_POLICIES,
    NORMALISERS,
    OPERATORS,
    PEER_GROUPS,
    TIER_SCHEMES,
    TONES,
    TRANSFORMS,
    UNKNOWN_KEY,
    Band,
    Cap,
    Component,
    Measure,
    ScorecardSpec,
    SpecError,
)

TOLERANCE = 1e-6

_PARAMS: dict[str, tuple[str, ...]] = {
    "min_max": ("invert", "transform"),
    "percentile_rank": ("invert", "peer_group"),
    "linear": ("zero_at", "full_at"),
    "steps": ("steps",),
    "share": (),
    "mapping": ("points",),
    "own_baseline": ("window",),
}


def _show(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _in_scale(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 100


def _one_of(where: str, what: str, value: Any, allowed: Sequence[str]) -> Iterator[str]:
    if value in allowed:
        return
    near = difflib.get_close_matches(str(value), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    yield f"{where}: {what} '{value}' does not exist, use one of {', '.join(allowed)}{hint}"


def _twice(what: str, keys: Iterable[str]) -> Iterator[str]:
    for key, count in Counter(keys).items():
        if not key:
            yield f"{what} without a key: give each one a short unique key."
        elif count > 1:
            yield f"{what} key '{key}' is used {count} times: give each one its own key."


def _weights(
    what: str, parts: Sequence[Component] | Sequence[Measure], target: float
) -> Iterator[str]:
    for part in parts:
        if not _is_number(part.weight) or part.weight <= 0:
            yield (
                f"{what} '{part.label}' has weight {part.weight}: "
                "give it a weight above 0 or remove it."
            )
    if not all(_is_number(part.weight) for part in parts):
        return
    total = math.fsum(part.weight for part in parts)
    if not parts or abs(total - target) <= TOLERANCE:
        return
    named = ", ".join(f"{part.label} ({_show(part.weight)})" for part in parts)
    gap = _show(abs(target - total))
    verb = f"add {gap} to" if total < target else f"take {gap} off"
    yield (
        f"{what} weights add up to {_show(total)}, not {_show(target)}: "
        f"{verb} one or more of {named}."
    )


def _bands(where: str, bands: Sequence[Band]) -> Iterator[str]:
    yield from _twice(f"{where} band", (band.key for band in bands))
    for band in bands:
        name = f"{where} band '{band.name}'"
        yield from _one_of(name, "tone", band.tone, TONES)
        if band.key == UNKNOWN_KEY:
            yield f"{name}: the key 'unknown' is kept for accounts with too little data; rename it."
        if not (_in_scale(band.low) and _in_scale(band.high)):
            yield f"{name}: limits must lie between 0 and 100, not {band.low} to {band.high}."
        elif band.low >= band.high:
            yield (
                f"{name} runs from {_show(band.low)} to {_show(band.high)}: "
                "make its upper limit the larger one."
            )
    limits = [(band.low, band.high) for band in bands]
    if not all(_is_number(low) and _is_number(high) for low, high in limits):
        return
    if bands[0].low != 0:
        yield (
            f"{where} bands start at {_show(bands[0].low)}: "
            f"let '{bands[0].name}' start at 0, or add a band below it."
        )
    if bands[-1].high != 100:
        yield (
            f"{where} bands end at {_show(bands[-1].high)}: "
            f"let '{bands[-1].name}' end at 100, or add a band above it."
        )
    for lower, upper in itertools.pairwise(bands):
        if lower.high != upper.low:
            fault = "leave a gap" if lower.high < upper.low else "overlap"
            yield (
                f"{where} bands '{lower.name}' (to {_show(lower.high)}) and '{upper.name}' "
                f"(from {_show(upper.low)}) {fault}: make both limits the same number."
            )
    tones = [TONES.index(band.tone) for band in bands if band.tone in TONES]
    if tones != sorted(tones):
        yield f"{where} bands change tone both ways: order them poor, fair, good from low to high."
    elif tones and tones[0] != 0:
        yield f"{where} band '{bands[0].name}' is the lowest: give it the tone 'poor'."


def _linear(where: str, params: dict[str, Any]) -> Iterator[str]:
    for name in ("zero_at", "full_at"):
        if not _is_number(params.get(name)):
            yield (
                f"{where}: linear needs the number '{name}' (the value that earns "
                + ("0)." if name == "zero_at" else "100).")
            )
    if _is_number(params.get("zero_at")) and params.get("zero_at") == params.get("full_at"):
        yield f"{where}: zero_at and full_at are both {params['zero_at']}; make them differ."


def _steps(where: str, params: dict[str, Any]) -> Iterator[str]:
    steps = params.get("steps")
    if not isinstance(steps, list | tuple) or not steps:
        yield f"{where}: steps needs a list 'steps' of [threshold, points] pairs."
        return
    for pair in steps:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not _is_number(pair[0]):
            yield f"{where}: {pair!r} is not a [threshold, points] pair of numbers."
            return
        if not _in_scale(pair[1]):
            yield f"{where}: {pair[1]!r} points are outside 0 to 100; change the step {pair!r}."
    thresholds = [pair[0] for pair in steps]
    rising = all(a < b for a, b in itertools.pairwise(thresholds))
    falling = all(a > b for a, b in itertools.pairwise(thresholds))
    if not rising and not falling:
        yield f"{where}: order the step thresholds strictly up or strictly down, not {thresholds}."


def _mapping(where: str, params: dict[str, Any]) -> Iterator[str]:
    points = params.get("points")
    if not isinstance(points, dict) or not points:
        yield f"{where}: mapping needs 'points' with at least one 'category: points' line."
        return
    for name, value in points.items():
        if not _in_scale(value):
            yield f"{where}: category '{name}' earns {value!r}; use a number from 0 to 100."


def _params(where: str, measure: Measure) -> Iterator[str]:
    params = dict(measure.params)
    known = _PARAMS[measure.normaliser]
    for name in params:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            if near:
                hint = f"did you mean '{near[0]}'?"
            else:
                hint = f"use {', '.join(known)}." if known else "remove it."
            yield f"{where}: '{name}' is not a parameter of {measure.normaliser}; {hint}"
    if not isinstance(params.get("invert", False), bool):
        yield f"{where}: invert must be true or false, not {params['invert']!r}."
    if measure.normaliser == "min_max":
        yield from _one_of(where, "transform", params.get("transform", "none"), TRANSFORMS)
    if measure.normaliser == "percentile_rank" and params.get("peer_group") is not None:
        yield from _one_of(where, "peer_group", params["peer_group"], PEER_GROUPS)
    if measure.normaliser == "linear":
        yield from _linear(where, params)
    if measure.normaliser == "steps":
        yield from _steps(where, params)
    if measure.normaliser == "mapping":
        yield from _mapping(where, params)
    if measure.normaliser == "own_baseline":
        window = params.get("window", 1)
        if not _is_number(window) or window != int(window) or not 1 <= window <= 1000:
            yield f"{where}: window must be a whole number of days from 1 to 1000, not {window!r}."


def _measure(component: Component, measure: Measure) -> Iterator[str]:
    where = f"{component.label}, measure '{measure.label}'"
    if not measure.metric:
        yield f"{where} has no metric: name the metric it reads."
    yield from _one_of(where, "missing policy", measure.missing, MISSING_POLICIES)
    if measure.normaliser == "share" and not measure.denominator:
        yield f"{where}: share needs a denominator; name the metric to divide by."
    if measure.normaliser != "share" and measure.denominator:
        yield f"{where}: only share takes a denominator; remove it or use the normaliser share."
    if measure.normaliser in NORMALISERS:
        yield from _params(where, measure)
    else:
        yield from _one_of(where, "normaliser", measure.normaliser, NORMALISERS)


def _cap(cap: Cap) -> Iterator[str]:
    where = f"Cap '{cap.label}'"
    if not cap.metric:
        yield f"{where} has no metric: name the metric it watches."
    yield from _one_of(where, "operator", cap.op, OPERATORS)
    if not _is_number(cap.value):
        yield f"{where}: the value to compare with must be a number, not {cap.value!r}."
    if not _in_scale(cap.limit):
        yield f"{where}: the limit must lie between 0 and 100, not {cap.limit!r}."


def _rest(spec: ScorecardSpec) -> Iterator[str]:
    if not _is_number(spec.min_coverage) or not 0 <= spec.min_coverage <= 1:
        yield f"Minimum coverage must lie between 0 and 1, not {spec.min_coverage}."
    revenue = spec.revenue
    yield from _one_of("Revenue", "tier scheme", revenue.tiers, TIER_SCHEMES)
    for name in ("upsell_share", "upsell_base", "upsell_slope"):
        value = getattr(revenue, name)
        if not _is_number(value) or value < 0:
            yield f"Revenue: {name} must be a number of 0 or more, not {value!r}."
    for name in ("pipeline_metric", "won_metric"):
        if not getattr(revenue, name):
            yield f"Revenue: name the metric for {name}."
    if not _is_number(spec.display.scale_max) or spec.display.scale_max <= 0:
        yield f"Display: scale_max must be above 0, not {spec.display.scale_max}."
    if not 0 <= spec.display.decimals <= 6:
        yield f"Display: decimals must be 0 to 6, not {spec.display.decimals}."


def find_faults(spec: ScorecardSpec) -> list[str]:
    """Every reason this scorecard cannot be published, one sentence each; empty when sound."""
    faults: list[str] = []
    if not spec.key or not spec.name:
        faults.append("Give the scorecard a key and a name.")
    if not spec.components:
        faults.append("The scorecard has no components: add at least one.")
    faults += _twice("Component", (component.key for component in spec.components))
    faults += _twice("Measure", (measure.key for measure in spec.measures))
    faults += _weights("Component", spec.components, 100)
    for component in spec.components:
        if not component.measures:
            faults.append(f"Component '{component.label}' has no measures: add one or remove it.")
        faults += _weights(f"{component.label}: measure", component.measures, 1)
        for measure in component.measures:
            faults += _measure(component, measure)
        if component.bands:
            faults += _bands(f"{component.label}:", component.bands)
    if spec.bands:
        faults += _bands("Scorecard", spec.bands)
    else:
        faults.append("The scorecard has no bands: add bands that cover 0 to 100.")
    faults += _twice("Cap", (cap.key for cap in spec.caps))
    for cap in spec.caps:
        faults += _cap(cap)
    faults += _rest(spec)
    return faults


def validate(spec: ScorecardSpec) -> None:
    """Raise SpecError listing all faults of `find_faults`, or return quietly."""
    faults = find_faults(spec)
    if faults:
        raise SpecError(faults)
