"""Take an import back."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import undo
from accounts.models import ImportRun


class Command(BaseCommand):
    """Exit status: 0 undone, now or before; 1 refused."""

    help = "Delete what an import created and restore what it changed."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="number of the import")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run = ImportRun.objects.get(pk=options["run"])
            counts = undo(run, by=None)
        except ImportRun.DoesNotExist:
            raise CommandError(f"There is no import {options['run']}.") from None
        except UndoRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Import {run.pk} ({run}) is undone: {counts.accounts_deleted:,} accounts and "
            f"{counts.readings_deleted:,} readings deleted, {counts.accounts_restored:,} accounts and "
            f"{counts.readings_restored:,} readings restored, {counts.facts_deleted:,} other facts "
            f"deleted and {counts.facts_restored:,} restored, {counts.held_discarded:,} waiting rows "
            f"discarded, {counts.kept:,} later edits kept."
        )
