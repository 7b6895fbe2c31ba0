from django.conf import settings
from django.db import models


class IdempotentRequest(models.Model):
    """An API write by its idempotency key: the same request again gets the same answer, and writes nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=120)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        # Old ones go with the next write.
        indexes = [models.Index(fields=["at"], name="idempotent_by_age")]
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_answer_per_key")]

    def __str__(self) -> str:
        return self.key
