"""What the work was worth, reckoned once a night."""

from django.db import models


class EffectReport(models.Model):
    """Effect of playbooks and triggers as of a night, made by `services.effects` from plans and snapshots.

    `body`: {"method": {…}, "playbooks": [row, …], "triggers": [row, …], "targets": [target, …]}; the shapes
    are those of `selectors.effect`.
    """

    as_of = models.DateField(unique=True)
    body = models.JSONField(default=dict)
    made_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-as_of"]

    def __str__(self) -> str:
        return f"effect as of {self.as_of}"
