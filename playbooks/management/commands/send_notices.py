"""Send what waits: e-mails, daily digests, webhooks."""

import argparse
import time
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from playbooks.services import delivery

_PAUSE_SECONDS = 60


class Command(BaseCommand):
    help = (
        "Send e-mails, digests and webhooks that are due. Celery's beat does so every minute; without it, run "
        "this by a timer or with --watch. Repeating is harmless."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--watch", action="store_true", help="go on every minute until stopped")

    def handle(self, **options: Any) -> None:
        while True:
            done = delivery.send_due(at=timezone.now())
            self.stdout.write(
                f"{done.sent} sent, {done.failed} to be tried again, {done.given_up} given up"
            )
            if not options["watch"]:
                return
            time.sleep(_PAUSE_SECONDS)
