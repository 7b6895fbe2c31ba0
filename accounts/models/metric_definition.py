from django.conf import settings
from django.db import models


class MetricDefinition(models.Model):
    """A metric an admin made without code: an aggregate over a window of a usage measure or reported value.

    Once a published scorecard uses it, only its label and description may change: its numbers must not.
    """

    class Origin(models.TextChoices):
        USAGE = "usage", "Usage measure"
        REPORTED = "reported", "Reported value"

    class Aggregate(models.TextChoices):
        SUM = "sum", "Sum"
        MEAN = "mean", "Mean"
        LAST = "last", "Last value"
        TREND = "trend", "Trend"

    class Direction(models.TextChoices):
        UP = "up", "Higher is better"
        DOWN = "down", "Lower is better"

    key = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=80)
    description = models.CharField(max_length=255)
    unit = models.CharField(max_length=40, blank=True)
    direction = models.CharField(max_length=4, choices=Direction.choices, default=Direction.UP)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.USAGE)
    # Key of the usage measure. A reported metric is read by this metric's own key.
    measure = models.CharField(max_length=60, blank=True)
    aggregate = models.CharField(max_length=5, choices=Aggregate.choices, default=Aggregate.SUM)
    window_days = models.PositiveIntegerField(default=30)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["label"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(window_days__gte=1, window_days__lte=400),
                name="metric_window_is_sane",
            )
        ]

    def __str__(self) -> str:
        return self.label
