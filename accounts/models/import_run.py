"""Imports as rows: what came in, what was refused, and what it takes to undo it."""

from django.conf import settings
from django.db import models


class ImportRun(models.Model):
    """One file, or one call of the API, through one feed.

    Loaded chunk by chunk: `position` counts the records whose chunk is committed, so a killed import goes
    on where it stopped.
    """

    class State(models.TextChoices):
        # Stored, and waiting for somebody to say what its columns are.
        UPLOADED = "uploaded"
        QUEUED = "queued"
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
    # Good rows of accounts that are not there yet (`HeldRow`).
    rows_held = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    updated_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    # The first errors, for the page; the whole list goes to the errors file.
    errors = models.JSONField(default=list, blank=True)
    unmapped_columns = models.JSONField(default=list, blank=True)
    # The file as uploaded; private.
    file = models.FileField(upload_to="imports/", blank=True)
    # The mapping as its YAML holds it, and how to read the file: what a resumed import needs.
    options = models.JSONField(default=dict, blank=True)
    dry_run = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=80, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
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
        indexes = [
            # The last import of each source's feed: every call of the API is a row.
            models.Index(fields=["source", "feed", "as_of"], name="importrun_by_feed"),
        ]

    def __str__(self) -> str:
        return f"{self.feed} from {self.file_name}"


class ImportChange(models.Model):
    """What one import did to one row that was there: its values before and after, null when it deleted it.

    `table` is the model's name in lower case. Rows an import created carry its `import_run` themselves;
    only created accounts, which have none, are listed here with `before` null.
    """

    import_run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="changes")
    table = models.CharField(max_length=40)
    row_id = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            # "Did a later import change the same rows?"
            models.Index(fields=["table", "row_id"], name="change_by_row"),
        ]

    def __str__(self) -> str:
        return f"change {self.pk} of import {self.import_run_id}"
