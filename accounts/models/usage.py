"""How the product is used and how it runs: dated values of named measures, and features."""

from django.db import models

from accounts.models.fact import Fact


class Aggregate(models.TextChoices):
    """How values of a measure over several days become one."""

    SUM = "sum", "Sum"
    MEAN = "mean", "Mean"
    LAST = "last", "Last"


class UsageMeasure(models.Model):
    """What can be measured of an account's use: log-ins, API calls, active seats, availability …

    Those that ship have `built_in`; the catalogue's metrics read them by key. Others come with files and
    events, and become metrics when an admin defines one.
    """

    key = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=80)
    unit = models.CharField(max_length=40, blank=True)
    description = models.CharField(max_length=255, blank=True)
    aggregate = models.CharField(max_length=4, choices=Aggregate.choices, default=Aggregate.SUM)
    built_in = models.BooleanField(default=False)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.label


class Usage(models.Model):
    """One measure of one account on one day, from one source.

    The four of them are its identity, so it needs no external id. Written in bulk only.
    """

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="usage", db_index=False
    )
    # The database does not check this reference and the import's: loading takes them from rows it has just
    # locked or read, PROTECT keeps those, and a check per row doubles the time a million rows take.
    measure = models.ForeignKey(
        UsageMeasure,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    on = models.DateField()
    source = models.CharField(max_length=40, default="generic")
    value = models.FloatField()
    # No index: only an undo asks for it, and millions of rows would pay for one.
    import_run = models.ForeignKey(
        "accounts.ImportRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        ordering = ["account_id", "measure_id", "-on"]
        verbose_name_plural = "usage"
        constraints = [
            # Also what the night reads: a measure of an account over a window of days.
            models.UniqueConstraint(
                fields=["account", "measure", "on", "source"], name="one_usage_value_a_day"
            )
        ]
        indexes = [
            # The night: the newest day of a measure over the whole book.
            models.Index(fields=["measure", "on"], name="usage_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.measure_id} of {self.account_id} on {self.on}"


class Feature(models.Model):
    """A part of the product that can be adopted."""

    key = models.SlugField(max_length=80, unique=True)
    label = models.CharField(max_length=120)
    is_core = models.BooleanField(default=False)

    class Meta:
        ordering = ["label"]

    def __str__(self) -> str:
        return self.label


class FeatureUse(Fact):
    """An account used a feature on a day. First and last use as of a date are the ends of these days."""

    feature = models.ForeignKey(
        Feature, on_delete=models.PROTECT, related_name="uses", db_index=False
    )
    on = models.DateField()
    uses = models.PositiveIntegerField(null=True, blank=True)

    class Meta(Fact.Meta):
        ordering = ["account_id", "feature_id", "-on"]
        indexes = [
            models.Index(fields=["account", "on", "feature"], name="featureuse_by_account"),
            # The night: the newest day of the whole table.
            models.Index(fields=["on"], name="featureuse_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.feature_id} by {self.account_id} on {self.on}"
