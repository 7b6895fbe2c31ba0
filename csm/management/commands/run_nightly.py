"""Score a night."""

import argparse
import time
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from rich.console import Console
from rich.progress import Progress

from csm.backfill import backfill
from csm.lib.dates import parse_day, today
from csm.lib.errors import WorkbenchError
from csm.nightly import after_night, run_nightly, start_night
from csm.tasks import wake
from scoring.models import ScorecardVersion, ScoreRun
from scoring.services import nights
from scoring.services.nights import SHARD_SIZE
from scoring.services.versions import spec_of

# A quarter: further ahead is a slip in the year, and nothing takes such a night back.
_AHEAD = timedelta(days=92)


class Command(BaseCommand):
    help = "Score every account as of a date. Resumes a night that was interrupted; repeating is harmless."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--as-of", metavar="DATE", help="YYYY-MM-DD; today when absent")
        parser.add_argument(
            "--from", dest="first", metavar="DATE", help="back-fill every night from this one"
        )
        parser.add_argument("--to", dest="last", metavar="DATE", help="… to this one")
        parser.add_argument(
            "--as-it-was",
            action="store_true",
            help="with --from and --to: score nights again with the versions they were scored with",
        )
        parser.add_argument(
            "--scorecard", metavar="KEY", help="score every account with this scorecard"
        )
        parser.add_argument(
            "--shard-size",
            type=_positive,
            default=SHARD_SIZE,
            metavar="N",
            help="accounts a worker claims at once",
        )
        parser.add_argument(
            "--celery", action="store_true", help="only start the night; workers on REDIS_URL do it"
        )
        parser.add_argument(
            "--workers",
            type=_positive,
            default=1,
            metavar="N",
            help="processes of this machine that work on it (PostgreSQL)",
        )
        # What those processes are started with.
        parser.add_argument("--join", type=int, metavar="RUN", help=argparse.SUPPRESS)

    def handle(self, **options: Any) -> None:
        try:
            if options["join"]:
                nights.work(ScoreRun.objects.get(pk=options["join"]))
                return
            if options["first"] or options["last"] or options["as_it_was"]:
                self._backfill(options)
                return
            as_of = _day(options["as_of"]) if options["as_of"] else today()
            if options["celery"]:
                run = start_night(
                    as_of,
                    options["scorecard"],
                    shard_size=options["shard_size"],
                    judge=as_of >= today(),
                )
                wake(run)
                self.stdout.write(
                    f"Night of {as_of} started as run {run.pk}; the workers have been told."
                )
                return
            started = time.monotonic()
            run = self._run(as_of, options)
            after_night(run)
        except (WorkbenchError, ValueError) as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(
                f"The database refused the night ({error}). On SQLite an import holds it until it is done: "
                "run the night again then, it goes on where it stopped."
            ) from error
        if run.state == ScoreRun.State.CANCELLED:
            raise CommandError(f"The night of {as_of} was cancelled by {run.cancelled_by}.")
        if run.state != ScoreRun.State.DONE:
            raise CommandError(f"The night of {as_of} failed: {run.error}")
        self._report(run, time.monotonic() - started)

    def _backfill(self, options: dict[str, Any]) -> None:
        first, last = options["first"], options["last"]
        if options["as_of"] or options["celery"] or not (first and last):
            raise ValueError(
                "A back-fill takes --from and --to, without --as-of or --celery: "
                "run_nightly --from 2026-08-01 --to 2026-10-31"
            )
        start, end = _day(first), _day(last)
        if start > end:
            raise ValueError(f"--from {first} lies after --to {last}: swap them.")
        count = 0
        clock = time.monotonic()
        for run in backfill(
            start,
            end,
            options["scorecard"],
            as_it_was=options["as_it_was"],
            shard_size=options["shard_size"],
        ):
            if run.state != ScoreRun.State.DONE:
                raise CommandError(f"The night of {run.as_of} failed: {run.error}")
            after_night(run)
            count += 1
            self._report(run, time.monotonic() - clock)
            clock = time.monotonic()
        self.stdout.write(f"{count:,} nights scored, {start} to {end}.")

    def _run(self, as_of: date, options: dict[str, Any]) -> ScoreRun:
        console = Console(stderr=True)
        how: dict[str, Any] = {
            "shard_size": options["shard_size"],
            "workers": options["workers"],
            "judge": as_of >= today(),
        }
        if not console.is_terminal:
            return run_nightly(as_of, options["scorecard"], **how)
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task(f"Night of {as_of}")

            def show(state: str, done: int, total: int) -> None:
                bar.update(
                    task, description=f"Night of {as_of}, {state}", completed=done, total=total
                )

            return run_nightly(as_of, options["scorecard"], progress=show, **how)

    def _report(self, run: ScoreRun, seconds: float) -> None:
        self.stdout.write(
            f"Night of {run.as_of} (run {run.pk}): {run.accounts:,} accounts, {run.scored:,} with a score, "
            f"{run.unknown:,} Unknown, {run.band_changes:,} changed band, {seconds:.1f} s"
        )
        for version in ScorecardVersion.objects.filter(pk__in=run.plan).select_related("scorecard"):
            report = run.report.get(str(version.pk), {})
            labels = {measure.key: measure.label for measure in spec_of(version).measures}
            for warning in report.get("warnings", []):
                self.stdout.write(f"  {version}: {warning}")
            if revised := report.get("revised"):
                self._report_revision(str(version), revised)
            for key, count in report.get("clipped", {}).items():
                if count:
                    self.stdout.write(
                        f"  {version}: {labels.get(key, key)} was outside its range and clipped {count:,} times"
                    )

    def _report_revision(self, version: str, revised: dict[str, Any]) -> None:
        say = self.stdout.write
        other = revised["changed"] + revised["appeared"] + revised["gone"]
        if not other:
            say(
                f"  {version}: the same as when it was last scored ({revised['compared']:,} accounts)"
            )
            return
        say(
            f"  {version}: changed since it was last scored: {revised['changed']:,} of "
            f"{revised['compared']:,} accounts, {revised['appeared']:,} new, {revised['gone']:,} gone"
        )
        for key, count in revised["inputs"].items():
            say(f"    {key}: {count:,} accounts")
        for each in revised["imports"]:
            say(
                f"    import {each['id']} since then: {each['feed']} from {each['file']} ({each['state']})"
            )


def _day(text: str) -> date:
    """The night asked for. Raises ValueError where pages would show it long after it was scored."""
    day = parse_day(text)
    if day - today() > _AHEAD:
        raise ValueError(
            f"{text} lies more than {_AHEAD.days} days ahead: every page would show that night, and none "
            "scored before it, until then. Check the year."
        )
    return day


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("a shard holds at least one account")
    return number
