"""What the customer buys from us, and every change of it."""

from django.db import models

from accounts.models.fact import Fact


class ChangeKind(models.TextChoices):
    NEW = "new", "New"
    RENEWAL = "renewal", "Renewal"
    UPSELL = "upsell", "Upsell"
    DOWNSELL = "downsell", "Downsell"
    CHURN = "churn", "Churn"


class Subscription(Fact):
    """A product under contract, as last told. ARR in minor units."""

    product = models.CharField(max_length=120, blank=True)
    seats = models.PositiveIntegerField(null=True, blank=True)
    arr_amount = models.BigIntegerField("ARR (minor units)", null=True, blank=True)
    started_on = models.DateField()
    # The contract's end; renewed contracts move it.
    ends_on = models.DateField(null=True, blank=True)
    # The day it ended for good.
    ended_on = models.DateField(null=True, blank=True)
    end_reason = models.CharField(max_length=120, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-started_on", "-id"]
        indexes = [
            models.Index(fields=["account", "started_on"], name="subscription_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["started_on"], name="subscription_by_day"),
        ]

    def __str__(self) -> str:
        return self.product or self.external_id


class SubscriptionEvent(Fact):
    """A contract changed on a day. `arr_amount` is the subscription's ARR from then on, minor units.

    Without a subscription it speaks of the account's whole contract value.
    """

    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, null=True, blank=True, related_name="events"
    )
    kind = models.CharField(max_length=10, choices=ChangeKind.choices)
    on = models.DateField()
    arr_amount = models.BigIntegerField("ARR after (minor units)", null=True, blank=True)
    arr_change = models.BigIntegerField("change of ARR (minor units)", null=True, blank=True)
    seats = models.PositiveIntegerField("seats after", null=True, blank=True)
    reason = models.CharField(max_length=120, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-on", "-id"]
        indexes = [
            models.Index(fields=["account", "on"], name="subevent_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["on"], name="subevent_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.on}"
