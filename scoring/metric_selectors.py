"""What the pages of the metric catalogue show."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import F

from accounts.models import MetricDefinition
from accounts.trust.freshness import Fresh, freshness
from accounts.trust.tables import READINGS
from scoring.engine.spec import required_metrics
from scoring.metrics.catalogue import CATALOGUE, FAMILIES, catalogue
from scoring.metrics.metric import Metric
from scoring.models import Cap, Measure, MetricProfile, ScorecardVersion
from scoring.services.versions import published_spec

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
        for key, metric in catalogue().items()
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
    """Scorecards in use or in draft, by the metrics they read."""
    uses: dict[str, dict[Use, None]] = defaultdict(dict)
    active = ScorecardVersion.objects.filter(state=ScorecardVersion.State.ACTIVE)
    for version in active.select_related("scorecard"):
        use = Use(version.scorecard.key, version.scorecard.name, draft=False)
        for key in required_metrics(published_spec(version.pk)):
            uses[key][use] = None
    drafts = {"version__state": ScorecardVersion.State.DRAFT}
    names = (F("version__scorecard__key"), F("version__scorecard__name"))
    for model, field in ((Measure, "metric"), (Measure, "denominator"), (Cap, "metric")):
        found: Any = model._default_manager.filter(**drafts).exclude(**{field: ""}).order_by()
        for key, card, name in found.values_list(field, *names):
            uses[key][Use(card, name, draft=True)] = None
    return {key: sorted(found, key=lambda use: use.name) for key, found in uses.items()}
