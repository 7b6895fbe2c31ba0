"""Imports as rows: what came in, what was refused, and what it takes to undo it."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class ImportRun(models.Model):
    """One file through one feed."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        UNDONE = "undone"

    feed = models.CharField(max_length=40)
    source = models.CharField(max_length=40, default="generic")
    mapping = models.CharField(max_length=80, default="generic")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64, blank=True)
    as_of = models.DateField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    rows_read = models.PositiveIntegerField(default=0)
    rows_rejected = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    # The first errors, for the page; the whole list goes to the errors file.
    errors = models.JSONField(default=list, blank=True)
    unmapped_columns = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.feed} from {self.file_name}"


class ImportChange(models.Model):
    """What one import did to one row: the row as it was before, or null when the import created it."""

    import_run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="changes")
    account = models.ForeignKey(
        "accounts.Account", on_delete=models.CASCADE, null=True, related_name="+"
    )
    reading = models.ForeignKey(
        "accounts.Reading", on_delete=models.CASCADE, null=True, related_name="+"
    )
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(account=None, reading__isnull=False)
                | Q(account__isnull=False, reading=None),
                name="change_is_of_one_row",
            )
        ]

    def __str__(self) -> str:
        return f"change {self.pk} of import {self.import_run_id}"
