"""What a rule is made of: frozen conditions, each true, false or unknown of an account."""

from dataclasses import dataclass

# The name that stands for every component of an account's scorecard.
ANY = "any"


@dataclass(frozen=True)
class MetricIs:
    """A metric against a number in the metric's own unit (money in major units, ratios 0.2 for 20 %)."""

    metric: str
    op: str
    value: float


@dataclass(frozen=True)
class MetricIn:
    """A category among (`in`) or not among (`not_in`) some words; unknown where it is not told."""

    metric: str
    op: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class MetricKnown:
    """Whether a metric is `known` or `unknown`; itself never unknown."""

    metric: str
    op: str


@dataclass(frozen=True)
class MetricAgainst:
    """A metric against `times` × another one."""

    metric: str
    op: str
    times: float
    of: str


@dataclass(frozen=True)
class MetricChange:
    """A metric less the same `days` before; `rate`: divided by that, unknown where it was not above 0."""

    metric: str
    change: str
    days: int
    op: str
    value: float


@dataclass(frozen=True)
class ScoreIs:
    """The score, 0–100."""

    op: str
    value: float


@dataclass(frozen=True)
class ScoreChange:
    """Points gained since `days` before under the same version; below 0 is a fall."""

    days: int
    op: str
    value: float


@dataclass(frozen=True)
class ComponentIs:
    """A component's score, 0–100; `any`: that of at least one."""

    component: str
    op: str
    value: float


@dataclass(frozen=True)
class ComponentLight:
    """A component in its lowest light; with `days`: and `days` before it was not. `is_not` is the opposite."""

    component: str
    op: str
    days: int | None


@dataclass(frozen=True)
class ComponentsFalling:
    """How many components lost `by` points or more since `days` before."""

    days: int
    by: float
    op: str
    value: float


@dataclass(frozen=True)
class BandIs:
    """The band: `lowest`, `highest`, `unknown` or a name of the account's own scorecard."""

    band: str
    op: str


@dataclass(frozen=True)
class BandMoved:
    """The band is lower (`down`) or higher (`up`) than `days` before under the same version."""

    direction: str
    days: int


@dataclass(frozen=True)
class OpenTriggers:
    """How many triggers of a family have an open alert on the account."""

    family: str
    op: str
    value: float


ComponentCondition = ComponentIs | ComponentLight | ComponentsFalling
Condition = (
    MetricIs
    | MetricIn
    | MetricKnown
    | MetricAgainst
    | MetricChange
    | ScoreIs
    | ScoreChange
    | ComponentCondition
    | BandIs
    | BandMoved
    | OpenTriggers
)


@dataclass(frozen=True)
class Group:
    """At least `least` of the parts hold: all of them, one of them, or some."""

    least: int
    parts: "tuple[Condition | Group, ...]"
