"""Deals, and the stages they went through."""

from django.db import models
from django.db.models import F, Q

from accounts.models.fact import Fact


class DealStatus(models.TextChoices):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class DealKind(models.TextChoices):
    NEW = "new"
    EXPANSION = "expansion"
    RENEWAL = "renewal"
    UNKNOWN = "", "Unknown"


class Opportunity(Fact):
    """A deal as last told. Metrics read `OpportunityState`, never this row. Amounts in minor units."""

    name = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=10, blank=True, choices=DealKind.choices)
    stage = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=4, choices=DealStatus.choices, default=DealStatus.OPEN)
    amount = models.BigIntegerField("amount (minor units)", null=True, blank=True)
    probability = models.FloatField("probability 0..1", null=True, blank=True)
    opened_on = models.DateField()
    expected_close_on = models.DateField(null=True, blank=True)
    closed_on = models.DateField(null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-opened_on", "id"]
        verbose_name_plural = "opportunities"
        indexes = [models.Index(fields=["account", "opened_on"], name="opportunity_by_account")]

    def __str__(self) -> str:
        return self.name or self.external_id


class OpportunityState(models.Model):
    """Stage, status and amount from `valid_from` until the day before `valid_to` (null: still)."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    opportunity = models.ForeignKey(Opportunity, on_delete=models.CASCADE, related_name="states")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    stage = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=4, choices=DealStatus.choices)
    kind = models.CharField(max_length=10, blank=True)
    amount = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["opportunity_id", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["opportunity", "valid_from"], name="one_opportunity_state_a_day"
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="opportunity_state_is_a_period",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "valid_from"], name="oppstate_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["valid_from"], name="oppstate_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.opportunity_id} {self.stage} from {self.valid_from}"
