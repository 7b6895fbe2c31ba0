"""Who covers for whom, and who gave what to whom."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Absence(models.Model):
    """A colleague is away from `first_on` to `last_on`; `cover` gets what is new and is told of what is due."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="absences"
    )
    cover = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    first_on = models.DateField()
    last_on = models.DateField()
    note = models.CharField(max_length=255, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering = ["-first_on", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_on__gte=F("first_on")), name="absence_is_a_period"
            ),
            models.CheckConstraint(
                condition=~Q(cover=F("user")), name="nobody_covers_for_themselves"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} away {self.first_on} to {self.last_on}"


class Assignment(models.Model):
    """One act of giving work to somebody: one account or hundreds, undone as one.

    `moved`: {"accounts": {id: old owner id or null}, "teams": {id: old team id or null}, "interventions":
    {id: old}, "tasks": {id: old}, "alerts": {id: old}}.
    """

    to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    at = models.DateTimeField()
    on = models.DateField()
    reason = models.CharField(max_length=255, blank=True)
    # False: the accounts stay with their owner and only the work moves.
    with_accounts = models.BooleanField(default=True)
    moved = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"assignment to {self.to_id} on {self.on}"


class Handover(models.Model):
    """An account changed hands: the brief its new owner reads is made from it and the account as it is."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, related_name="handovers"
    )
    assignment = models.ForeignKey(
        Assignment, on_delete=models.SET_NULL, null=True, related_name="handovers"
    )
    previous = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    to = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    on = models.DateField()
    at = models.DateTimeField()
    # What the previous owner or the manager wants known.
    word = models.TextField(blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.account_id} to {self.to_id} on {self.on}"
