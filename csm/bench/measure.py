"""What `manage.py bench` measures, in the database it is pointed at: a night's steps, pages against a bare one.

The machine may be busy with other things: ratios of interleaved requests can be trusted, seconds less so.
"""

import datetime as dt
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import django
import numpy as np
import pandas as pd
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from csm.bench import events, triggers
from csm.bench.server import serving
from csm.demo.book import Plan, generate
from csm.demo.people import PEOPLE
from csm.demo.write import write
from csm.lib.dates import today
from csm.models import Role, User
from csm.nightly import run_nightly
from scoring.models import ScoreRun
from scoring.services import nights, populations, publish, shards

SEED = 7
HISTORY_DAYS = 30
BARE = "/bare/"
PAGES = {
    "portfolio": "/portfolio/?scope=all",
    "at_risk": "/at-risk/?scope=all",
    "home": "/?scope=all",
    "insights": "/insights/?scope=all",
}
# The targets of docs/performance.md.
TARGETS = {
    "scoring_accounts_per_second": 40_000.0,
    "portfolio_ratio_p50": 4.0,
    "portfolio_queries": 8.0,
    "triggers_seconds_per_100000": 30.0,
    "facts_triggers_seconds_per_100000": 30.0,
}
# Counts on PostgreSQL only, where it was set.
EVENTS_TARGET = 3.0


def bench(
    accounts: int,
    *,
    nights_run: int,
    requests: int,
    months: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """All of it on an empty, migrated database. Raises RuntimeError when a night fails."""
    as_of = today()
    say(f"Generating {accounts:,} accounts …")
    write(generate(Plan(accounts, HISTORY_DAYS, SEED, as_of)))
    say(f"Scoring {nights_run + 1} nights …")
    night = _nights(as_of, accounts, nights_run)
    say(f"Asking each page {requests} times …")
    pages = _pages(requests)
    say("Judging every trigger …")
    triggers.write(as_of)
    judged = triggers.measure()
    say("Judging every trigger from dated facts …")
    triggers.write_facts(as_of, months)
    from_facts = triggers.measure(ahead=2)
    events.clear()
    # Last: its events would weigh on the nights and the pages, which are compared with earlier figures.
    say(f"Writing {months} months of events and reading metrics from them …")
    events.write(as_of, months)
    dated = events.measure(as_of, months, times=3)
    return {
        "accounts": accounts,
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "versions": _versions(),
        "machine": _machine(),
        "night": night,
        "pages": pages,
        "events": dated,
        "triggers": judged,
        "triggers_from_facts": from_facts,
        "targets": _targets(night, pages, dated, judged, from_facts),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


# --- The night ------------------------------------------------------------------------------------


def _nights(as_of: dt.date, accounts: int, times: int) -> dict[str, Any]:
    """Median seconds per step over `times` nights up to `as_of`; one before them warms up."""
    taken: dict[str, list[float]] = defaultdict(list)
    for ago in range(times, -1, -1):
        with _steps() as steps:
            started = time.perf_counter()
            run = run_nightly(as_of - dt.timedelta(days=ago))
            steps["whole_night"] = time.perf_counter() - started
        if run.state != ScoreRun.State.DONE:
            raise RuntimeError(f"The night of {run.as_of} failed: {run.error}")
        steps["pack_and_statistics"] = steps.pop("counting")
        if ago < times:
            for name, seconds in steps.items():
                taken[name].append(seconds)
    return {
        name: {
            "seconds": round(statistics.median(seconds), 4),
            "accounts_per_second": round(accounts / max(statistics.median(seconds), 1e-9)),
        }
        for name, seconds in sorted(taken.items())
    }


@contextmanager
def _steps() -> Iterator[dict[str, float]]:
    """Seconds spent per step of the nights inside, their transactions' commits included."""
    taken: dict[str, float] = defaultdict(float)

    def timed(function: Any, name: Callable[[dict[str, Any]], str]) -> Any:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            started, read = time.perf_counter(), taken["frame_read"]
            try:
                return function(*args, **kwargs)
            finally:
                # A shard reads its frame inside its step; that is a step of its own here.
                inside = taken["frame_read"] - read
                taken[name(kwargs)] += time.perf_counter() - started - inside

        return wrapper

    def piece(kwargs: dict[str, Any]) -> str:
        return "counting" if kwargs["counting"] else "scoring"

    with (
        patch.object(populations, "frame", timed(populations.frame, lambda _: "frame_read")),
        patch.object(shards, "merge", timed(shards.merge, lambda _: "merge_statistics")),
        patch.object(nights, "_do", timed(nights._do, piece)),
        patch.object(publish, "publish", timed(publish.publish, lambda _: "publish")),
    ):
        yield taken


# --- Pages ----------------------------------------------------------------------------------------


def _pages(requests: int) -> dict[str, Any]:
    """Milliseconds per page beside a bare one, both from a real web server, asked in turn.

    A busy moment then hits both. One page after the other: a heavy one between them would leave the
    caches cold for both. Queries are counted in this process.
    """
    admin = next(person for person in PEOPLE if person.role == Role.ADMIN)
    client = Client()
    client.force_login(User.objects.get(username=admin.username))
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    found: dict[str, Any] = {}
    with serving() as get:
        for name, url in {"bare": BARE, **PAGES}.items():
            for _ in range(4):  # templates and scorecards are read once per process
                get(url, cookie)
            taken: dict[str, list[float]] = {url: [], BARE: []}
            for _ in range(requests):
                for each in taken:
                    started = time.perf_counter()
                    get(each, cookie)
                    taken[each].append((time.perf_counter() - started) * 1000)
            found[name] = _page(taken[url], taken[BARE], _queries(client, url))
    return found


def _queries(client: Client, url: str) -> int:
    with override_settings(ROOT_URLCONF="csm.bench.urls", ALLOWED_HOSTS=["testserver"]):
        client.get(url)
        with CaptureQueriesContext(connection) as caught:
            client.get(url)
    return len(caught)


def _page(taken: list[float], bare: list[float], queries: int) -> dict[str, Any]:
    p50, p95 = (float(np.percentile(taken, share)) for share in (50, 95))
    bare_p50, bare_p95 = (float(np.percentile(bare, share)) for share in (50, 95))
    return {
        "p50_ms": round(p50, 2),
        "p95_ms": round(p95, 2),
        "ratio_p50": round(p50 / bare_p50, 2),
        "ratio_p95": round(p95 / bare_p95, 2),
        "queries": queries,
        "requests": len(taken),
    }


# --- What it ran on -------------------------------------------------------------------------------


def _targets(
    night: dict[str, Any],
    pages: dict[str, Any],
    dated: dict[str, Any],
    judged: dict[str, Any],
    from_facts: dict[str, Any],
) -> dict[str, Any]:
    reached = {
        "scoring_accounts_per_second": night["scoring"]["accounts_per_second"],
        "portfolio_ratio_p50": pages["portfolio"]["ratio_p50"],
        "portfolio_queries": pages["portfolio"]["queries"],
        "triggers_seconds_per_100000": judged["every_night"]["seconds_per_100000"],
        "facts_triggers_seconds_per_100000": from_facts["every_night"]["seconds_per_100000"],
    }
    targets = dict(TARGETS)
    if connection.vendor == "postgresql":
        targets["events_ratio"], reached["events_ratio"] = EVENTS_TARGET, dated["ratio"]
    return {
        name: {
            "target": target,
            "reached": reached[name],
            "met": reached[name] >= target
            if name.endswith("per_second")
            else reached[name] <= target,
        }
        for name, target in targets.items()
    }


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - git is where PATH says
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _versions() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "django": django.get_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "database": f"{connection.vendor} {sqlite3.sqlite_version}"
        if connection.vendor == "sqlite"
        else connection.vendor,
    }


def _machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
