"""Colleagues who log in. Customers are `accounts.Account`, their people are contacts."""

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.functional import cached_property


class Role(models.TextChoices):
    """What a colleague comes for; `accounts.access` turns it into rights."""

    CSM = "csm", "Customer success manager"
    MANAGER = "manager", "Manager"
    EXECUTIVE = "executive", "Executive"
    ADMIN = "admin", "Admin"


class User(AbstractUser):
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
