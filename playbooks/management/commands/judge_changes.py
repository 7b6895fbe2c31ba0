"""Judge what changed since the last look."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from playbooks.services import day


class Command(BaseCommand):
    help = (
        "Judge the triggers on accounts whose facts changed since the last look, by an import or a program. "
        "Workers do it every minute; without workers the night does, or a scheduler calling this."
    )

    def handle(self, **options: Any) -> None:
        report = day.look(at=timezone.now())
        opened = report.opened.total()
        self.stdout.write(f"{report.accounts:,} accounts judged, {opened:,} alerts opened.")
