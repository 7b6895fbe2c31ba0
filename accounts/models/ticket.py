from django.db import models

from accounts.models.fact import Fact


class Severity(models.TextChoices):
    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    NORMAL = "normal", "Normal"
    LOW = "low", "Low"
    UNKNOWN = "", "Unknown"


class Ticket(Fact):
    """A support case. Everything learned after it was opened has its own day."""

    subject = models.CharField(max_length=255, blank=True)
    severity = models.CharField(max_length=10, blank=True, choices=Severity.choices)
    category = models.CharField(max_length=80, blank=True)
    sentiment = models.FloatField(null=True, blank=True)
    opened_on = models.DateField()
    opened_at = models.DateTimeField(null=True, blank=True)
    first_response_on = models.DateField(null=True, blank=True)
    first_response_minutes = models.PositiveIntegerField(null=True, blank=True)
    escalated_on = models.DateField(null=True, blank=True)
    reopened_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-opened_on", "-id"]
        indexes = [
            # The night reads windows of it alone, without the rows.
            models.Index(
                fields=["account", "opened_on"],
                include=[
                    "severity",
                    "category",
                    "sentiment",
                    "first_response_on",
                    "first_response_minutes",
                    "escalated_on",
                    "reopened_on",
                    "closed_on",
                ],
                name="ticket_by_account",
            ),
            # The night: the newest day of the whole table.
            models.Index(fields=["opened_on"], name="ticket_by_day"),
        ]

    def __str__(self) -> str:
        return self.subject or self.external_id
