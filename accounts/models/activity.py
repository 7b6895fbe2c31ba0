"""Contacts between us and the customer."""

from django.db import models

from accounts.models.fact import Fact


class ActivityKind(models.TextChoices):
    CALL = "call", "Call"
    EMAIL = "email", "E-mail"
    MEETING = "meeting", "Meeting"
    QBR = "qbr", "QBR"
    EBR = "ebr", "EBR"
    TRAINING = "training", "Training"
    WEBINAR = "webinar", "Webinar"
    CHECK_IN = "check_in", "Check-in"
    COMMUNITY = "community", "Community"
    OTHER = "other", "Other"


class Direction(models.TextChoices):
    OUTBOUND = "out", "From us"
    INBOUND = "in", "From the customer"
    UNKNOWN = "", "Unknown"


class Outcome(models.TextChoices):
    ATTENDED = "attended", "Attended"
    NO_SHOW = "no_show", "No-show"
    ANSWERED = "answered", "Answered"
    UNANSWERED = "unanswered", "Unanswered"
    UNKNOWN = "", "Unknown"


class Activity(Fact):
    """A call, message, meeting, review, training or post. Planned ones lie after the day one looks from."""

    kind = models.CharField(max_length=10, choices=ActivityKind.choices)
    on = models.DateField()
    at = models.DateTimeField(null=True, blank=True)
    direction = models.CharField(max_length=3, blank=True, choices=Direction.choices)
    outcome = models.CharField(max_length=10, blank=True, choices=Outcome.choices)
    # −1 (angry) to 1 (delighted); null unknown.
    sentiment = models.FloatField(null=True, blank=True)
    with_executive = models.BooleanField(default=False)
    # "renewal", "budget", "competitor", "integration", "roi" …: what triggers look for.
    topic = models.CharField(max_length=40, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    invited = models.PositiveIntegerField(null=True, blank=True)
    attended = models.PositiveIntegerField(null=True, blank=True)
    contact = models.ForeignKey(
        "accounts.Contact", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta(Fact.Meta):
        ordering = ["account_id", "-on", "-id"]
        verbose_name_plural = "activities"
        indexes = [
            # The night reads windows of it alone, without the rows.
            models.Index(
                fields=["account", "on"],
                include=[
                    "kind",
                    "direction",
                    "outcome",
                    "sentiment",
                    "with_executive",
                    "topic",
                    "invited",
                    "attended",
                ],
                name="activity_by_account",
            ),
            # The night: the newest day of the whole table.
            models.Index(fields=["on"], name="activity_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.on}"
