"""The tasks of `child`: each measures one group of targets in the database its process was given.

What a task needs is imported in it: a process that measures memory holds nothing else.
"""

import datetime as dt
import statistics
import time
from collections.abc import Callable
from typing import Any

Say = Callable[[str], None]
_day = dt.date.fromisoformat


def migrate(say: Say) -> dict[str, Any]:
    """Make the tables."""
    from django.core.management import call_command

    from csm.bench.databases import require_own

    require_own()
    call_command("migrate", verbosity=0)
    return {"migrated": True}


def fill(accounts: int, newest: str, scorecard: str, say: Say) -> dict[str, Any]:
    """Write the generated book."""
    from csm.bench import data

    data.fill(accounts, _day(newest), scorecard)
    return {"accounts": accounts}


def score(newest: str, say: Say) -> dict[str, Any]:
    """The newest night, which the pages show, and what it has changed since."""
    from csm.bench import past

    past.write(_day(newest))
    return {"as_of": newest}


def compare(newest: str, only: list[str], rounds: int, say: Say) -> dict[str, Any]:
    """T1, T2, T3, T5, T9."""
    from csm.bench import night

    return night.measure(_day(newest), only=set(only), rounds=rounds, say=say)


def ninety_nights(newest: str, say: Say) -> dict[str, Any]:
    """T10."""
    from csm.bench import history

    return {"T10": history.measure(_day(newest), say)}


def lists(say: Say) -> dict[str, Any]:
    """T11, T12."""
    from csm.bench import lists, past

    past.add_late()
    return lists.measure(say)


def by_day(say: Say) -> dict[str, Any]:
    """T14."""
    from csm.bench import day

    return {"T14": day.measure(say=say)}


def dated_events(newest: str, months: int, say: Say) -> dict[str, Any]:
    """T7."""
    from csm.bench import events

    say(f"Writing {months} months of events …")
    events.write(_day(newest), months)
    say("Reading metrics from them …")
    return {"T7": events.measure(_day(newest), months, times=3)}


def embedded(newest: str, rounds: int, say: Say) -> dict[str, Any]:
    """T13: nights of the newest days; the first warms up."""
    from csm.bench.night import score_night

    stored: list[float] = []
    whole: list[float] = []
    accounts = 0
    for number in range(rounds + 1):
        stages: dict[str, float] = {}
        started = time.perf_counter()
        run = score_night(_day(newest) - dt.timedelta(days=rounds - number), stages)
        seconds = time.perf_counter() - started
        accounts = run.accounts
        if number:
            whole.append(seconds)
            stored.append(stages["counting"] + stages["scoring"])
        say(f"Night {number}: {seconds:.2f} s")
    return {
        "T13": {
            "accounts": accounts,
            "nights": len(whole),
            # Read, counted, scored, stored; with current health and roll-up as well.
            "stored_per_second": round(accounts / statistics.median(stored)),
            "published_per_second": round(accounts / statistics.median(whole)),
        }
    }


def all_pages(newest: str, say: Say) -> dict[str, Any]:
    """Each of the large pages against a bare one."""
    from csm.bench import pages

    return {"pages": pages.measure(requests=60)}


def all_triggers(newest: str, say: Say) -> dict[str, Any]:
    """Every trigger that ships, from readings and from dated facts."""
    from csm.bench import triggers

    say("Judging every trigger …")
    triggers.write(_day(newest))
    from_readings = triggers.measure()
    say("Judging every trigger from dated facts …")
    triggers.write_facts(_day(newest), months=3)
    return {"triggers": {"readings": from_readings, "facts": triggers.measure(ahead=2)}}
