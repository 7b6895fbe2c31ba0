"""Remove snapshots over age."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from csm.lib.dates import today
from scoring.services import retention


class Command(BaseCommand):
    help = (
        "Remove snapshots that are kept no longer (SNAPSHOT_DAILY_MONTHS, SNAPSHOT_WEEKLY_MONTHS)."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would go, remove nothing"
        )

    def handle(self, **options: Any) -> None:
        dry = options["dry_run"]
        found = retention.over_age(today()) if dry else retention.prune(today())
        self.stdout.write(
            f"Every night is kept from {found.daily_from}, one a week from {found.weekly_from}."
        )
        verb = "Would remove" if dry else "Removed"
        rows = "" if dry else f", {found.rows:,} rows of them"
        self.stdout.write(
            f"{verb} {len(found.months)} whole months and {len(found.nights)} nights{rows}."
        )
        for month in found.months:
            self.stdout.write(f"  month of {month.first:%Y-%m}")
        for night in found.nights:
            self.stdout.write(f"  night of {night}")
