"""What lists show of the work on an account, one narrow row each; and the policy of the house."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from playbooks.models.trigger import Severity


class AccountWork(models.Model):
    """Open work of an account: rebuilt by `services.attention` only, after a night and after every change.

    `priority` is the place in the at-risk queue: the points of `scoring.priority` plus those of its alerts
    and clocks, 0–100. No row: no work, and the priority of its health alone.
    """

    account = models.OneToOneField(
        "accounts.Account", on_delete=models.CASCADE, primary_key=True, related_name="work"
    )
    alerts_open = models.PositiveSmallIntegerField(default=0)
    alerts_untaken = models.PositiveSmallIntegerField(default=0)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, null=True)
    top_alert = models.ForeignKey(
        "playbooks.Alert", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    top_alert_name = models.CharField(max_length=120, blank=True)
    plans_open = models.PositiveSmallIntegerField(default=0)
    plan = models.ForeignKey(
        "playbooks.Intervention", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    plan_title = models.CharField(max_length=160, blank=True)
    next_task = models.ForeignKey(
        "playbooks.InterventionTask", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    next_task_title = models.CharField(max_length=160, blank=True)
    next_due_on = models.DateField(null=True)
    tasks_overdue = models.PositiveSmallIntegerField(default=0)
    clock = models.ForeignKey(
        "playbooks.Clock", on_delete=models.SET_NULL, null=True, related_name="+"
    )
    clock_label = models.CharField(max_length=40, blank=True)
    clock_due_at = models.DateTimeField(null=True)
    clock_broken = models.BooleanField(default=False)
    # Points of attention, each up to 10.
    alert_points = models.FloatField(default=0)
    clock_points = models.FloatField(default=0)
    priority = models.FloatField(default=0)

    class Meta:
        ordering = ["-priority", "account_id"]
        verbose_name_plural = "account work"
        indexes = [
            # The at-risk queue: the most urgent first, and back.
            models.Index(fields=["priority", "account"], name="work_in_queue_order"),
        ]

    def __str__(self) -> str:
        return f"work on {self.account_id}"


class Policy(models.Model):
    """The few figures of the house that are no trigger's and no playbook's own. One row."""

    # Alerts a CSM is told of one by one on a day; the others are listed as overflow.
    alert_cap = models.PositiveSmallIntegerField(default=10)
    # A closed plan re-opens when its exit test fails within so many days.
    reopen_days = models.PositiveSmallIntegerField(default=30)
    share_days = models.PositiveSmallIntegerField(default=14)
    attachment_max_bytes = models.PositiveIntegerField(default=10_000_000)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "policy"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_policy")]

    def __str__(self) -> str:
        return "policy"

    @classmethod
    def current(cls) -> "Policy":
        """The policy in force: the row, or the defaults where nobody has tuned it."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)


class CalendarFeed(models.Model):
    """A colleague's iCal address: a secret in the URL, because calendars cannot log in. Digest only."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["user"]

    def __str__(self) -> str:
        return f"calendar of {self.user_id}"
