"""T-triggers: every trigger that ships judged on the whole book, its alerts written.

Every account is told every metric the triggers read, on three days of the last two weeks: mostly calm
figures, one in eight from a range with the threshold inside, so that an account has a handful of alerts. The
first round opens alerts for the whole book, as on the day the triggers are switched on; the second, the day
after, finds them open, as every night.

The second way, `write_facts`: no readings, every metric from dated facts, read anew.
"""

import datetime as dt
import os
import resource
import time
from typing import Any

import numpy as np
import orjson
from django.db import connection, transaction

from accounts.models import Account, Reading
from csm.bench import events, trigger_facts
from csm.lib.copy import bulk_insert
from playbooks.models import Alert, Policy
from playbooks.rules import needs_of
from playbooks.rules.conditions import MetricIs
from playbooks.services import alert_rows, evaluation, night, triggers
from scoring.metrics.catalogue import CATALOGUE
from scoring.selectors import newest_run

SOURCE = "bench-triggers"
SEED = 11
# Ranges that put the thresholds of the library inside.
_SPREAD = {"count": (0, 6), "days": (0, 120), "number": (-4, 8), "score": (1, 4), "money": (0, 1e6)}
_STIRRED = 8


def write(as_of: dt.date) -> int:
    """Readings of all trigger metrics for every account; returns how many rows."""
    triggers.load_library()
    watched, _ = evaluation.watches()
    keys = sorted(needs_of(rule for watch in watched for rule in watch.rules).metrics)
    calm = _calm(watched)
    random = np.random.default_rng(SEED)
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    for ago in (14, 7, 0):
        columns = [_column(random, key, calm, len(ids)) for key in keys]
        on = as_of - dt.timedelta(days=ago)
        rows = (
            (account, on, SOURCE, orjson.dumps(dict(zip(keys, row, strict=True))).decode())
            for account, row in zip(ids, zip(*columns, strict=True), strict=True)
        )
        with transaction.atomic():
            bulk_insert(Reading, ("account", "on", "source", "metrics"), rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return len(ids) * 3


def _column(random: np.random.Generator, key: str, calm: dict[str, float], n: int) -> list[float]:
    kind = CATALOGUE[key].kind
    if kind == "ratio":
        figures = random.uniform(-0.5, 0.5, n).round(3)
    else:
        low, high = _SPREAD[kind]
        figures = random.uniform(low, high, n).round()
    if key in calm:
        stirred = random.integers(0, _STIRRED, n) == 0
        figures = np.where(stirred, figures, calm[key])
    found: list[float] = figures.tolist()
    return found


def _calm(watched: list[evaluation.Watch]) -> dict[str, float]:
    """Of each metric a figure that ends the alerts about it."""
    found: dict[str, float] = {}
    for watch in watched:
        for condition in watch.exit.conditions if watch.exit else ():
            if isinstance(condition, MetricIs):
                step = 0.0 if CATALOGUE[condition.metric].kind == "ratio" else 1.0
                more = condition.op in (">", ">=")
                found.setdefault(condition.metric, condition.value + (step if more else -step))
    return {key: max(value, 0.0) for key, value in found.items()}


def write_facts(as_of: dt.date, months: int) -> int:
    """Dated facts in place of the readings; returns how many rows."""
    Reading.objects.all().delete()
    # 7 or 8 in 30 days: five activities, a ticket, a use of a feature.
    return events.write(as_of, months, every=4) + trigger_facts.write(as_of, months)


def measure(ahead: int = 0) -> dict[str, Any]:
    """Seconds of both rounds, wall and processor, and what they did, from `ahead` days after the night."""
    run = newest_run()
    if run is None:
        raise RuntimeError("There is no night to judge.")
    found: dict[str, Any] = {"accounts": run.accounts, "triggers": len(triggers.read_library())}
    for name, more in (("first_night", 0), ("every_night", 1)):
        found[name] = _round(run, run.as_of + dt.timedelta(days=ahead + more))
    return found | {
        "alerts": Alert.objects.count(),
        "load": round(os.getloadavg()[0], 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _round(run: Any, as_of: dt.date) -> dict[str, Any]:
    at = dt.datetime.combine(as_of, dt.time(2), dt.UTC)
    wall, processor = time.perf_counter(), time.process_time()
    opened = position = 0
    while (last := night.end_of_shard(position, night.SHARD_SIZE)) is not None:
        report = evaluation.evaluate(run, as_of=as_of, first_id=position + 1, last_id=last, at=at)
        opened += report.opened.total()
        position = last
    alert_rows.spread_overflow(as_of, Policy.current().alert_cap)
    seconds = time.perf_counter() - wall
    return {
        "seconds": round(seconds, 2),
        "seconds_per_100000": round(seconds / max(1, run.accounts) * 100_000, 1),
        "processor_seconds": round(time.process_time() - processor, 2),
        "opened": opened,
    }
