"""What colleagues write about an account or a plan."""

from django.conf import settings
from django.db import models


class Note(models.Model):
    """Markdown by one colleague; the people named with @ are told. Kept when edited: `edited_at` says so."""

    class Kind(models.TextChoices):
        NOTE = "note", "Note"
        # Something we owe the customer: listed in the hand-over pack until it is kept.
        PROMISE = "promise", "Promise"

    account = models.ForeignKey("accounts.Account", on_delete=models.CASCADE, related_name="notes")
    intervention = models.ForeignKey(
        "playbooks.Intervention",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="notes",
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.NOTE)
    body = models.TextField()
    due_on = models.DateField(null=True, blank=True)
    kept_on = models.DateField(null=True, blank=True)
    on = models.DateField()
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    edited_at = models.DateTimeField(null=True, blank=True)
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            # The account's notes and timeline.
            models.Index(fields=["account", "-on"], name="note_by_account"),
        ]

    def __str__(self) -> str:
        return f"note {self.pk} on {self.account_id}"


class NoteFile(models.Model):
    """A file beside a note: kept privately, handed out only to those who may see the account."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="files")
    file = models.FileField(upload_to="notes/")
    name = models.CharField(max_length=255)
    size = models.PositiveIntegerField()
    content_type = models.CharField(max_length=100)

    class Meta:
        ordering = ["note", "id"]

    def __str__(self) -> str:
        return self.name
