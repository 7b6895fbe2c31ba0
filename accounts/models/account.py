"""The customer: who they are, what they pay, who looks after them."""

from django.conf import settings
from django.db import models


class SizeSegment(models.TextChoices):
    ENTERPRISE = "Enterprise"
    LARGE = "Large"
    MID_MARKET = "Mid-Market"
    SMALL_BUSINESS = "Small Business"
    UNKNOWN = "", "Unknown"


class LifecycleStage(models.TextChoices):
    ONBOARDING = "Onboarding"
    ADOPTION = "Adoption"
    GROWTH = "Growth"
    RENEWAL = "Renewal"
    CHURNED = "Churned"
    UNKNOWN = "", "Unknown"


# What lists of a book are sorted, counted and summed by.
_BOOK = ("name", "id", "churned_on", "arr_amount", "currency", "renewal_on", "last_touch_on")


class Account(models.Model):
    """One customer. Scoring never writes here; current health is `scoring.AccountHealth`."""

    # Where the row came from and what that system calls it: importing it again finds it again.
    source = models.CharField(max_length=40, default="generic")
    external_id = models.CharField(max_length=80)

    name = models.CharField(max_length=255)
    industry = models.CharField(max_length=80, blank=True)
    size_segment = models.CharField(max_length=20, blank=True, choices=SizeSegment.choices)
    account_type = models.CharField(max_length=40, blank=True)
    country = models.CharField(max_length=80, blank=True)
    lifecycle_stage = models.CharField(max_length=20, blank=True, choices=LifecycleStage.choices)
    customer_since = models.DateField(null=True, blank=True)
    churned_on = models.DateField(null=True, blank=True)
    # What the source's own churn flag says. Compared with the dated facts, never taken for one.
    churn_flag = models.BooleanField(null=True, blank=True)
    churn_reason = models.CharField(max_length=120, blank=True)
    last_touch_on = models.DateField(null=True, blank=True)
    renewal_on = models.DateField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)
    # Values of this company's own fields, by `CustomField.key`; dates as YYYY-MM-DD.
    custom = models.JSONField(default=dict, blank=True)

    # Integer minor units (cents): a bigint scans 20 times faster than a numeric. Null is unknown, not 0.
    arr_amount = models.BigIntegerField("ARR (minor units)", null=True, blank=True)
    currency = models.CharField(max_length=3, default="USD")

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="owned_accounts",
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.SET_NULL, null=True, blank=True, related_name="accounts"
    )
    # The group this customer belongs to.
    parent = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children"
    )
    # Set when this row turned out to be another account: it is hidden, and its ids lead there.
    merged_into = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "external_id"], name="one_account_per_source_id"
            ),
            models.CheckConstraint(
                condition=models.Q(arr_amount__gte=0) | models.Q(arr_amount=None),
                name="arr_is_not_negative",
            ),
        ]
        indexes = [
            # The portfolio in its name order, which is also the order of ties everywhere else.
            models.Index(fields=["name", "id"], name="account_by_name"),
            # Home and portfolio: renewals in the next 90 days; the portfolio by renewal.
            models.Index(fields=["renewal_on", "id"], name="account_in_renewal_order"),
            # The portfolio by ARR and by last touch.
            models.Index(fields=["arr_amount", "id"], name="account_by_arr"),
            models.Index(fields=["last_touch_on", "id"], name="account_by_last_touch"),
            # The book of one colleague, and of one team: by name, counted and summed without the rows.
            models.Index(
                fields=["owner", *_BOOK],
                condition=models.Q(merged_into=None),
                name="account_book_of_owner",
            ),
            models.Index(
                fields=["team", *_BOOK],
                condition=models.Q(merged_into=None),
                name="account_book_of_team",
            ),
            # Filters and the risk matrix.
            models.Index(fields=["industry", "size_segment"], name="account_by_segment"),
        ]

    def __str__(self) -> str:
        return self.name
