from django.db import models


class HeldRow(models.Model):
    """A good row of an account that is not there yet. It loads once the account appears.

    `cells` is the row by column target, as text; `number` its row in the file.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        LOADED = "loaded"
        DISCARDED = "discarded"

    feed = models.CharField(max_length=40)
    source = models.CharField(max_length=40)
    account_external_id = models.CharField(max_length=80)
    cells = models.JSONField()
    number = models.PositiveIntegerField(default=0)
    import_run = models.ForeignKey(
        "accounts.ImportRun", on_delete=models.CASCADE, null=True, blank=True, related_name="held"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    reason = models.CharField(max_length=255, blank=True)
    held_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Looked up by the ids of accounts that have just appeared.
            models.Index(
                fields=["account_external_id", "source"],
                condition=models.Q(state="waiting"),
                name="held_by_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feed} row {self.number} of {self.account_external_id}"
