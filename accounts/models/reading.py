"""Metrics as a source reported them, dated."""

from django.db import models


class Reading(models.Model):
    """What one source said of one account on one day: `{"total_contacts": 13, …}`.

    Only metrics the source filled in are present; an absent key is unknown. A metric as of a date is the
    value in the newest reading on or before it that names the metric.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="readings"
    )
    on = models.DateField()
    source = models.CharField(max_length=40, default="generic")
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.PROTECT, null=True, related_name="readings"
    )
    metrics = models.JSONField(default=dict)

    class Meta:
        ordering = ["account_id", "-on", "id"]
        constraints = [
            # Also the night's index: the newest reading per account as of a date.
            models.UniqueConstraint(
                fields=["account", "on", "source"], name="one_reading_per_account_and_day"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} on {self.on}"
