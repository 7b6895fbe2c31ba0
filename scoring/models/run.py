"""A night as rows: the run, and the account-id ranges workers claim."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ScoreRun(models.Model):
    """One night's scoring as of a date under a fixed plan of published versions.

    `statistics` maps version id → the engine's population statistics; with a snapshot's inputs and its
    version that is all it takes to compute the score again.
    """

    class State(models.TextChoices):
        COUNTING = "counting"
        SCORING = "scoring"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN_STATES = (State.COUNTING, State.SCORING)

    as_of = models.DateField()
    # Version ids in the order their scopes are tried; the last is the default.
    plan = models.JSONField()
    # Set when one scorecard was asked for by name: it then scores every account.
    scorecard = models.ForeignKey(
        "scoring.Scorecard", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # A back-fill: snapshots, band changes and roll-up, but current health stays as it is.
    history_only = models.BooleanField(default=False)
    # [[source, feed, last good day]]: what the breaker held back that night.
    frozen = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.COUNTING)
    statistics = models.JSONField(default=dict)
    # {version id: {"cuts": [q25, q75], "clipped": {measure: n}, "warnings": […]}}
    report = models.JSONField(default=dict)
    accounts = models.PositiveIntegerField(default=0)
    scored = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)
    band_changes = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # When accounts scored again by day last moved the sums of this night.
    sums_moved_at = models.DateTimeField(null=True, blank=True, editable=False)
    # {"counting": seconds, "scoring": …, "publishing": …}: wall time from stage to stage, as they end.
    stages = models.JSONField(default=dict, blank=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two people starting the same night get the same run.
            models.UniqueConstraint(
                fields=["as_of"],
                condition=Q(state__in=["counting", "scoring"]),
                name="one_open_run_per_night",
            )
        ]
        indexes = [
            # "The newest finished night", asked by every page.
            models.Index(
                fields=["-as_of", "-id"], condition=Q(state="done"), name="run_newest_done"
            ),
        ]

    def __str__(self) -> str:
        return f"night of {self.as_of}"

    @property
    def sums_of(self) -> str:
        """What the sums of this night are remembered under: another word whenever they change."""
        at = self.sums_moved_at or self.finished_at
        return f"{self.pk}:{at.timestamp() if at else 0}"


class ScoreShard(models.Model):
    """A range of account ids in a run: first counted for the statistics, then scored.

    A worker claims it by compare-and-set on `lease_until`; a lease that ran out is free again, so a killed
    worker costs one shard's time.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        COUNTED = "counted"
        SCORED = "scored"

    run = models.ForeignKey(ScoreRun, on_delete=models.CASCADE, related_name="shards")
    number = models.PositiveIntegerField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Of the last attempt that failed; emptied by one that succeeds.
    error = models.TextField(blank=True)
    # Wall time of the last piece of work on it, for the rate and the time left.
    seconds = models.FloatField(null=True)
    # {version id: partial statistics} while counting, {version id: predicted revenues and daily sums}
    # while scoring; emptied once the run has put them together.
    partial = models.JSONField(default=dict)
    # {"accounts": n, "scored": n, "unknown": n, "band_changes": n, "clipped": {…}, "warnings": […]}
    report = models.JSONField(default=dict)

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_shard_per_number"),
            models.CheckConstraint(
                condition=Q(first_id__lte=models.F("last_id")), name="shard_is_a_range"
            ),
        ]

    def __str__(self) -> str:
        return f"shard {self.number} of run {self.run_id}"
