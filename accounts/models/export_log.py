from django.conf import settings
from django.db import models


class ExportLog(models.Model):
    """Who took which list out of the house, when, and how it was filtered. Append-only."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    what = models.CharField(max_length=80)
    query = models.TextField(blank=True)
    rows = models.PositiveIntegerField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.what} by {self.user_id} at {self.at:%Y-%m-%d %H:%M}"
