"""Score and judge what changed since it was scored."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from csm import by_day


class Command(BaseCommand):
    help = (
        "Score accounts again whose facts changed since the night, by an import, a program or a colleague, and "
        "judge the triggers on them. Workers, and the web server without them, do it within seconds; this does "
        "what they have not done."
    )

    def handle(self, **options: Any) -> None:
        done = by_day.work(at=timezone.now())
        self.stdout.write(
            f"{done.accounts:,} accounts scored, {done.alerts:,} alerts opened, {done.failed:,} failed."
        )
