"""From the embedded workbench to the services: every row, proven."""

import argparse
import sqlite3
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from rich.console import Console
from rich.progress import Progress

from accounts.models import Account
from csm.models import User
from csm.moving.tables import SqliteFile, Sum, Table, read_back, restart_sequences, tables, write
from scoring.services import partitions


class Command(BaseCommand):
    help = (
        "Copy a SQLite workbench into the empty PostgreSQL database of DATABASE_URL and compare the number "
        "of rows and a checksum of every table. One transaction: it all arrives, or nothing does."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", help="the SQLite file, e.g. var/csm.sqlite3; it is only read")

    def handle(self, **options: Any) -> None:
        path = Path(options["file"])
        if connection.vendor != "postgresql":
            raise CommandError(
                "Set DATABASE_URL to the new PostgreSQL database first: this command fills that one."
            )
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        source = SqliteFile(str(path))
        try:
            self._check(source)
            with transaction.atomic():
                self._move(source)
        except sqlite3.DatabaseError as error:
            raise CommandError(f"{path} cannot be read as a workbench: {error}") from error
        finally:
            source.close()

    def _check(self, source: SqliteFile) -> None:
        """Both sides must be of the same release, and the target empty."""
        ours = set(MigrationRecorder(connection).applied_migrations())
        theirs = source.migrations()
        if ours != theirs:
            behind = sorted(ours - theirs) or sorted(theirs - ours)
            side = "SQLite file" if ours - theirs else "PostgreSQL database"
            raise CommandError(
                f"The {side} lacks {len(behind)} migrations, {'.'.join(behind[0])} first: run "
                "`manage.py migrate` on it with this release, then try again."
            )
        if User.objects.exists() or Account.objects.exists():
            raise CommandError(
                "The PostgreSQL database has users or accounts already: this fills an empty one. Nothing was "
                "changed."
            )

    def _move(self, source: SqliteFile) -> None:
        every = tables()
        for month in sorted(
            {day.replace(day=1) for day in source.days("scoring_snapshot", "as_of")}
        ):
            partitions.ensure(month)
        with connection.cursor() as cursor:
            # What migrating an empty database fills in itself comes with the file.
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            for table in every:
                cursor.execute(f'DELETE FROM "{table.name}"')
        written: dict[Table, Sum] = {}
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Copying", total=2 * len(every))
            for table in every:
                bar.update(task, description=f"Copying {table.name}")
                written[table] = write(table, source.rows(table))
                bar.advance(task)
            differing = []
            for table in every:
                bar.update(task, description=f"Comparing {table.name}")
                if (found := read_back(table)) != written[table]:
                    differing.append(f"{table.name}: sent {written[table]}; found {found}")
                bar.advance(task)
        if differing:
            raise CommandError(
                "These tables did not arrive as they were, so nothing was kept:\n  "
                + "\n  ".join(differing)
            )
        restart_sequences()
        filled = [table for table in every if written[table].rows]
        for table in filled:
            self.stdout.write(f"{table.name}: {written[table]}")
        total = sum(each.rows for each in written.values())
        self.stdout.write(
            f"{total:,} rows in {len(filled)} tables moved, read back and compared. Copy the folder of files "
            "too (FILES_DIR, var/files by default), then run `manage.py verify_snapshots`."
        )
