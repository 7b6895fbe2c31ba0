from django.db import models


class MetricProfile(models.Model):
    """How one metric looked over the whole book on one night: who has it, and how it is spread.

    `spread` is {"quantiles": {"5": …, "25": …, "50": …, "75": …, "95": …}, "bins": [[low, high, n], …],
    "n": values counted} for numbers, {"values": {text: n}} for categories; money in major units.
    """

    as_of = models.DateField()
    metric = models.CharField(max_length=60)
    accounts = models.PositiveIntegerField()
    known = models.PositiveIntegerField()
    mean = models.FloatField(null=True)
    spread = models.JSONField(default=dict)

    class Meta:
        ordering = ["-as_of", "metric"]
        constraints = [
            models.UniqueConstraint(fields=["metric", "as_of"], name="one_metric_profile_a_night")
        ]
        indexes = [models.Index(fields=["as_of"], name="metricprofile_by_night")]

    def __str__(self) -> str:
        return f"{self.metric} on {self.as_of}"
