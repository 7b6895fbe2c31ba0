"""What the pages of the metric catalogue show."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import MetricDefinition
from accounts.trust.freshness import Fresh, freshness
from accounts.trust.tables import READINGS
from scoring.metrics.catalogue import CATALOGUE, FAMILIES
from scoring.metrics.custom import metric_of
from scoring.metrics.metric import Metric
from scoring.models import Cap, Measure, MetricProfile, ScorecardVersion

OWN = "Defined here"
_FAMILY = {metric.key: name for name, family in FAMILIES.items() for metric in family.METRICS}


@dataclass(frozen=True)
class Use:
    """A scorecard that reads a metric."""

    scorecard: str
    name: str
    draft: bool


@dataclass(frozen=True)
class Entry:
    """A metric with what is known of it tonight. `told_on` is the newest day of any of its feeds."""

    metric: Metric
    family: str
    definition: MetricDefinition | None
    profile: MetricProfile | None
    fresh: Sequence[Fresh]
    uses: Sequence[Use]

    @property
    def coverage(self) -> float | None:
        """Share of the accounts of the night that have a value; None before any night counted it."""
        if self.profile is None or not self.profile.accounts:
            return None
        return self.profile.known / self.profile.accounts

    @property
    def told_on(self) -> date | None:
        return max((each.last_on for each in self.fresh if each.last_on), default=None)

    @property
    def is_frozen(self) -> bool:
        return any(each.frozen for each in self.fresh)


def entries(as_of: date) -> list[Entry]:
    """Every metric that ships or is defined here, by family; a constant number of queries."""
    definitions = {row.key: row for row in MetricDefinition.objects.all()}
    own = {key: metric_of(row) for key, row in definitions.items() if key not in CATALOGUE}
    profiles = _profiles()
    uses = _uses()
    told = freshness(as_of)
    return [
        Entry(
            metric=metric,
            family=_FAMILY.get(key, OWN),
            definition=definitions.get(key) if key not in CATALOGUE else None,
            profile=profiles.get(key),
            fresh=_fresh_of(metric, told),
            uses=uses.get(key, ()),
        )
        for key, metric in (CATALOGUE | own).items()
    ]


def _profiles() -> dict[str, MetricProfile]:
    newest = MetricProfile.objects.order_by("-as_of").values("as_of")[:1]
    return {row.metric: row for row in MetricProfile.objects.filter(as_of__in=newest)}


def profiled_nights(key: str, limit: int) -> list[MetricProfile]:
    """The last nights on which the metric was counted, oldest first."""
    return list(MetricProfile.objects.filter(metric=key).order_by("-as_of")[:limit])[::-1]


def _fresh_of(metric: Metric, told: Iterable[Fresh]) -> list[Fresh]:
    """The series a metric reads: the measures where it names one, the whole feed otherwise."""
    measured = {part.measure for part in metric.parts if part.measure}
    feeds = {part.table.feed for part in metric.parts if not part.measure}
    return [
        each
        for each in told
        if (each.measure in measured and each.measure)
        or (each.feed in feeds and not each.measure)
        or (each.feed == READINGS and each.measure == metric.key)
    ]


def _uses() -> dict[str, list[Use]]:
    """Scorecards in use or in draft, by the metrics they read; one query."""
    state = ScorecardVersion.State
    using = Q(version__state__in=(state.ACTIVE, state.DRAFT))
    parts: list[QuerySet[Any, Any]] = [
        rows.filter(using)
        .order_by()
        .values_list(field, "version__scorecard__key", "version__scorecard__name", "version__state")
        for rows, field in (
            (Measure.objects.all(), "metric"),
            (Measure.objects.all(), "denominator"),
            (Cap.objects.all(), "metric"),
        )
    ]
    versions = ScorecardVersion.objects.filter(state__in=(state.ACTIVE, state.DRAFT)).order_by()
    parts += [
        versions.values_list(field, "scorecard__key", "scorecard__name", "state")
        for field in ("pipeline_metric", "won_metric")
    ]
    uses: dict[str, dict[Use, None]] = defaultdict(dict)
    for key, card, name, stands in parts[0].union(*parts[1:]):
        if key:
            uses[key][Use(card, name, draft=stands == state.DRAFT)] = None
    return {key: sorted(found, key=lambda use: use.name) for key, found in uses.items()}
