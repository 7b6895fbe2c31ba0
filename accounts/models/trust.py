"""Whether data can be believed: sources, what they sent day by day, and the breaker."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Source(models.Model):
    """A system facts come from. Made by its first import; the interval is learned unless an admin sets it."""

    key = models.CharField(max_length=40, unique=True)
    label = models.CharField(max_length=80, blank=True)
    # Days between its usual deliveries; null: learned from what it sent.
    interval_days = models.FloatField(null=True, blank=True)
    # Off for one-time loads: it may fall silent without anybody being told.
    watched = models.BooleanField(default=True)
    # Silence of so many usual intervals opens the breaker; null: the rule's own.
    silent_times = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return self.label or self.key


class FeedDay(models.Model):
    """What one source sent of one feed (and measure, where it has several) dated on one day."""

    source = models.CharField(max_length=40)
    feed = models.CharField(max_length=40)
    measure = models.CharField(max_length=80, blank=True)
    on = models.DateField()
    rows = models.PositiveIntegerField()
    accounts = models.PositiveIntegerField()
    mean = models.FloatField(null=True)

    class Meta:
        ordering = ["source", "feed", "measure", "-on"]
        constraints = [
            models.UniqueConstraint(fields=["source", "feed", "measure", "on"], name="one_feed_day")
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.feed} {self.measure} on {self.on}: {self.rows}"


class Freeze(models.Model):
    """The breaker: facts of a source's feed after `good_on` are not read until an admin lifts it.

    It holds for nights from `opened_on` until the day before `lifted_on`, so that a past night is
    computed again with the breaker as it stood then.
    """

    class Reason(models.TextChoices):
        SILENT = "silent", "Fell silent"
        JUMP = "jump", "Distribution jumped"
        BY_HAND = "by_hand", "Frozen by an admin"

    source = models.CharField(max_length=40)
    feed = models.CharField(max_length=40)
    reason = models.CharField(max_length=10, choices=Reason.choices)
    # {"measure": …, "usual": …, "seen": …, "sentence": …}
    details = models.JSONField(default=dict)
    good_on = models.DateField()
    opened_on = models.DateField()
    opened_at = models.DateTimeField(auto_now_add=True)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    lifted_on = models.DateField(null=True, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)
    # When the admins were told; null: still to be told.
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "feed"],
                condition=Q(lifted_on=None),
                name="one_open_freeze_per_feed",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.feed} frozen at {self.good_on}"


class Merge(models.Model):
    """Two accounts that were one: what moved from `merged` to `kept`, so that it can move back."""

    kept = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    merged = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    # {"model label": [ids]} of the rows that moved; {"field": [before, after]} of the kept account.
    moved = models.JSONField(default=dict)
    changed = models.JSONField(default=dict)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.merged_id} into {self.kept_id}"


class NotADuplicate(models.Model):
    """Somebody looked at two accounts that look alike and said they are two."""

    first = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_word_per_pair")
        ]

    def __str__(self) -> str:
        return f"{self.first_id} is not {self.second_id}"


class LookAlike(models.Model):
    """Two accounts that may be one, as the last search found them; `score` 0..1, `why` in words."""

    first = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    second = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    score = models.FloatField()
    why = models.JSONField(default=list)

    class Meta:
        ordering = ["-score", "id"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="one_look_alike_per_pair")
        ]

    def __str__(self) -> str:
        return f"{self.first_id} looks like {self.second_id}"


class Watermark(models.Model):
    """How far a job that reads facts as they come has read: the last row, and when."""

    key = models.CharField(max_length=60, unique=True)
    row_id = models.BigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.key} up to {self.row_id}"
