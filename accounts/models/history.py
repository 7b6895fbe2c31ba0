"""Who looked after the account and where it stood in its life, by date; and its other names."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models.account import LifecycleStage
from accounts.models.fact import Fact


class LifecycleEvent(Fact):
    """The account entered a stage on a day. Churn is the stage Churned; a later stage is a win-back."""

    stage = models.CharField(max_length=20, choices=LifecycleStage.choices)
    on = models.DateField()
    reason = models.CharField(max_length=120, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "-on", "-id"]
        indexes = [models.Index(fields=["account", "on"], name="lifecycle_by_account")]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} on {self.on}"


class OwnerPeriod(models.Model):
    """Who owned an account from `valid_from` until the day before `valid_to` (null: still).

    Written by every door that changes an owner; no row means nobody.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="owner_periods"
    )
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["account_id", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "valid_from"], name="one_owner_period_a_day"
            ),
            models.CheckConstraint(
                condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")),
                name="owner_period_is_a_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_id} from {self.valid_from}"


class AccountAlias(models.Model):
    """Another id of an account: in another system, or one that was merged into it."""

    source = models.CharField(max_length=40)
    external_id = models.CharField(max_length=80)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="aliases"
    )
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["source", "external_id"]
        verbose_name_plural = "account aliases"
        constraints = [
            models.UniqueConstraint(fields=["source", "external_id"], name="one_account_per_alias")
        ]

    def __str__(self) -> str:
        return f"{self.source}:{self.external_id}"


class CustomField(models.Model):
    """A column of accounts that only this company has; values are in `Account.custom` by key."""

    class Kind(models.TextChoices):
        TEXT = "text", "Text"
        NUMBER = "number", "Number"
        DATE = "date", "Date"
        YES_NO = "yes_no", "Yes or no"

    key = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=80)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.TEXT)
    description = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label
