"""Colleagues who log in, their API tokens, and the work the workbench does for them in the background.

Customers are `accounts.Account`, their people are contacts.
"""

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from knox.models import AbstractAuthToken


class Role(models.TextChoices):
    """What a colleague comes for; `accounts.access` turns it into rights."""

    CSM = "csm", "Customer success manager"
    MANAGER = "manager", "Manager"
    EXECUTIVE = "executive", "Executive"
    ADMIN = "admin", "Admin"


class User(AbstractUser):  # type: ignore[django-manager-missing]  # knox has no types
    """A colleague. Teams hold their members, so a user's are `user.teams`."""

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.CSM)

    class Meta:
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="user_has_a_known_role"
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @cached_property
    def team_ids(self) -> list[int]:
        """Teams of this user, read once per request (the lifetime of `request.user`)."""
        return list(self.teams.values_list("id", flat=True))

    @property
    def is_admin(self) -> bool:
        """May tune scorecards, run nights and see every account."""
        return self.is_active and (self.role == Role.ADMIN or self.is_superuser)


class ApiToken(AbstractAuthToken):
    """What a program of one colleague calls the API with: their rights, narrowed to its scopes.

    Only the digest is kept, so a token is shown once; `token_key` is its first letters.
    """

    name = models.CharField(max_length=80)
    # Of `accounts.api.scopes.SCOPES`, sorted.
    scopes = models.JSONField(default=list)
    # To the hour: a write per call would cost more than the call.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "created"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expiry is not None and self.expiry <= timezone.now()


class Job(models.Model):
    """Work asked for on a page that takes longer than a page may: bulk actions over everything that matches.

    A row with a lease, like a shard of the night: whoever is killed, another goes on from `position`.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    # Names the function in `csm.jobs.kinds` that does it.
    kind = models.CharField(max_length=40)
    # A sentence for the page: "Give 12,480 accounts to Ana Ruiz".
    title = models.CharField(max_length=200)
    params = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    # Left out, with the reason of the first ones in `result`.
    skipped = models.PositiveIntegerField(default=0)
    # Key of the last row of the last committed piece.
    position = models.BigIntegerField(default=0)
    # {"message": "…", "errors": ["…"], "undo": …}
    result = models.JSONField(default=dict)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jobs"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # What nobody is at work on.
            models.Index(
                fields=["id"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="job_open",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ScheduledResult(models.Model):
    """How the last run of an entry of the schedule ended."""

    # Of the entry; entries are django-celery-beat's rows.
    name = models.CharField(max_length=200, primary_key=True)
    ended_at = models.DateTimeField()
    seconds = models.FloatField()
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}: {self.error or 'well'}"


class LogInTries(models.Model):
    """Failed log-ins of an account, an address or a second factor; locked when there were too many.

    Rows and not the cache: all processes count together, and nobody unlocks by stopping Redis.
    """

    # As `csm.sign_in.tries` makes it: "address:203.0.113.7", "name:<digest>", "factor:<user>".
    key = models.CharField(max_length=64, unique=True)
    tries = models.PositiveIntegerField(default=0)
    # When the first of them was.
    since = models.DateTimeField(db_index=True)
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-since"]
        verbose_name_plural = "log-in tries"

    def __str__(self) -> str:
        return self.key
