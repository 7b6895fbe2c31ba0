from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """Who did what to the workbench itself, when and from where. Append-only; written by `accounts.audit`.

    Exports, tuning, access changes, log-ins. What happens to customers is in the records of alerts, plans
    and imports.
    """

    class Kind(models.TextChoices):
        EXPORT = "export", "Export"
        TUNING = "tuning", "Tuning"
        ACCESS = "access", "Access"
        LOG_IN = "log_in", "Log-in"
        OPERATION = "operation", "Operation"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    # A short sentence without the name of who did it: "published Engagement 3", "took the portfolio".
    what = models.CharField(max_length=200)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # As it was then: a user may be renamed or removed, and a failed log-in names somebody who need not exist.
    by_name = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True, blank=True)
    # {"rows": n, "query": "…"} of an export, {"before": …, "after": …} of a change, the reason given.
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # The trail filtered by kind or by person, newest first.
            models.Index(fields=["kind", "-id"], name="audit_by_kind"),
            models.Index(fields=["by", "-id"], name="audit_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.by_name or 'the workbench'} {self.what}"
