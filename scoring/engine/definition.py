"""The parts a scorecard is made of, as frozen values; what they mean is in scoring/README.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Normaliser = Literal[
    "min_max", "percentile_rank", "linear", "steps", "share", "mapping", "own_baseline"
]
MissingPolicy = Literal["redistribute", "neutral", "worst"]
Tone = Literal["good", "fair", "poor"]
Operator = Literal[">", ">=", "<", "<=", "=="]
TierScheme = Literal["quantile", "amount"]

NORMALISERS: tuple[str, ...] = (
    "min_max",
    "percentile_rank",
    "linear",
    "steps",
    "share",
    "mapping",
    "own_baseline",
)
POPULATION_NORMALISERS: tuple[str, ...] = ("min_max", "percentile_rank")
MISSING_POLICIES: tuple[str, ...] = ("redistribute", "neutral", "worst")
TRANSFORMS: tuple[str, ...] = ("none", "sqrt", "log1p")
PEER_GROUPS: tuple[str, ...] = ("industry", "size_segment")
TONES: tuple[str, ...] = ("poor", "fair", "good")
OPERATORS: tuple[str, ...] = (">", ">=", "<", "<=", "==")
TIER_SCHEMES: tuple[str, ...] = ("quantile", "amount")
DEFAULT_WINDOW_DAYS = 90

# The band of an account whose data is too thin to judge; no scorecard may define it itself.
UNKNOWN_KEY = "unknown"
UNKNOWN_NAME = "Unknown"
UNKNOWN_TONE = "unknown"
# Its index where bands are counted from low to high.
UNKNOWN_BAND = -1


@dataclass(frozen=True)
class Measure:
    """A metric placed in a component.

    `weight` is the share inside the component (all shares of a component add up to 1).
    `params` by normaliser: min_max {invert, transform}; percentile_rank {invert, peer_group};
    linear {zero_at, full_at}; steps {steps: [[threshold, points], ...]}; mapping
    {points: {category: points}}; own_baseline {window: days}; share none (see `denominator`).
    """

    key: str
    label: str
    metric: str
    normaliser: Normaliser
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    weight: float = 1.0
    missing: MissingPolicy = "redistribute"
    denominator: str | None = None
    description: str = ""


@dataclass(frozen=True)
class Band:
    """A half-open interval `[low, high)` of the 0-100 score; the top one is closed at 100."""

    key: str
    name: str
    low: float
    high: float
    tone: Tone


@dataclass(frozen=True)
class Component:
    """A weighted group of measures; `weight` is a percentage of the scorecard.

    `bands` are the component's own lights; empty means it has none.
    """

    key: str
    label: str
    weight: float
    measures: tuple[Measure, ...]
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True)
class Cap:
    """Limits the total to `limit` where `metric op value` holds; a missing metric never caps."""

    key: str
    label: str
    metric: str
    op: Operator
    value: float
    limit: float


@dataclass(frozen=True)
class Revenue:
    """Constants of the six-month revenue rule, see `engine.revenue.predict`."""

    pipeline_metric: str = "current_pipeline_amount"
    won_metric: str = "total_won_amount"
    upsell_share: float = 0.5
    upsell_base: float = 0.05
    upsell_slope: float = 0.25
    tiers: TierScheme = "quantile"


@dataclass(frozen=True)
class Display:
    """How a stored 0-100 score is shown: multiplied by `scale_max / 100`, with `decimals`."""

    scale_max: float = 100.0
    decimals: int = 1


@dataclass(frozen=True)
class Scope:
    """The accounts a scorecard applies to; an empty list means any."""

    industry: tuple[str, ...] = ()
    size_segment: tuple[str, ...] = ()
    lifecycle_stage: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScorecardSpec:
    """One immutable version of a scorecard; `bands` are ordered from low to high."""

    key: str
    name: str
    description: str
    components: tuple[Component, ...]
    bands: tuple[Band, ...]
    min_coverage: float = 0.5
    caps: tuple[Cap, ...] = ()
    revenue: Revenue = Revenue()
    display: Display = Display()
    scope: Scope = Scope()

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All measures in the order every array of the engine uses."""
        return tuple(measure for component in self.components for measure in component.measures)

    @property
    def high_risk_band(self) -> Band:
        """The lowest band."""
        return self.bands[0]

    @property
    def band_words(self) -> tuple[tuple[str, str], ...]:
        """(name, tone) by band index; Unknown's come last, where the index -1 finds them."""
        words = [(band.name, str(band.tone)) for band in self.bands]
        return (*words, (UNKNOWN_NAME, UNKNOWN_TONE))


class SpecError(ValueError):
    """A scorecard that cannot be explained; `faults` are sentences saying what to change."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


@dataclass(frozen=True)
class Slot:
    """One float32 of the vector stored with a snapshot.

    `owner` is a measure's or a cap's key; `column` is the frame column it is read from.
    """

    owner: str
    role: Literal["value", "numerator", "denominator", "baseline", "category", "peer_group", "cap"]
    column: str


def window_days(measure: Measure) -> int:
    """Days of the trailing average an own_baseline measure compares with."""
    return int(measure.params.get("window", DEFAULT_WINDOW_DAYS))


def baseline_column(metric: str, window: int) -> str:
    """Name of the frame column with the account's own trailing average of a metric."""
    return f"{metric}@baseline{window}"


def categories(measure: Measure) -> tuple[str, ...]:
    """Categories of a mapping measure, sorted: the stored input is an index into this."""
    return tuple(sorted(str(name) for name in measure.params.get("points", {})))


def measure_slots(measure: Measure) -> Iterator[Slot]:
    """The slots of one measure, in the order its normaliser takes their columns."""
    key, metric = measure.key, measure.metric
    if measure.normaliser == "share":
        yield Slot(key, "numerator", metric)
        yield Slot(key, "denominator", measure.denominator or "")
    elif measure.normaliser == "own_baseline":
        yield Slot(key, "value", metric)
        yield Slot(key, "baseline", baseline_column(metric, window_days(measure)))
    elif measure.normaliser == "mapping":
        yield Slot(key, "category", metric)
    else:
        yield Slot(key, "value", metric)
        if measure.normaliser == "percentile_rank" and measure.params.get("peer_group"):
            yield Slot(key, "peer_group", str(measure.params["peer_group"]))


def slots(spec: ScorecardSpec) -> tuple[Slot, ...]:
    """Order of the packed vector: measures as the scorecard lists them, then caps."""
    found = [slot for measure in spec.measures for slot in measure_slots(measure)]
    found += [Slot(cap.key, "cap", cap.metric) for cap in spec.caps]
    return tuple(found)


def required_columns(spec: ScorecardSpec) -> tuple[str, ...]:
    """Frame columns `pack` reads: metrics, `metric@baselineN` averages and peer groups."""
    return tuple(dict.fromkeys(slot.column for slot in slots(spec)))


def required_metrics(spec: ScorecardSpec) -> tuple[str, ...]:
    """Metric keys a run must compute: measures, denominators, caps and the revenue rule."""
    derived = ("baseline", "peer_group")
    keys = [slot.column for slot in slots(spec) if slot.role not in derived]
    keys += [spec.revenue.pipeline_metric, spec.revenue.won_metric]
    return tuple(dict.fromkeys(keys))


def required_baselines(spec: ScorecardSpec) -> tuple[tuple[str, int], ...]:
    """(metric, window in days) pairs whose trailing average a run must compute."""
    pairs = [
        (measure.metric, window_days(measure))
        for measure in spec.measures
        if measure.normaliser == "own_baseline"
    ]
    return tuple(dict.fromkeys(pairs))
