"""Measure this installation against the project's targets."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from csm.bench.measure import bench

# Set for the process that measures: its database is the temporary one and may be filled.
_INSIDE = "CSM_BENCH_INSIDE"
_NUMBERS = ("accounts", "nights", "requests", "months")


class Command(BaseCommand):
    help = (
        "Measure nights and pages on generated accounts in a temporary SQLite database; JSON out."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--accounts", type=int, default=10_000, metavar="N")
        parser.add_argument("--nights", type=int, default=5, metavar="N", help="nights to time")
        parser.add_argument(
            "--requests", type=int, default=60, metavar="N", help="requests per page"
        )
        parser.add_argument(
            "--months", type=int, default=6, metavar="N", help="months of events, 30 an account"
        )
        parser.add_argument(
            "--json", metavar="OUT", help="write the JSON there instead of to stdout"
        )

    def handle(self, **options: Any) -> None:
        for name in _NUMBERS:
            if options[name] < 1:
                raise CommandError(f"--{name} must be at least 1.")
        if os.environ.get(_INSIDE):
            self._measure(options)
        else:
            self._apart(options)

    def _apart(self, options: dict[str, Any]) -> None:
        """Measure in a process of its own: the database of this one is never opened."""
        with tempfile.TemporaryDirectory(prefix="csm-bench-") as folder:
            out = Path(folder) / "bench.json"
            numbers = [f"--{name}={options[name]}" for name in _NUMBERS]
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "bench", *numbers]
            done = subprocess.run(  # noqa: S603 - our own command with numbers
                [*command, f"--json={out}"],
                env=os.environ
                | {
                    _INSIDE: "1",
                    "DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3",
                    "REDIS_URL": "",
                },
                check=False,
            )
            if done.returncode:
                raise CommandError("The bench stopped: its reason stands above.")
            text = out.read_text(encoding="utf-8")
        if not options["json"]:
            self.stdout.write(text)
            return
        try:
            Path(options["json"]).write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['json']} cannot be written: {error.strerror}.") from error

    def _measure(self, options: dict[str, Any]) -> None:
        console = Console(stderr=True)
        call_command("migrate", verbosity=0)
        try:
            found = bench(
                options["accounts"],
                nights_run=options["nights"],
                requests=options["requests"],
                months=options["months"],
                say=lambda text: console.print(text, highlight=False),
            )
        except RuntimeError as error:
            raise CommandError(str(error)) from error
        Path(options["json"]).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        for table in (_night(found), _pages(found), _targets(found)):
            console.print(table)


def _night(found: dict[str, Any]) -> Table:
    table = Table(
        "Step of a night", "seconds", "accounts/s", title=f"{found['accounts']:,} accounts"
    )
    for name, step in found["night"].items():
        table.add_row(
            name.replace("_", " "), f"{step['seconds']:.3f}", f"{step['accounts_per_second']:,}"
        )
    return table


def _pages(found: dict[str, Any]) -> Table:
    table = Table("Page", "p50 ms", "p95 ms", "× bare, p50", "× bare, p95", "queries")
    for name, page in found["pages"].items():
        figures = (
            page["p50_ms"],
            page["p95_ms"],
            page["ratio_p50"],
            page["ratio_p95"],
            page["queries"],
        )
        table.add_row(name, *map(str, figures))
    return table


def _targets(found: dict[str, Any]) -> Table:
    table = Table("Target", "wanted", "reached", "met")
    for name, each in found["targets"].items():
        met = "yes" if each["met"] else "no"
        table.add_row(name.replace("_", " "), f"{each['target']:,g}", f"{each['reached']:,g}", met)
    return table
