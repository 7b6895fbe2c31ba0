"""Alerts: a trigger's rule held for an account, and what became of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from playbooks.models.trigger import Severity


class Alert(models.Model):
    """One hit of a trigger on an account. Open ones are `held`, or `open` (which may be snoozed).

    Changed only by `services.alerts` and `services.evaluation`, each change with an `AlertChange`.
    """

    class State(models.TextChoices):
        # A source the trigger reads is frozen: nobody is told until an admin has looked.
        HELD = "held", "Held"
        OPEN = "open", "Open"
        CLEARED = "cleared", "Cleared by itself"
        DISMISSED = "dismissed", "Not a risk"
        # A source came back and the rule did not hold.
        WITHDRAWN = "withdrawn", "Withdrawn"

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="alerts")
    trigger = models.ForeignKey(
        "playbooks.Trigger", on_delete=models.PROTECT, related_name="alerts"
    )
    trigger_revision = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    # The night whose figures opened it.
    opened_on = models.DateField()
    opened_at = models.DateTimeField()
    # The last night on which its rule held, and since when its exit has held without a break.
    last_held_on = models.DateField()
    exit_since = models.DateField(null=True, blank=True)
    # One row per condition: {"label", "key", "value", "text", "op", "threshold", "holds", "unit", "window"}.
    evidence = models.JSONField(default=list)

    # As they were when it opened: measured against later.
    score = models.FloatField(null=True)
    band_name = models.CharField(max_length=40, blank=True)
    tone = models.CharField(max_length=10, blank=True)
    arr_amount = models.BigIntegerField(null=True)

    # Whose it is: the account's owner when it opened, then whoever took or was given it.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alerts",
    )
    # Over the owner's cap of the day: listed as overflow, not notified one by one.
    overflow = models.BooleanField(default=False)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    taken_at = models.DateTimeField(null=True, blank=True)
    # First time anybody did anything with it: took, snoozed, dismissed, started a playbook.
    acted_at = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateField(null=True, blank=True)
    snooze_reason = models.CharField(max_length=255, blank=True)
    # The plan that answers it.
    intervention = models.ForeignKey(
        "playbooks.Intervention",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alerts",
    )
    ended_on = models.DateField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    end_reason = models.CharField(max_length=255, blank=True)
    # Grows with every change: two people acting at once, one is told.
    version = models.PositiveIntegerField(default=1)

    OPEN_STATES = ("held", "open")

    class Meta:
        ordering = ["-severity", "-opened_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "trigger"],
                condition=Q(state__in=["held", "open"]),
                name="one_open_alert",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["held", "open"], ended_at=None)
                | (~Q(state__in=["held", "open"]) & Q(ended_at__isnull=False)),
                name="alert_ended_exactly_when_not_open",
            ),
            models.CheckConstraint(
                condition=Q(taken_by=None, taken_at=None) | Q(taken_at__isnull=False),
                name="alert_taken_has_a_time",
            ),
        ]
        indexes = [
            # The list: open ones, the loudest first.
            models.Index(
                fields=["-severity", "-opened_on", "-id"],
                condition=Q(state__in=["held", "open"]),
                name="alert_open_by_severity",
            ),
            # What is open, whole or of some accounts: SQLite has no use for an index with a condition when
            # the states are parameters.
            models.Index(fields=["state", "account"], name="alert_by_state"),
            # The day's cap.
            models.Index(fields=["opened_on", "owner"], name="alert_by_day"),
            # Cool-down and measures: the alerts of a trigger by day.
            models.Index(fields=["trigger", "opened_on"], name="alert_by_trigger"),
            # Load and cap per CSM and day.
            models.Index(fields=["owner", "opened_on"], name="alert_by_owner"),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk} on {self.account_id}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN_STATES


class AlertChange(models.Model):
    """Something happened to an alert. Append-only: queue, timeline and audit in one.

    `before` and `after` hold the alert's changed fields, enough to undo a bulk action (`batch`).
    """

    class Kind(models.TextChoices):
        OPENED = "opened", "Opened"
        HELD = "held", "Held: a source is frozen"
        RELEASED = "released", "Released"
        WITHDRAWN = "withdrawn", "Withdrawn"
        CLEARED = "cleared", "Cleared by itself"
        TAKEN = "taken", "Taken"
        ASSIGNED = "assigned", "Assigned"
        SNOOZED = "snoozed", "Snoozed"
        WOKEN = "woken", "Snooze ended"
        DISMISSED = "dismissed", "Not a risk"
        STARTED = "started", "Playbook started"
        UNDONE = "undone", "Undone"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="changes")
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.CharField(max_length=255, blank=True)
    # Changes one person made in one go.
    batch = models.UUIDField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The account's timeline.
            models.Index(fields=["account", "-on"], name="alertchange_by_account"),
            # The night: what was released on the day.
            models.Index(fields=["kind", "on"], name="alertchange_by_kind"),
            models.Index(
                fields=["batch"], condition=Q(batch__isnull=False), name="alertchange_by_batch"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of alert {self.alert_id}"


class TriggerNight(models.Model):
    """The evaluation of every trigger on one finished night: claimed by a worker, resumed where it stopped.

    `position` is the last account id whose alerts are committed. `report`: counts per trigger and stage.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        TRIGGERS = "triggers"
        # Exit tests, clocks, attention, notifications: `stage` names the one under way.
        FOLLOW_UP = "follow_up"
        DONE = "done"
        FAILED = "failed"

    run = models.OneToOneField(
        "scoring.ScoreRun", on_delete=models.CASCADE, related_name="trigger_night"
    )
    as_of = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    stage = models.CharField(max_length=40, blank=True)
    position = models.BigIntegerField(default=0)
    report = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-as_of", "-id"]

    def __str__(self) -> str:
        return f"triggers of {self.as_of}"
