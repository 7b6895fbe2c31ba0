"""Prove a night."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csm.lib.dates import parse_day
from scoring.selectors import newest_run
from scoring.services.verify import verify


class Command(BaseCommand):
    help = "Compute a night again from what it stored and compare; exit status 1 when anything differs."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--as-of", metavar="DATE", help="YYYY-MM-DD; the newest finished night when absent"
        )

    def handle(self, **options: Any) -> None:
        try:
            as_of = parse_day(options["as_of"]) if options["as_of"] else None
        except ValueError as error:
            raise CommandError(str(error)) from error
        run = newest_run(as_of)
        if run is None:
            raise CommandError(f"There is no finished night{f' of {as_of}' if as_of else ''}.")
        result = verify(run)
        self.stdout.write(
            f"Night of {run.as_of} (run {run.pk}): {result.snapshots:,} snapshots and {result.current:,} rows "
            f"of current health computed again, {result.differing:,} differ"
        )
        for text in result.differences:
            self.stdout.write(f"  {text}")
        if (missing := run.accounts - result.snapshots) > 0:
            self.stdout.write(
                f"  of {missing:,} of its {run.accounts:,} accounts there is no snapshot of that run: "
                "they were removed since, or another run of the night is replacing them"
            )
        if result.differing:
            raise CommandError("The stored numbers cannot be reproduced.")
        if run.accounts and not result.snapshots:
            raise CommandError("Nothing was proven: no snapshot of that night is there.")
