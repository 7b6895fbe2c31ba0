"""The whole bench: throw-away databases made and filled, each group of targets measured in a child process."""

import os
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from csm.bench import child, machine, report, workers
from csm.bench.databases import is_postgres, throw_away, throw_away_file
from csm.lib.dates import today

Say = Callable[[str], None]

COMPARED = ("T1", "T2", "T3", "T5", "T9")
AT_WORK = ("T4", "T6", "T8")
PAGES = ("T11", "T12")
# Beside the targets: pages against a bare one, and the triggers; only when asked for.
MORE = ("pages", "triggers")
ALL = tuple(dict.fromkeys(target.id for target in report.TARGETS))

# 90 nights of this many accounts are the nine million snapshots of T10.
HISTORY_ACCOUNTS = 100_000
EVENT_ACCOUNTS, EVENT_MONTHS = 20_000, 6
EMBEDDED_ACCOUNTS = 10_000
# T8 compares with a book of a tenth.
TENTH = 10


@dataclass(frozen=True)
class Wanted:
    """What to measure: ids of targets or of `MORE`, on how many accounts, how often."""

    accounts: int
    only: Collection[str]
    scorecard: str
    server: str
    rounds: int


def bench(wanted: Wanted, say: Say) -> dict[str, Any]:
    """The report as JSON. What fails is in it with the reason; the rest is measured all the same."""
    started = time.perf_counter()
    found = {
        "accounts": wanted.accounts,
        "scorecard": wanted.scorecard,
        "only": sorted(wanted.only, key=_order),
        "rounds": wanted.rounds,
        "process": os.getpid(),
        **machine.described(wanted.server),
    }
    results = _Run(wanted, say).results()
    found["results"] = results
    found["targets"] = report.verdicts(results)
    found["load_at_end"] = machine.load()
    found["minutes"] = round((time.perf_counter() - started) / 60, 1)
    return found


def _order(name: str) -> int:
    return [*ALL, *MORE].index(name)


class _Run:
    def __init__(self, wanted: Wanted, say: Say) -> None:
        self.wanted, self.say = wanted, say
        self.only, self.accounts = set(wanted.only), wanted.accounts
        self.found: dict[str, Any] = {}
        self.newest = today()

    def results(self) -> dict[str, Any]:
        if is_postgres(self.wanted.server):
            with ExitStack() as stack:
                self._on_postgres(stack)
        else:
            for name in self.only - {"T13"}:
                self.found[name] = {"skipped": "Needs PostgreSQL: name a server with --database."}
        if "T13" in self.only:
            self._embedded()
        return {name: self.found[name] for name in sorted(self.found, key=lambda n: (len(n), n))}

    def _on_postgres(self, stack: ExitStack) -> None:
        self.say("Making the tables once, for all databases of the bench …")
        template = stack.enter_context(throw_away(self.wanted.server, "template"))
        child.run("migrate", template, {})

        def database(name: str, accounts: int) -> str:
            url = stack.enter_context(throw_away(self.wanted.server, name, template))
            self._filled(url, accounts)
            return url

        if self.only - {"T7", "T13"}:
            small_is_history = self.accounts > 2 * HISTORY_ACCOUNTS
            main = database("main", self.accounts)
            needs_small = "T8" in self.only or ("T10" in self.only and small_is_history)
            small = database("small", max(1, self.accounts // TENTH)) if needs_small else main
            self._task(COMPARED, "compare", main, rounds=self.wanted.rounds, **self._newest())
            self._workers(main, small)
            if self.only & {*PAGES, "T14", *MORE}:
                # Before the history: its nights are copies, and nothing has changed from one to the next.
                child.run("night", main, self._newest())
            self._task(("T10",), "history", small if small_is_history else main, **self._newest())
            self._task(PAGES, "lists", main)
            self._task(("T14",), "day", main)
            for name in MORE:
                self._task((name,), name, main, **self._newest())
        if "T7" in self.only:
            accounts = min(self.accounts, EVENT_ACCOUNTS)
            url = database("events", accounts)
            self._task(("T7",), "events", url, months=EVENT_MONTHS, **self._newest())

    def _embedded(self) -> None:
        with throw_away_file("embedded") as url:
            child.run("migrate", url, {})
            self._filled(url, min(self.accounts, EMBEDDED_ACCOUNTS))
            self._task(("T13",), "embedded", url, rounds=self.wanted.rounds, **self._newest())

    def _filled(self, url: str, accounts: int) -> None:
        self.say(f"Writing {accounts:,} accounts …")
        arguments = {"accounts": accounts, "scorecard": self.wanted.scorecard, **self._newest()}
        child.run("fill", url, arguments)

    def _newest(self) -> dict[str, str]:
        return {"newest": self.newest.isoformat()}

    def _task(self, names: Collection[str], task: str, url: str, **arguments: Any) -> None:
        """Do a task for those of `names` that are wanted; a task with several is told which."""
        wanted = [name for name in names if name in self.only]
        if not wanted:
            return
        self.say(f"Measuring {', '.join(wanted)} …")
        if task == "compare":
            arguments["only"] = wanted
        self._keep(wanted, lambda: child.run(task, url, arguments))

    def _workers(self, big: str, small: str) -> None:
        wanted = [name for name in AT_WORK if name in self.only]
        if not wanted:
            return
        self.say(f"Measuring {', '.join(wanted)} …")
        self._keep(
            wanted,
            lambda: workers.measure(
                big=big,
                small=small,
                only=set(wanted),
                newest=self.newest,
                rounds=self.wanted.rounds,
                say=self.say,
            ),
        )

    def _keep(self, wanted: Collection[str], work: Callable[[], dict[str, Any]]) -> None:
        try:
            results = work()
        except child.TaskError as error:
            results = {name: {"failed": str(error)} for name in wanted}
        for name, result in results.items():
            self.found[name] = result


def rounds_for(accounts: int) -> int:
    """Timed rounds that keep a full run at 100,000 below ten minutes and at a million below 25."""
    return 5 if accounts <= 200_000 else 3
