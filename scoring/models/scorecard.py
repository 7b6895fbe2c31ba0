"""Scorecards as data: a scorecard has versions; a published version never changes again."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

FROZEN = "A published version never changes: start a draft and publish that."


class Scorecard(models.Model):
    """A named way of scoring and the accounts it applies to."""

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True)
    is_default = models.BooleanField(
        default=False, help_text="Scores every account that no other active scorecard claims."
    )
    position = models.PositiveSmallIntegerField(
        default=100,
        help_text="The first active scorecard whose scope matches an account scores it.",
    )

    class Meta:
        ordering = ["position", "key"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_scorecard"
            )
        ]

    def __str__(self) -> str:
        return self.name


class ScorecardVersion(models.Model):
    """One state of a scorecard: a draft that is edited, or a published version that is not."""

    class State(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        RETIRED = "retired"

    class Tiers(models.TextChoices):
        QUANTILE = "quantile", "By quantile (A, B, C)"
        AMOUNT = "amount", "By amount (1 to 4)"

    scorecard = models.ForeignKey(Scorecard, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    min_coverage = models.FloatField(
        "minimum coverage", default=0.5, help_text="0 to 1. Below it the band is Unknown."
    )
    scale_max = models.FloatField("shown out of", default=100)
    decimals = models.PositiveSmallIntegerField("decimals shown", default=1)
    # {"industry": […], "size_segment": […], "lifecycle_stage": […], "tags": […]}; absent means any.
    scope = models.JSONField(default=dict, blank=True)

    pipeline_metric = models.CharField(max_length=60, default="current_pipeline_amount", blank=True)
    won_metric = models.CharField(max_length=60, default="total_won_amount", blank=True)
    upsell_share = models.FloatField(default=0.5)
    upsell_base = models.FloatField(default=0.05)
    upsell_slope = models.FloatField(default=0.25)
    tiers = models.CharField(max_length=10, choices=Tiers.choices, default=Tiers.QUANTILE)

    note = models.TextField(blank=True)
    spec_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["scorecard", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["scorecard", "number"], name="one_version_per_number"),
            models.UniqueConstraint(
                fields=["scorecard"], condition=Q(state="active"), name="one_active_version"
            ),
            models.UniqueConstraint(
                fields=["scorecard"], condition=Q(state="draft"), name="one_draft"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", published_at=None)
                | (~Q(state="draft") & Q(published_at__isnull=False)),
                name="published_exactly_when_not_a_draft",
            ),
            models.CheckConstraint(
                condition=Q(min_coverage__gte=0, min_coverage__lte=1), name="coverage_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scorecard} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse to change what a published version scores with; raises ValidationError."""
        published = type(self).objects.filter(pk=self.pk).exclude(state=self.State.DRAFT)
        stored: dict[str, Any] = dict(published.values().first() or {})
        frozen = stored.keys() - {"state", "published_by_id"}
        if any(stored[name] != getattr(self, name) for name in frozen):
            raise ValidationError(FROZEN)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if not type(self).objects.filter(pk=self.pk, state=self.State.DRAFT).exists():
            raise ValidationError(FROZEN)
        return super().delete(*args, **kwargs)

    @property
    def is_draft(self) -> bool:
        return self.state == self.State.DRAFT


class PartOfVersion(models.Model):
    """A row of a `version` (a scorecard's, a playbook's): editable while that is a draft, frozen afterwards."""

    class Meta:
        abstract = True

    version_id: int

    def _refuse_when_published(self) -> None:
        versions: Any = self._meta.get_field("version").related_model
        drafts = versions.objects.filter(state=versions.State.DRAFT)
        if not drafts.filter(pk=self.version_id).exists():
            raise ValidationError(FROZEN)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_when_published()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        self._refuse_when_published()
        return super().delete(*args, **kwargs)


class Component(PartOfVersion):
    """A weighted group of measures; the weights of a version's components add up to 100."""

    version = models.ForeignKey(
        ScorecardVersion, on_delete=models.CASCADE, related_name="components"
    )
    key = models.SlugField(max_length=60)
    label = models.CharField(max_length=120)
    weight = models.FloatField(help_text="Percent; all components add up to 100.")
    # The component's own lights, bands like the scorecard's; empty when it has none.
    lights = models.JSONField(default=list, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["version", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_component_per_key"),
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=100), name="component_weight_is_percent"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Measure(PartOfVersion):
    """A metric in a scorecard: how it becomes 0–100 and what it weighs in its component."""

    class Normaliser(models.TextChoices):
        MIN_MAX = "min_max"
        PERCENTILE_RANK = "percentile_rank"
        LINEAR = "linear"
        STEPS = "steps"
        SHARE = "share"
        MAPPING = "mapping"
        OWN_BASELINE = "own_baseline"

    class Missing(models.TextChoices):
        REDISTRIBUTE = "redistribute", "share its weight over the others"
        NEUTRAL = "neutral", "count as 50"
        WORST = "worst", "count as 0"

    version = models.ForeignKey(ScorecardVersion, on_delete=models.CASCADE, related_name="measures")
    component = models.ForeignKey(Component, on_delete=models.CASCADE, related_name="measures")
    key = models.SlugField(max_length=60)
    label = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    metric = models.CharField(max_length=60)
    denominator = models.CharField(max_length=60, blank=True)
    normaliser = models.CharField(max_length=20, choices=Normaliser.choices)
    params = models.JSONField(default=dict, blank=True)
    weight = models.FloatField(help_text="Share of its component, 0 to 1; they add up to 1.")
    missing = models.CharField(max_length=20, choices=Missing.choices, default=Missing.REDISTRIBUTE)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["version", "component__position", "position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_measure_per_key"),
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=1), name="measure_weight_is_share"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Band(PartOfVersion):
    """A half-open interval of scores with a word; together they cover 0 to 100."""

    class Tone(models.TextChoices):
        GOOD = "good"
        FAIR = "fair"
        POOR = "poor"

    version = models.ForeignKey(ScorecardVersion, on_delete=models.CASCADE, related_name="bands")
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=40)
    low = models.FloatField()
    high = models.FloatField()
    tone = models.CharField(max_length=10, choices=Tone.choices)

    class Meta:
        ordering = ["version", "low"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_band_per_key"),
            models.CheckConstraint(
                condition=Q(low__lt=models.F("high")), name="band_is_an_interval"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Cap(PartOfVersion):
    """A rule that limits the total: when `metric op value` holds, the score is at most `limit`."""

    class Op(models.TextChoices):
        GE = ">="
        GT = ">"
        LE = "<="
        LT = "<"
        EQ = "=="

    version = models.ForeignKey(ScorecardVersion, on_delete=models.CASCADE, related_name="caps")
    key = models.SlugField(max_length=60)
    label = models.CharField(max_length=160)
    metric = models.CharField(max_length=60)
    op = models.CharField(max_length=2, choices=Op.choices)
    value = models.FloatField()
    limit = models.FloatField()

    class Meta:
        ordering = ["version", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "key"], name="one_cap_per_key"),
            models.CheckConstraint(
                condition=Q(limit__gte=0, limit__lte=100), name="cap_is_within_the_scale"
            ),
        ]

    def __str__(self) -> str:
        return self.label
