"""What the pages read: current health, changes of band, daily sums."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Abs


class AccountHealth(models.Model):
    """Current health, one narrow row per account, rebuilt whole when a night ends.

    Written by `services.publish`, by day by `services.by_day`. `verify_snapshots` proves it equal to the
    latest snapshots. An account that has churned keeps the row of its last night.
    """

    # No constraints: the night builds a new table and swaps it in, and takes all three from their tables.
    account = models.OneToOneField(
        "accounts.Account",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="health",
        db_constraint=False,
    )
    as_of = models.DateField()
    version = models.ForeignKey(
        "scoring.ScorecardVersion",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    run = models.ForeignKey(
        "scoring.ScoreRun",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    score = models.FloatField(null=True)
    # Index into the version's bands from low to high, -1 for Unknown; name and tone spare a look-up per row.
    band = models.SmallIntegerField()
    band_name = models.CharField(max_length=40)
    tone = models.CharField(max_length=10)
    coverage = models.FloatField()
    components = models.BinaryField()
    # Against the same version 7 and 30 days before; null when there was none.
    change_7d = models.FloatField(null=True)
    change_30d = models.FloatField(null=True)
    # The measure that costs the account the most points, and how many.
    top_driver = models.CharField(max_length=120, blank=True)
    top_driver_lost = models.FloatField(null=True)
    # Points of attention, 0–80, higher first; the parts are in `scoring.priority`.
    priority = models.FloatField()
    # Minor units; null when a part of it is unknown.
    predicted_6m_amount = models.BigIntegerField(null=True)
    tier = models.CharField(max_length=2, blank=True)
    # When it was scored again by day, after a change of its facts; null: the night's own.
    rescored_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["account_id"]
        verbose_name_plural = "account health"
        indexes = [
            # At-risk queue, the lowest band only: by urgency where no work is open, and by score.
            models.Index(
                fields=["priority", "account_id"],
                condition=Q(band=0),
                name="health_queue_by_priority",
            ),
            models.Index(
                fields=["score", "account_id"],
                condition=Q(band=0),
                name="health_queue_by_score",
            ),
            # The lowest scores of a tier: those of the largest are few among the lowest of all.
            models.Index(fields=["tier", "score", "account_id"], name="health_tier_by_score"),
            # Portfolio sorted by score.
            models.Index(fields=["score", "account_id"], name="health_by_score"),
            # Movers of the week.
            models.Index(fields=["change_7d", "account_id"], name="health_by_change"),
            # Movers of the month; portfolio sorted by predicted revenue.
            models.Index(fields=["change_30d", "account_id"], name="health_by_change_30d"),
            models.Index(fields=["predicted_6m_amount", "account_id"], name="health_by_predicted"),
            # Those without a band: few, and looked for by whatever else is known of them.
            models.Index(fields=["account_id"], condition=Q(band=-1), name="health_without_band"),
        ]

    def __str__(self) -> str:
        return f"health of {self.account_id}"


_JUDGED = Q(old_band__gte=0, new_band__gte=0)
_LARGEST = (F("as_of").desc(), Abs(F("new_score") - F("old_score")).desc(), F("id").asc())


class BandChange(models.Model):
    """An account's band differs from its previous night under the same version. Append-only."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="band_changes"
    )
    version = models.ForeignKey(
        "scoring.ScorecardVersion", on_delete=models.PROTECT, related_name="+"
    )
    run = models.ForeignKey("scoring.ScoreRun", on_delete=models.PROTECT, related_name="+")
    as_of = models.DateField()
    previous_as_of = models.DateField()
    old_band = models.SmallIntegerField()
    new_band = models.SmallIntegerField()
    old_band_name = models.CharField(max_length=40)
    new_band_name = models.CharField(max_length=40)
    old_score = models.FloatField(null=True)
    new_score = models.FloatField(null=True)

    class Meta:
        ordering = ["-as_of", "account_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "as_of", "version"], name="one_band_change_per_night"
            )
        ]
        indexes = [
            # "What changed in 14 days" on home.
            models.Index(fields=["-as_of", "account"], name="bandchange_recent"),
            # The newest of them with the largest first, as `home_selectors.newest_changes` sorts and divides.
            models.Index(
                *_LARGEST, name="bandchange_down", condition=_JUDGED & Q(new_band__lt=F("old_band"))
            ),
            models.Index(
                *_LARGEST, name="bandchange_up", condition=_JUDGED & Q(new_band__gt=F("old_band"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.old_band_name} → {self.new_band_name} on {self.as_of}"


class DailyRollup(models.Model):
    """Sums of one night per owner, team, segment and band: the trend charts read these, not snapshots."""

    as_of = models.DateField()
    run = models.ForeignKey("scoring.ScoreRun", on_delete=models.PROTECT, related_name="+")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    industry = models.CharField(max_length=80, blank=True)
    size_segment = models.CharField(max_length=20, blank=True)
    version = models.ForeignKey(
        "scoring.ScorecardVersion", on_delete=models.PROTECT, related_name="+"
    )
    band = models.SmallIntegerField()
    band_name = models.CharField(max_length=40)
    tone = models.CharField(max_length=10)
    accounts = models.PositiveIntegerField()
    scored = models.PositiveIntegerField()
    score_sum = models.FloatField()
    arr_amount = models.BigIntegerField()
    arr_known = models.PositiveIntegerField()

    class Meta:
        ordering = ["as_of", "id"]
        indexes = [
            # A trend over the days of a chart.
            models.Index(fields=["as_of"], name="rollup_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.accounts} accounts on {self.as_of}"


class NightTotal(models.Model):
    """The daily sums of one night added up further, for charts that split by neither industry nor size.

    Two sets of rows, each of them the whole night: per version and band (`is_whole`, owner and team null),
    and per owner and team as well. Made from `DailyRollup` by `services.rollups.total`, never counted.
    """

    as_of = models.DateField()
    run = models.ForeignKey("scoring.ScoreRun", on_delete=models.CASCADE, related_name="+")
    # As on the run: the series a night belongs to is asked for with every chart.
    scorecard = models.ForeignKey(
        "scoring.Scorecard", on_delete=models.PROTECT, null=True, related_name="+"
    )
    version = models.ForeignKey(
        "scoring.ScorecardVersion", on_delete=models.PROTECT, related_name="+"
    )
    is_whole = models.BooleanField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    band = models.SmallIntegerField()
    band_name = models.CharField(max_length=40)
    tone = models.CharField(max_length=10)
    accounts = models.PositiveIntegerField()
    scored = models.PositiveIntegerField()
    score_sum = models.FloatField()
    arr_amount = models.BigIntegerField()
    arr_known = models.PositiveIntegerField()

    class Meta:
        ordering = ["as_of", "id"]
        indexes = [
            models.Index(fields=["as_of"], name="nighttotal_by_day"),
            # The trend of the whole book: a few rows a night among those of every owner.
            models.Index(
                fields=["as_of"],
                condition=Q(is_whole=True),
                name="nighttotal_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.accounts} accounts on {self.as_of}, added up"
