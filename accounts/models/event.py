"""Product events as they arrive, and the rules that make usage of them."""

from django.conf import settings
from django.db import models


class WriteKey(models.Model):
    """What an event sender authenticates with. Only its digest is kept; `hint` is its first letters."""

    name = models.CharField(max_length=80)
    source = models.CharField(max_length=40)
    # The system whose account ids its groupIds are; blank: its own.
    account_source = models.CharField(max_length=40, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """One message of a sender, stored once by its message id before the sender is told it arrived."""

    class State(models.TextChoices):
        WAITING = "waiting"
        APPLIED = "applied"
        # Its account is not known yet.
        HELD = "held"
        # No rule makes anything of it.
        UNUSED = "unused"
        REFUSED = "refused"

    source = models.CharField(max_length=40)
    message_id = models.CharField(max_length=120)
    write_key = models.ForeignKey(
        WriteKey, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=10)
    name = models.CharField(max_length=200, blank=True)
    user_id = models.CharField(max_length=120, blank=True)
    group_id = models.CharField(max_length=120, blank=True)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, null=True, related_name="+", db_index=False
    )
    on = models.DateField()
    at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    note = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["source", "message_id"], name="one_event_per_message")
        ]
        indexes = [
            # Work to do, in the order of arrival.
            models.Index(fields=["id"], condition=models.Q(state="waiting"), name="event_waiting"),
            # What may be applied now that an account or a user's group is known.
            models.Index(
                fields=["source", "group_id", "user_id"],
                condition=models.Q(state="held"),
                name="event_held",
            ),
            # The page: refused ones, newest first.
            models.Index(fields=["-id"], condition=models.Q(state="refused"), name="event_refused"),
            # A day's total of an event by account.
            models.Index(fields=["account", "on", "name"], name="event_by_account"),
            # What arrived lately, and the days of an event whose rule changes.
            models.Index(fields=["on", "name"], name="event_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name} {self.message_id}"


class EventUser(models.Model):
    """Which account a sender's user belongs to, as its last identify or group call said."""

    source = models.CharField(max_length=40)
    user_id = models.CharField(max_length=120)
    group_id = models.CharField(max_length=120, blank=True)
    traits = models.JSONField(default=dict)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["source", "user_id"]
        constraints = [models.UniqueConstraint(fields=["source", "user_id"], name="one_event_user")]

    def __str__(self) -> str:
        return self.user_id


class EventRule(models.Model):
    """Track events of a name become a usage measure: their count, a property's sum, or distinct users."""

    class How(models.TextChoices):
        COUNT = "count", "Count of events"
        SUM = "sum", "Sum of a property"
        USERS = "users", "Distinct users"
        FEATURE = "feature", "Use of a feature"

    event = models.CharField(max_length=200)
    # Blank: events of every source.
    source = models.CharField(max_length=40, blank=True)
    how = models.CharField(max_length=8, choices=How.choices, default=How.COUNT)
    property = models.CharField(max_length=80, blank=True)
    measure = models.ForeignKey(
        "accounts.UsageMeasure", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    feature = models.ForeignKey(
        "accounts.Feature", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["event", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(measure__isnull=False, feature=None)
                | models.Q(measure=None, feature__isnull=False),
                name="event_rule_makes_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"{self.event}: {self.get_how_display()}"
