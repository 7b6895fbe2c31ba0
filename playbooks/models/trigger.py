"""Rules that open alerts: what fires, for whom, how loud, and when it is over."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Severity(models.IntegerChoices):
    """How loud; the higher the more urgent, so that the database sorts by it."""

    LOW = 1, "Low"
    MEDIUM = 2, "Medium"
    HIGH = 3, "High"
    CRITICAL = 4, "Critical"


class Trigger(models.Model):
    """A rule over an account's metrics, score, components and bands; `playbooks.rules` reads its documents.

    Edited in place; every change is a `TriggerChange` with the next `revision`, and an alert names the
    revision that opened it.
    """

    class Family(models.TextChoices):
        REAL_TIME = "real-time", "Real-time"
        LEADING = "leading", "Leading"
        ACTIVITY = "activity", "Activity"
        CONTACT = "contact", "Contact"
        PIPELINE = "pipeline", "Pipeline"
        LAGGING = "lagging", "Lagging"
        COMMERCIAL = "commercial", "Commercial"
        OPPORTUNITY = "opportunity", "Opportunity"

    key = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    family = models.CharField(max_length=20, choices=Family.choices)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.MEDIUM)
    # Fires when this holds. A condition on something unknown neither fires nor clears.
    rule = models.JSONField()
    # Clears once this has held for `exit_days`; empty: once the rule itself no longer holds.
    exit_rule = models.JSONField(default=dict, blank=True)
    exit_days = models.PositiveSmallIntegerField(default=1)
    # {"industry": […], "size_segment": […], "lifecycle_stage": […], "tags": […]}; absent means any.
    scope = models.JSONField(default=dict, blank=True)
    # After an alert has ended, days until the same trigger may open another on the account.
    cooldown_days = models.PositiveSmallIntegerField(default=14)
    # What is recommended first for its alerts.
    playbook = models.ForeignKey(
        "playbooks.Playbook", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(default=False)
    # Its key in the library that ships; empty for one made here.
    shipped = models.CharField(max_length=60, blank=True)
    revision = models.PositiveIntegerField(default=1)
    position = models.PositiveSmallIntegerField(default=100)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="trigger_has_a_known_severity"
            )
        ]

    def __str__(self) -> str:
        return self.name


class TriggerChange(models.Model):
    """A trigger was made, edited, switched on or off: its values before and after. Append-only."""

    trigger = models.ForeignKey(Trigger, on_delete=models.CASCADE, related_name="changes")
    revision = models.PositiveIntegerField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # {"field": [before, after]}
    changed = models.JSONField(default=dict)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.trigger_id} revision {self.revision}"


class Replay(models.Model):
    """What a draft rule would have done over the last nights: asked for, worked on, answered.

    `result`: {"nights": n, "fired": n, "accounts": n, "churned": n, "contracted": n, "judged": n,
    "open_overlap": n, "by_night": [[date, fired]], "examples": [{account_id, on, evidence, churned_on}], …}.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    trigger = models.ForeignKey(
        Trigger, on_delete=models.CASCADE, null=True, blank=True, related_name="replays"
    )
    name = models.CharField(max_length=120)
    # {"rule": …, "exit_rule": …, "exit_days": …, "scope": …, "cooldown_days": …} as tried.
    draft = models.JSONField()
    as_of = models.DateField()
    days = models.PositiveSmallIntegerField(default=90)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"replay of {self.name} over {self.days} days"
