"""Measure this installation against the project's targets, in throw-away databases."""

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from csm.bench import child, report
from csm.bench.data import SCORECARD
from csm.bench.run import ALL, MORE, Wanted, bench, rounds_for


class Command(BaseCommand):
    help = (
        "Measure T1 to T14 on generated accounts, beside other programs doing the same; JSON out. "
        "Works in databases of its own, made on the server of DATABASE_URL and dropped at the end."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--accounts", type=int, default=100_000, metavar="N")
        parser.add_argument(
            "--only", default="", metavar="T1,T8", help=f"of {', '.join((*ALL, *MORE))}"
        )
        parser.add_argument(
            "--database", default="", metavar="URL", help="server to use instead of DATABASE_URL's"
        )
        parser.add_argument(
            "--scorecard", default=SCORECARD, metavar="KEY", help="one that ships, in SQL as well"
        )
        parser.add_argument("--rounds", type=int, default=0, metavar="N", help="timed pairs each")
        parser.add_argument("--table", action="store_true", help="a table instead of JSON")
        parser.add_argument("--out", metavar="FILE", help="write the JSON there")
        parser.add_argument(
            "--markdown", metavar="FILE", help="measure nothing: the JSON of FILE as a table"
        )

    def handle(self, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(report.markdown(_read(options["markdown"])))
            return
        wanted = _wanted(options)
        # Told to stop, it still drops its databases.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        console = Console(stderr=True)
        try:
            found = bench(wanted, lambda text: console.print(text, highlight=False, markup=False))
        except (child.TaskError, psycopg.Error) as error:
            raise CommandError(f"The bench stopped: {error}") from error
        finally:
            signal.signal(signal.SIGTERM, before)
        text = json.dumps(found, indent=2)
        if options["out"]:
            _write(options["out"], text)
        if options["table"]:
            Console(file=sys.stdout, width=160).print(report.table(found))
        elif not options["out"]:
            self.stdout.write(text)


def _wanted(options: dict[str, Any]) -> Wanted:
    """Raises CommandError with what to change."""
    if options["accounts"] < 1:
        raise CommandError("--accounts must be at least 1.")
    if options["rounds"] < 0:
        raise CommandError("--rounds must be at least 1.")
    only = [name.strip() for name in options["only"].split(",") if name.strip()] or list(ALL)
    known = {name.lower(): name for name in (*ALL, *MORE)}
    if strange := [name for name in only if name.lower() not in known]:
        raise CommandError(
            f"There is no {', '.join(strange)}: choose of {', '.join((*ALL, *MORE))}."
        )
    server = options["database"] or settings.DATABASE_URL
    return Wanted(
        accounts=options["accounts"],
        only=[known[name.lower()] for name in only],
        scorecard=options["scorecard"],
        server=server or "sqlite://",
        rounds=options["rounds"] or rounds_for(options["accounts"]),
    )


def _read(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{name} cannot be read: {error}.") from error
    if "targets" not in found:
        raise CommandError(f"{name} is no report of the bench.")
    return found


def _write(name: str, text: str) -> None:
    try:
        Path(name).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
