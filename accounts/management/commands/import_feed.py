"""Load a file of any feed."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from accounts.ingest.errors import EveryRowRejected, IngestError
from accounts.ingest.feeds import FEEDS
from accounts.ingest.mappings import GENERIC, shipped
from accounts.ingest.result import ImportResult
from accounts.ingest.run import Progress as Report
from accounts.ingest.run import import_file
from accounts.models import ImportRun
from csm.lib.dates import parse_day

_ERRORS_SHOWN = 20
_COLUMNS_SHOWN = 50
_WITH_READINGS = ("accounts", "account_metrics", "metrics")


class Command(BaseCommand):
    """Exit status: 0 all rows loaded, 2 some rejected, 1 nothing loaded."""

    help = (
        "Load accounts, or facts of them, from a delimited file. "
        "A blank cell is unknown and leaves what is there. "
        "Exit status: 0 all rows loaded, 2 some rows rejected, 1 nothing loaded."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        # Checked by the service: argparse would leave with status 2, which means "some rows rejected".
        parser.add_argument("feed", help=f"one of {', '.join(FEEDS)}")
        parser.add_argument(
            "file", help="CSV: UTF-8, UTF-16, UTF-32 or Windows-1252; comma, semicolon, tab or pipe"
        )
        parser.add_argument(
            "--mapping", help=f"{', '.join(shipped())} or a YAML file (default {GENERIC})"
        )
        parser.add_argument("--as-of", help="day the figures are of, YYYY-MM-DD (default today)")
        parser.add_argument("--source", help="system the ids come from (default generic)")
        parser.add_argument(
            "--account-source",
            help="system the account ids come from, if it is another one than --source",
        )
        parser.add_argument(
            "--date-order",
            help="dmy or mdy, for dates not written YYYY-MM-DD; overrides the mapping",
        )
        parser.add_argument("--decimal", help='"." or ","; overrides the mapping')
        parser.add_argument(
            "--with",
            action="append",
            default=[],
            dest="files",
            metavar="NAME=FILE",
            help="a table the mapping joins (default: the one beside the file); may be repeated",
        )
        parser.add_argument(
            "--resume",
            type=int,
            help="number of an import of this file that broke off: go on with it, read as it was",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen, change nothing"
        )
        parser.add_argument("--errors", help="write every row error to this CSV file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            as_of = parse_day(options["as_of"]) if options["as_of"] else None
        except ValueError as error:
            raise CommandError(f"--as-of: {error}") from None
        if options["date_order"] not in (None, "dmy", "mdy"):
            raise CommandError("--date-order: dmy or mdy.")
        if options["decimal"] not in (None, ".", ","):
            raise CommandError('--decimal: "." or ",".')
        if wrong := [text for text in options["files"] if "=" not in text]:
            raise CommandError(f"--with {wrong[0]}: write it as NAME=FILE.")
        run = _to_resume(options["resume"], options["feed"])
        try:
            result = self._import(options, as_of, run)
        except EveryRowRejected as error:
            self._report_errors(error.result, options["errors"])
            raise CommandError(str(error)) from None
        except IngestError as error:
            raise CommandError(str(error)) from None
        self._report(result)
        if result.rejected:
            self._report_errors(result, options["errors"])
            rows = "1 row was" if result.rejected == 1 else f"{result.rejected:,} rows were"
            raise CommandError(f"{rows} rejected; {result.loaded:,} loaded.", returncode=2)

    def _import(
        self, options: dict[str, Any], as_of: date | None, run: ImportRun | None
    ) -> ImportResult:
        with _progress_bar() as progress:
            return import_file(
                options["feed"],
                options["file"],
                mapping=options["mapping"],
                as_of=as_of,
                dry_run=options["dry_run"],
                errors_path=options["errors"],
                source=options["source"],
                account_source=options["account_source"],
                date_order=options["date_order"],
                decimal=options["decimal"],
                files=dict(text.split("=", 1) for text in options["files"]),
                run=run,
                progress=progress,
            )

    def _report(self, result: ImportResult) -> None:
        say = self.stdout.write
        would = "Would load" if result.dry_run else "Loaded"
        say(
            f"{would} {result.file_name} as of {result.as_of} ({result.encoding}, {result.source}):"
        )
        say(
            f"  {result.rows_read:,} rows: {result.created:,} created, {result.updated:,} updated, "
            f"{result.unchanged:,} unchanged, {result.rejected:,} rejected"
        )
        if result.readings_created or result.readings_changed or result.feed in _WITH_READINGS:
            say(f"  readings: {result.readings_created:,} new, {result.readings_changed:,} changed")
        if result.held:
            rows = "1 row waits" if result.held == 1 else f"{result.held:,} rows wait"
            say(f"  quarantine: {rows} for accounts that are not there yet; loads once they are")
        for header in result.source_score_columns:
            say(f"  column {header}: ignored, the source's own score")
        if result.ignored_columns:
            say(f"  ignored as the mapping says: {', '.join(result.ignored_columns)}")
        if result.unmapped_columns:
            shown = ", ".join(result.unmapped_columns[:_COLUMNS_SHOWN])
            more = len(result.unmapped_columns) - _COLUMNS_SHOWN
            say(
                f"  not loaded, no such column: {shown}"
                + (f" and {more:,} more" if more > 0 else "")
            )
        for warning in result.warnings:
            say(f"  warning: {warning}")
        if result.dry_run:
            for change in result.sample:
                say(
                    f"  row {change.row} {'creates' if change.created else 'updates'} {change.external_id}:"
                )
                for name, (before, after) in change.changes.items():
                    say(f"    {name}: {'' if before is None else f'{before} → '}{after}")
        elif result.run_id is not None:
            say(f"  undo with: undo_import {result.run_id}")

    def _report_errors(self, result: ImportResult, errors_path: str | None) -> None:
        for error in result.errors[:_ERRORS_SHOWN]:
            self.stderr.write(str(error))
        if result.error_count > _ERRORS_SHOWN:
            where = f"all are in {errors_path}" if errors_path else "--errors FILE lists them all"
            self.stderr.write(f"… and {result.error_count - _ERRORS_SHOWN:,} more: {where}.")


def _to_resume(number: int | None, feed: str) -> ImportRun | None:
    if number is None:
        return None
    run = ImportRun.objects.filter(pk=number).first()
    if run is None:
        raise CommandError(f"There is no import {number}.")
    if run.feed != feed:
        raise CommandError(f"Import {number} is of the feed {run.feed}, not of {feed}.")
    if run.lease_until and run.lease_until > timezone.now():
        raise CommandError(f"Import {number} is being loaded: wait until it ends.")
    return run


@contextmanager
def _progress_bar() -> Iterator[Report | None]:
    """A function that moves a bar on a terminal; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Importing")
        yield lambda done, total: bar.update(task, completed=done, total=total)
