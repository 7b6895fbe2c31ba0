"""Telling people: in the workbench, by e-mail, by webhook, each as they set it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from playbooks.models.trigger import Severity


class NoticeSetting(models.Model):
    """How one colleague wants to be told; without a row, the defaults."""

    class Mail(models.TextChoices):
        AT_ONCE = "at_once", "At once"
        DIGEST = "digest", "In the daily digest"
        NEVER = "never", "Never"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notice_setting"
    )
    mail = models.CharField(max_length=10, choices=Mail.choices, default=Mail.DIGEST)
    # Alerts below it are in the lists, but nobody is told of them.
    min_severity = models.PositiveSmallIntegerField(
        choices=Severity.choices, default=Severity.MEDIUM
    )
    # Of Notice.Kind: what this colleague does not want to hear of.
    muted = models.JSONField(default=list, blank=True)
    digest_hour = models.PositiveSmallIntegerField(default=8)
    # A day's digest goes out once.
    digest_sent_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["user"]

    def __str__(self) -> str:
        return f"notices to {self.user_id}"


class Notice(models.Model):
    """One thing one colleague was told."""

    class Kind(models.TextChoices):
        ALERT = "alert", "Alerts on my accounts"
        OVERFLOW = "overflow", "More alerts than my cap of the day"
        ASSIGNED = "assigned", "Work assigned to me"
        MENTION = "mention", "Somebody mentions me"
        TASK = "task", "Tasks due"
        APPROVAL = "approval", "Approval wanted"
        CLOCK = "clock", "Clocks that ran out"
        PLAN = "plan", "Plans closed or re-opened"
        HANDOVER = "handover", "Accounts handed over"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    # Path within the workbench.
    url = models.CharField(max_length=255)
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, null=True, blank=True)
    # What it is about, so that repeating a night tells nobody twice: "alert:17:opened".
    about = models.CharField(max_length=120)
    at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "about"], name="told_once"),
        ]
        indexes = [
            # The bell: how many are unread.
            models.Index(fields=["user", "-at"], condition=Q(read_at=None), name="notice_unread"),
        ]

    def __str__(self) -> str:
        return self.title


class Webhook(models.Model):
    """An address of this company that is told of events: JSON, or text as Slack reads it; signed."""

    class Format(models.TextChoices):
        JSON = "json", "JSON"
        SLACK = "slack", "Slack-compatible"

    name = models.CharField(max_length=80)
    url = models.URLField(max_length=500)
    # Signs each delivery (HMAC-SHA256 over time and body).
    secret = models.CharField(max_length=80)
    format = models.CharField(max_length=10, choices=Format.choices, default=Format.JSON)
    # Of Notice.Kind.
    kinds = models.JSONField(default=list)
    min_severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.HIGH)
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    # A colleague's own: only what is for them. None: everything of the team, or of the house.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="webhooks",
    )
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message on its way out: a row that is tried until it arrives or is given up."""

    class Channel(models.TextChoices):
        MAIL = "mail", "E-mail"
        DIGEST = "digest", "Daily digest"
        WEBHOOK = "webhook", "Webhook"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"

    channel = models.CharField(max_length=10, choices=Channel.choices)
    notice = models.ForeignKey(
        Notice, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries"
    )
    # As `Notice.about`, per channel and receiver: nothing goes out twice.
    about = models.CharField(max_length=160)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["about"], name="delivered_once"),
        ]
        indexes = [
            # What is to be sent now.
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="delivery_waiting"),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.about}"
