"""Scorecards and their figures in words: the same sentences on the account page and the scorecard page."""

from collections.abc import Iterator

from csm.lib import display
from csm.lib.money import per_unit
from scoring.engine.explain import Input
from scoring.engine.spec import Band, Cap, Measure, Revenue, Scope, ScorecardSpec
from scoring.engine.statistics import MeasureStats
from scoring.metrics.catalogue import find

CAUSES = {
    "data": "Data appeared or went missing",
    "inputs": "Inputs changed",
    "population": "Population moved",
    "version": "Weights or normaliser changed",
    "cap": "Cap",
}
CAUSE_DEFINITIONS = {
    "data": "Measures that have a value on one of the two nights only.",
    "inputs": "The account's own values are different.",
    "population": "The account stands differently because other accounts, the lowest and highest value, moved.",
    "version": "Another version of the scorecard, or another scorecard: no change of the customer.",
    "cap": "A limit of the scorecard holds now and did not before, or the reverse.",
}
MISSING = {
    "redistribute": "its weight goes to the other measures",
    "neutral": "counts as 50",
    "worst": "counts as 0",
}
# Attributes of the account that a measure may read; they are no catalogue metrics.
_ATTRIBUTES = {
    "size_segment": "Size segment",
    "industry": "Industry",
    "lifecycle_stage": "Lifecycle stage",
}
_OPERATORS = {
    ">": "is above",
    ">=": "is at least",
    "<": "is below",
    "<=": "is at most",
    "==": "is",
}


def plain(value: float, digits: int = 4) -> str:
    """A number without trailing zeros: 0.35, 20, 1,250."""
    text = display.number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def metric_label(key: str) -> str:
    metric = find(key)
    return metric.label if metric else _ATTRIBUTES.get(key, key)


def metric_definition(key: str) -> str:
    """What a metric is and which way is better, in one or two sentences."""
    metric = find(key)
    if metric is None:
        return f"The account's own attribute: {_ATTRIBUTES.get(key, key).lower()}."
    if metric.is_category:
        return metric.description
    better = "Higher is better." if metric.direction == "up" else "Lower is better."
    return f"{metric.description} {better}"


def figure(key: str, value: float | None, currency: str) -> str:
    """A metric's value with its unit; amounts of metrics are in major units of `currency`."""
    if value is None:
        return display.MISSING
    metric = find(key)
    kind = metric.kind if metric else "number"
    if kind == "money":
        return display.money(round(value * per_unit(currency)), currency)
    if kind == "ratio":
        share = f"{plain(value * 100, 1)}%"
        return f"+{share}" if metric is not None and metric.signed and value > 0 else share
    if kind == "days":
        return f"{plain(value, 1)} d"
    if kind == "count":
        return plain(value, 1)
    return plain(value, 2)


def unit(key: str) -> str:
    """What stands beside the figure where the figure alone does not say it."""
    metric = find(key)
    if metric is None or metric.kind in ("money", "ratio", "days", "category"):
        return ""
    if metric.unit:
        return f"on {metric.unit.replace('..', ' to ')}"
    return f"in {metric.window_days} d" if metric.window_days else ""


def inputs_text(
    metric: str, denominator: str | None, inputs: tuple[Input, ...], currency: str
) -> str:
    """A line's stored inputs as people say them: "12 of 13", "4.2 (own average 5)", "Enterprise"."""
    found = {entry.role: entry.value for entry in inputs}
    if "category" in found:
        return str(found["category"]) if found["category"] is not None else display.MISSING
    if "denominator" in found:
        of = figure(denominator or "", _number(found["denominator"]), currency)
        return f"{figure(metric, _number(found['numerator']), currency)} of {of}"
    text = figure(metric, _number(found.get("value")), currency)
    if "baseline" in found:
        text += f" (own average {figure(metric, _number(found['baseline']), currency)})"
    if found.get("peer_group"):
        text += f" (among {found['peer_group']})"
    return text


def _number(value: float | str | None) -> float | None:
    return value if isinstance(value, int | float) else None


def normaliser(measure: Measure, stats: MeasureStats | None = None, currency: str = "USD") -> str:
    """How a value becomes 0–100, in words; with `stats` population limits get their figures."""
    return "".join(_normaliser(measure, stats, currency))


def _normaliser(measure: Measure, stats: MeasureStats | None, currency: str) -> Iterator[str]:
    params, metric = measure.params, measure.metric
    if measure.normaliser == "min_max":
        first, last = ("highest", "lowest") if params.get("invert") else ("lowest", "highest")
        limits = {"lowest": "", "highest": ""}
        if stats and stats.minimum is not None:
            limits["lowest"] = f" ({figure(metric, stats.minimum, currency)})"
            limits["highest"] = f" ({figure(metric, stats.maximum, currency)})"
        yield f"between the {first}{limits[first]} and the {last}{limits[last]} account"
        yield {"sqrt": ", on a square-root scale", "log1p": ", on a log scale"}.get(
            str(params.get("transform", "none")), ""
        )
    elif measure.normaliser == "percentile_rank":
        group = str(params.get("peer_group") or "")
        yield "rank among " + (
            f"peers ({metric_label(group).lower()})" if group else "all accounts"
        )
        yield ", lowest first" if params.get("invert") else ""
    elif measure.normaliser == "linear":
        zero, full = limit(metric, params.get("zero_at")), limit(metric, params.get("full_at"))
        yield f"from 0 at {zero} to 100 at {full}"
    elif measure.normaliser == "steps":
        yield _steps(measure)
    elif measure.normaliser == "share":
        yield f"share of {metric_label(measure.denominator or '').lower()}, in percent"
    elif measure.normaliser == "mapping":
        points = sorted(dict(params.get("points", {})).items(), key=lambda pair: -float(pair[1]))
        yield ", ".join(f"{name} {plain(float(earned))}" for name, earned in points)
    else:
        yield f"percent of its own average over {params.get('window', 90)} days, at most 100"


def limit(metric: str, value: object) -> str:
    """A parameter in the metric's unit; amounts without a currency, since a scorecard has none."""
    if not isinstance(value, int | float):
        return display.MISSING
    known = find(metric)
    if known is not None and known.kind == "money":
        return display.compact(value)
    return figure(metric, value, "USD").replace(" d", " days")


def _steps(measure: Measure) -> str:
    steps = [
        (float(threshold), float(points)) for threshold, points in measure.params.get("steps", [])
    ]
    falling = len(steps) > 1 and steps[-1][0] < steps[0][0]
    word = "down to" if falling else "from"
    listed = ", ".join(
        f"{plain(points)} {word} {limit(measure.metric, threshold)}" for threshold, points in steps
    )
    return f"steps: {listed}, else 0"


def missing(measure: Measure) -> str:
    return MISSING.get(measure.missing, measure.missing)


def cap(rule: Cap) -> str:
    """ "NPS is below −20: the score is at most 60"."""
    compared = f"{_OPERATORS.get(rule.op, rule.op)} {limit(rule.metric, rule.value)}"
    return f"{metric_label(rule.metric)} {compared}: the score is at most {plain(rule.limit)}"


def scope(limits: Scope, *, is_default: bool = False) -> str:
    """The accounts a scorecard is for."""
    names = {
        "industry": "industry",
        "size_segment": "size",
        "lifecycle_stage": "stage",
        "tags": "tag",
    }
    parts = [
        f"{name} {' or '.join(getattr(limits, key))}"
        for key, name in names.items()
        if getattr(limits, key)
    ]
    if parts:
        text = "Accounts with " + ", ".join(parts)
        return f"{text}, and every account no other scorecard claims" if is_default else text
    return "Every account no other scorecard claims" if is_default else "Every account"


def revenue(rule: Revenue) -> str:
    """The six-month revenue rule with its constants."""
    return (
        f"{metric_label(rule.pipeline_metric)} × health/100 + {plain(rule.upsell_share)} × "
        f"{metric_label(rule.won_metric).lower()} × ({plain(rule.upsell_base)} + "
        f"{plain(rule.upsell_slope)} × health/100)"
    )


def tiers(rule: Revenue) -> str:
    if rule.tiers == "amount":
        return "Tier 1 above 10M, tier 2 from 1M, tier 3 from 100K, tier 4 below."
    return "Tier A above the upper quartile of the night, tier C below the lower quartile, tier B between."


def bands(spec: ScorecardSpec, parts: tuple[Band, ...] = ()) -> list[tuple[str, str, float, float]]:
    """(name, tone, low, high) on 0–100, from low to high: what gauge and charts take."""
    return [(band.name, str(band.tone), band.low, band.high) for band in parts or spec.bands]


def light(parts: tuple[Band, ...], value: float | None) -> tuple[str, str] | None:
    """(name, tone) of a component's own light; None when it has none or nothing could be scored."""
    if not parts or value is None:
        return None
    # The engine's own rule: rounded to four decimals, half-open, the top one closed.
    found = next((band for band in reversed(parts) if round(value, 4) >= band.low), parts[0])
    return found.name, str(found.tone)
