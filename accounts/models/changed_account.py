from django.db import models


class ChangedAccount(models.Model):
    """An account whose facts changed since it was scored: what is to be scored again by day.

    Written by `accounts.services.changes.mark` in the transaction that changes the facts, read and removed by
    `csm.by_day`. One row an account: a burst of changes is one score.
    """

    account = models.OneToOneField(
        "accounts.Account", on_delete=models.CASCADE, primary_key=True, related_name="changed"
    )
    # Of the newest change.
    changed_at = models.DateTimeField()
    # A row is removed only when it has the number of changes that were scored.
    times = models.PositiveIntegerField(default=1)
    # Scored already, and kept because a night under way may have read the account before: how many changes,
    # under which night.
    scored_times = models.PositiveIntegerField(null=True, blank=True)
    scored_run = models.BigIntegerField(null=True, blank=True)
    # The account as the daily sums have it, before the first of these changes. No references: a colleague
    # who is deleted meanwhile must not take the row along.
    was_at = models.DateTimeField()
    was_owner = models.BigIntegerField(null=True, blank=True)
    was_team = models.BigIntegerField(null=True, blank=True)
    was_industry = models.CharField(max_length=80, blank=True)
    was_size_segment = models.CharField(max_length=20, blank=True)
    was_arr_amount = models.BigIntegerField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["changed_at"]
        indexes = [
            # The oldest first.
            models.Index(fields=["changed_at"], name="changed_account_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} changed {self.changed_at:%Y-%m-%d %H:%M:%S}"
