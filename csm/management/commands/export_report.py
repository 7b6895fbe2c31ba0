"""The report as files."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csm.lib.dates import parse_day
from csm.lib.errors import WorkbenchError
from csm.portfolio.report import night_of, write_folder


class Command(BaseCommand):
    help = "Write the report of a scored night: five CSV files and two pictures with fixed names."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--out", metavar="DIR", required=True, help="folder; made when missing")
        parser.add_argument(
            "--as-of", metavar="DATE", help="YYYY-MM-DD; the newest night when absent"
        )
        parser.add_argument(
            "--scorecard", metavar="KEY", help="the newest night scored by this scorecard"
        )

    def handle(self, **options: Any) -> None:
        try:
            if not options["out"]:
                raise WorkbenchError("--out is empty: name the folder to write to.")
            as_of = parse_day(options["as_of"]) if options["as_of"] else None
            night = night_of(as_of, options["scorecard"])
            report = write_folder(night, Path(options["out"]))
        except (WorkbenchError, ValueError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Report of the night of {night.run.as_of} ({report.rows:,} accounts) in {options['out']}:"
        )
        for name in report.files:
            self.stdout.write(f"  {name}")
