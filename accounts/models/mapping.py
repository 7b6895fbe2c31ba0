from django.conf import settings
from django.db import models


class SavedMapping(models.Model):
    """A column mapping somebody corrected and kept by name; `spec` is what a YAML mapping file holds."""

    name = models.SlugField(max_length=60, unique=True)
    feed = models.CharField(max_length=40)
    spec = models.JSONField(default=dict)
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    saved_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
