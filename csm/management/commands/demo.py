"""Build the demo book."""

import argparse
import os
import time
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from csm.demo import write
from csm.demo.book import LABEL, Book, Plan, generate
from csm.demo.nights import forget_improvement, nights, run_nights
from csm.demo.people import PASSWORD, PEOPLE, ensure_people
from csm.demo.work.life import live
from csm.lib.dates import parse_day, today
from csm.lib.errors import WorkbenchError
from csm.models import User

ACCOUNTS = 10_000


class Command(BaseCommand):
    help = (
        "Fill the database with a generated book of customers, 180 days of their history and a "
        "log-in for every role. Repeating it with the same numbers leaves the book as it is."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--accounts", type=int, metavar="N", help=f"default: DEMO_ACCOUNTS, else {ACCOUNTS}"
        )
        parser.add_argument("--days", type=int, default=180, help="length of the history")
        parser.add_argument("--seed", type=int, default=7, help="another seed, another book")
        parser.add_argument(
            "--as-of", metavar="DATE", help="YYYY-MM-DD, last day of the history; today"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="build it anew, up to the as-of date"
        )
        parser.add_argument(
            "--alongside", action="store_true", help="allow it in a database with other accounts"
        )
        parser.add_argument("--no-nights", action="store_true", help="data only, nothing is scored")
        parser.add_argument(
            "--address", default="http://127.0.0.1:8000/", help="printed at the end"
        )

    def handle(self, **options: Any) -> None:
        self.book: Book | None = None
        self.console = Console(file=cast(IO[str], self.stdout))
        started = time.monotonic()
        try:
            plan = self._book(options)
            if not options["no_nights"]:
                self._nights(plan)
            self._connect(plan)
        except (WorkbenchError, ValueError) as error:
            raise CommandError(str(error)) from error
        self._say(f"Ready in {time.monotonic() - started:.0f} s.")
        self._logins(options["address"])

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)

    def _book(self, options: dict[str, Any]) -> Plan:
        """The book that is there when it is the one asked for, else a new one."""
        if settings.PRODUCTION:
            raise WorkbenchError(
                "The demo's log-ins share a published password, and ALLOWED_HOSTS names a public "
                "host: run the demo without ALLOWED_HOSTS."
            )
        wanted = _plan(options)
        there = write.existing()
        same = there is not None and there.key == wanted.key
        if (
            there is not None
            and same
            and not options["fresh"]
            and options["as_of"] in (None, str(there.as_of))
        ):
            self._say(
                f"The {LABEL} of {there.as_of} is here ({there.accounts:,} accounts) and stays as "
                "it is; --fresh builds it anew."
            )
            return there
        others = write.other_accounts()
        if others and not options["alongside"]:
            raise WorkbenchError(
                f"This database holds {others:,} accounts that are not the demo's: use another one "
                "(DATABASE_URL=sqlite:///var/demo.sqlite3), or add --alongside to mix them."
            )
        if there is not None:
            self._say(f"Removing the {LABEL} of {there.as_of} ({there.key}) …")
            write.remove()
            forget_improvement()
        started = time.monotonic()
        book = generate(wanted)
        write.write(book)
        self.book = book
        self._say(
            f"Wrote the {LABEL}: {len(book.companies):,} accounts, "
            f"{len(book.readings.account):,} readings over {wanted.days} days up to "
            f"{wanted.as_of}, in {time.monotonic() - started:.0f} s."
        )
        return wanted

    def _connect(self, plan: Plan) -> None:
        """Write the facts, unless they are there."""
        started = time.monotonic()
        rows = write.connect(plan, self.book)
        if rows:
            self._say(
                f"Connected the systems on {plan.connected_on}: {rows:,} facts back-filled in "
                f"{time.monotonic() - started:.0f} s."
            )

    def _work(self, plan: Plan, users: dict[str, User]) -> None:
        """Three months of alerts, plans and tasks, unless they are there."""
        started = time.monotonic()
        story = (self.book or generate(plan)).world.story.tolist()
        nights = live(plan, users, story)
        if nights:
            self._say(
                f"Worked on alerts and plans over {nights} nights of three months in "
                f"{time.monotonic() - started:.0f} s."
            )

    def _nights(self, plan: Plan) -> None:
        users, _ = ensure_people()
        total = len(nights(plan))
        by = users["ada.admin"]
        if self.console.is_terminal:
            columns = (TextColumn("Scoring {task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeElapsedColumn(), console=self.console) as bar:
                task = bar.add_task("", total=total)
                run_nights(
                    plan,
                    by=by,
                    connect=lambda: self._connect(plan),
                    work=lambda: self._work(plan, users),
                    done=lambda night: bar.update(task, advance=1, description=str(night)),
                )
            return
        counted = 0

        def tell(night: object) -> None:
            nonlocal counted
            counted += 1
            if counted % 30 == 0 or counted == total:
                self._say(f"{counted} of {total} nights are scored, up to {night}.")

        run_nights(
            plan,
            by=by,
            connect=lambda: self._connect(plan),
            work=lambda: self._work(plan, users),
            done=tell,
        )

    def _logins(self, address: str) -> None:
        table = Table("Log-in", "Role", "Team", "Name", title=f"{address}   password: {PASSWORD}")
        for person in PEOPLE:
            name = f"{person.first_name} {person.last_name}"
            table.add_row(person.username, person.role.label, person.team or "all", name)
        self.console.print(table, highlight=False)
        self._say(
            "All companies, people and figures are generated. Passwords changed since stay changed."
        )


def _plan(options: dict[str, Any]) -> Plan:
    accounts = options["accounts"]
    if accounts is None:
        text = os.environ.get("DEMO_ACCOUNTS") or str(ACCOUNTS)
        if not text.isdigit():
            raise ValueError(f"DEMO_ACCOUNTS={text!r} is no number: use one such as 10000.")
        accounts = int(text)
    if not 1 <= accounts <= 1_000_000:
        raise ValueError("The number of accounts must be between 1 and 1,000,000.")
    if not 30 <= options["days"] <= 730:
        raise ValueError("The history must be between 30 and 730 days long.")
    as_of = parse_day(options["as_of"]) if options["as_of"] else today()
    return Plan(accounts, options["days"], options["seed"], as_of)
