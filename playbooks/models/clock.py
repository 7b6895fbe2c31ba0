"""Clocks: what must happen by when, and who is told when it did not."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class BusinessCalendar(models.Model):
    """Working hours of a team, in the book's time zone; without a team, of everybody who has none."""

    name = models.CharField(max_length=80, unique=True)
    team = models.OneToOneField(
        "accounts.Team", on_delete=models.CASCADE, null=True, blank=True, related_name="calendar"
    )
    # Monday is 0.
    weekdays = models.JSONField(default=list)
    opens = models.TimeField()
    closes = models.TimeField()
    # Public holidays of this country (ISO 3166) count as closed, besides those listed; empty: none.
    country = models.CharField(max_length=2, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(opens__lt=F("closes")), name="calendar_opens_before_it_closes"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Holiday(models.Model):
    """A day a calendar is closed beyond its weekends."""

    calendar = models.ForeignKey(
        BusinessCalendar, on_delete=models.CASCADE, related_name="holidays"
    )
    on = models.DateField()
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ["calendar", "on"]
        constraints = [models.UniqueConstraint(fields=["calendar", "on"], name="one_holiday_a_day")]

    def __str__(self) -> str:
        return f"{self.name} on {self.on}"


class ClockRule(models.Model):
    """A promise to act: when its clock starts, how long it runs, who is told when it runs out.

    `params` tune it: {"below": 30} for the first response, {"top": 200} for the executive list.
    `escalate_after_hours`: {"executive": 24}, working hours after the breach, of which the manager is
    told at once.
    """

    class Key(models.TextChoices):
        FIRST_RESPONSE = "first_response", "First response"
        ROOT_CAUSE = "root_cause", "Root cause"
        EXECUTIVE = "executive", "Executive attention"
        WEEKLY_REVIEW = "weekly_review", "Weekly review"

    key = models.CharField(max_length=20, choices=Key.choices, unique=True)
    description = models.TextField(blank=True)
    hours = models.FloatField(help_text="Hours until it is due.")
    # False: by the wall clock, round the clock.
    in_business_time = models.BooleanField(default=False)
    params = models.JSONField(default=dict, blank=True)
    escalate_after_hours = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=Q(hours__gt=0), name="clock_runs_some_time")
        ]

    def __str__(self) -> str:
        return self.get_key_display()


class Clock(models.Model):
    """One running, kept or broken promise on an account."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        BROKEN = "broken", "Broken"
        # Met, in time or late: `met_at` against `due_at` says which.
        MET = "met", "Met"
        # The reason went away: the account recovered or churned.
        DROPPED = "dropped", "No longer needed"

    rule = models.ForeignKey(ClockRule, on_delete=models.PROTECT, related_name="clocks")
    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="clocks")
    intervention = models.ForeignKey(
        "playbooks.Intervention",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="clocks",
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Why it runs, in a sentence: "Health score 24, below 30".
    reason = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    broken_at = models.DateTimeField(null=True, blank=True)
    met_at = models.DateTimeField(null=True, blank=True)
    met_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # How it was met or why it was dropped.
    outcome = models.CharField(max_length=255, blank=True)

    OPEN_STATES = ("running", "broken")

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "account"],
                condition=Q(state__in=["running", "broken"]),
                name="one_open_clock",
            ),
        ]
        indexes = [
            # Due ones, and the page of running and broken clocks.
            models.Index(fields=["state", "due_at"], name="clock_by_state"),
            # Every minute, rule by rule, among all the clocks that ended.
            models.Index(fields=["rule", "state", "account"], name="clock_by_rule"),
        ]

    def __str__(self) -> str:
        return f"{self.rule} on {self.account_id}"


class Escalation(models.Model):
    """A broken clock was brought to a level, once. Append-only."""

    class Level(models.TextChoices):
        MANAGER = "manager", "Manager"
        EXECUTIVE = "executive", "Executive"

    clock = models.ForeignKey(Clock, on_delete=models.CASCADE, related_name="escalations")
    level = models.CharField(max_length=10, choices=Level.choices)
    at = models.DateTimeField()
    # Who was told; empty when nobody holds the level, which the page says.
    told = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["clock", "level"], name="one_escalation_per_level")
        ]

    def __str__(self) -> str:
        return f"clock {self.clock_id} to {self.level}"
