"""Look at the clocks now."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from playbooks.services import clocks


class Command(BaseCommand):
    help = (
        "Mark clocks that ran out and bring them to the manager and to executives, each once. "
        "Workers do it every minute; without workers the night does, or a scheduler calling this."
    )

    def handle(self, **options: Any) -> None:
        escalated = clocks.tick(at=timezone.now())
        self.stdout.write(f"{escalated} escalation{'' if escalated == 1 else 's'} new.")
