from django.db import models


class ChangedAccount(models.Model):
    """An account whose facts changed since it was scored: what is to be scored again by day.

    Written by `accounts.services.changes.mark` in the transaction that changes the facts, read and removed by
    `csm.by_day`. One row an account: a burst of changes is one score.
    """

    account = models.OneToOneField(
        "accounts.Account", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    # Of the newest change; a row is removed only when it still has the value that was scored.
    changed_at = models.DateTimeField()
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
