from django.db import models

from accounts.models.fact import Fact


class SurveyKind(models.TextChoices):
    NPS = "nps", "NPS"
    CSAT = "csat", "CSAT"
    EFFORT = "effort", "Customer effort"


class Survey(Fact):
    """A question sent to one person; unanswered while `answered_on` is null.

    Score: NPS 0..10, CSAT 1..5, effort 1..7 (7 is easiest).
    """

    kind = models.CharField(max_length=6, choices=SurveyKind.choices)
    sent_on = models.DateField()
    answered_on = models.DateField(null=True, blank=True)
    score = models.FloatField(null=True, blank=True)
    comment = models.TextField(blank=True)
    contact = models.ForeignKey(
        "accounts.Contact", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta(Fact.Meta):
        ordering = ["account_id", "-sent_on", "-id"]
        indexes = [
            models.Index(fields=["account", "sent_on"], name="survey_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["sent_on"], name="survey_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.sent_on}"
