"""T7: metrics from dated events against the database's own GROUP BY over the same rows.

One event per account and day, 30 a month: 20 activities, 4 tickets, 6 uses of a feature. They are written
day by day, as they would arrive, so that an account's rows lie far apart.
"""

import datetime as dt
import resource
import statistics
import time
from typing import Any

import numpy as np
from django.db import connection, transaction

from accounts.models import Account, Activity, Feature, FeatureUse, Ticket
from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.derive import derive
from scoring.metrics.facts import Clock
from scoring.metrics.metric import Metric
from scoring.services.nights import SHARD_SIZE

MONTH = 30
_FEATURES = 24
_TABLES = {
    Activity._meta.db_table: "on",
    Ticket._meta.db_table: "opened_on",
    FeatureUse._meta.db_table: "on",
}
# A number that looks random, the same on every database: of an account's id, a day and a salt.
_DRAW = "((a.id * 48271 + {day} * 69621 + {salt} * 16807) % 2147483647 % 9973)"


def write(as_of: dt.date, months: int, every: int = 1) -> int:
    """Events of `months` × 30 days up to `as_of` for every account; returns how many.

    One an account on each `every`th day.
    """
    Feature.objects.bulk_create(
        [Feature(key=f"bench-{n}", label=f"Feature {n}", is_core=n < 8) for n in range(_FEATURES)],
        ignore_conflicts=True,
    )
    first = Feature.objects.filter(key="bench-0").values_list("pk", flat=True)[0]
    days = months * MONTH
    with connection.cursor() as cursor:
        for number in range(0, days, every):
            on = as_of - dt.timedelta(days=days - 1 - number)
            with transaction.atomic():
                for statement in _statements(number, on, first):
                    cursor.execute(statement)
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    return Account.objects.count() * len(range(0, days, every))


def clear() -> None:
    """Take all events out again."""
    with connection.cursor() as cursor:
        for table in _TABLES:
            cursor.execute(f"DELETE FROM {table} WHERE source = 'bench'")


def _statements(day: int, on: dt.date, first_feature: int) -> list[str]:
    def draw(salt: int, of: int) -> str:
        return f"({_DRAW.format(day=day, salt=salt)} % {of})"

    def pick(salt: int, *texts: str) -> str:
        cases = " ".join(f"WHEN {n} THEN '{text}'" for n, text in enumerate(texts))
        return f"CASE {draw(salt, len(texts))} {cases} END"

    own = "a.id, 'bench', 'b' || a.id || '-' || "
    cast = "CAST('{}' AS date)" if connection.vendor == "postgresql" else "'{}'"
    today = cast.format(on)
    later = cast.format(on + dt.timedelta(days=5))
    yes, no = ("TRUE", "FALSE") if connection.vendor == "postgresql" else ("1", "0")
    kind = draw(1, MONTH)
    return [
        'INSERT INTO accounts_activity (account_id, source, external_id, kind, "on", direction, '
        "outcome, sentiment, with_executive, topic, subject, invited, attended) "
        f"SELECT {own}{day}, "
        f"{pick(2, 'call', 'email', 'email', 'meeting', 'check_in', 'qbr', 'training', 'community')}, "
        f"{today}, {pick(3, 'out', 'out', 'in')}, "
        f"{pick(4, 'answered', 'unanswered', 'attended', 'no_show', '')}, "
        f"{draw(5, 20)} / 10.0 - 1.0, CASE WHEN {draw(6, 10)} = 0 THEN {yes} ELSE {no} END, "
        f"{pick(7, '', '', '', 'renewal', 'budget', 'competitor', 'integration')}, '', 4, "
        f"{draw(8, 5)} FROM accounts_account a WHERE {kind} < 20",
        "INSERT INTO accounts_ticket (account_id, source, external_id, subject, severity, category, "
        "sentiment, opened_on, first_response_on, first_response_minutes, escalated_on, closed_on) "
        f"SELECT {own}{day}, '', {pick(2, 'low', 'normal', 'normal', 'high', 'critical')}, "
        f"{pick(3, 'bug', 'how-to', 'billing', 'access')}, {draw(4, 20)} / 10.0 - 1.0, {today}, "
        f"{today}, {draw(5, 900)}, CASE WHEN {draw(6, 20)} = 0 THEN {later} END, "
        f"CASE WHEN {draw(7, 20)} > 0 THEN {later} END "
        f"FROM accounts_account a WHERE {kind} >= 20 AND {kind} < 24",
        'INSERT INTO accounts_featureuse (account_id, source, external_id, feature_id, "on", uses) '
        f"SELECT {own}{day}, {first_feature} + {draw(2, _FEATURES)}, {today}, 1 "
        f"FROM accounts_account a WHERE {kind} >= 24",
    ]


def event_metrics() -> list[Metric]:
    """The metrics that only read activities, tickets and features."""
    return [
        metric
        for metric in CATALOGUE.values()
        if metric.is_derived and all(part.table.name in _TABLES for part in metric.parts)
    ]


def measure(as_of: dt.date, months: int, times: int) -> dict[str, Any]:
    """Both ways in turn, `times` each after one to warm up; medians, and their ratio."""
    metrics = event_metrics()
    ours: list[float] = []
    plain: list[float] = []
    for number in range(times + 1):
        for taken, work in ((plain, _group_by), (ours, _derive)):
            started = time.perf_counter()
            work(as_of, months, metrics)
            if number:
                taken.append(time.perf_counter() - started)
    ratios = [mine / theirs for mine, theirs in zip(ours, plain, strict=True)]
    accounts = Account.objects.count()
    return {
        "accounts": accounts,
        "events": accounts * months * MONTH,
        "metrics": len(metrics),
        "metrics_seconds": round(statistics.median(ours), 3),
        "group_by_seconds": round(statistics.median(plain), 3),
        "ratio": round(statistics.median(ratios), 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _derive(as_of: dt.date, months: int, metrics: list[Metric]) -> None:
    ids = np.fromiter(
        Account.objects.order_by("pk").values_list("pk", flat=True).iterator(), dtype=np.int64
    )
    for start in range(0, len(ids), SHARD_SIZE):
        shard = ids[start : start + SHARD_SIZE]
        found = derive(
            metrics,
            clock=Clock(as_of),
            ids=shard,
            first_id=int(shard[0]),
            last_id=int(shard[-1]),
        )
        if len(found) != len(metrics):
            raise RuntimeError("Some metrics found no event: the bench would measure nothing.")


def _group_by(as_of: dt.date, months: int, metrics: list[Metric]) -> None:
    """Number of rows and newest day per account and table: the least a GROUP BY can do."""
    since = as_of - dt.timedelta(days=months * MONTH)
    with connection.cursor() as cursor:
        for table, on in _TABLES.items():
            cursor.execute(
                f'SELECT account_id, COUNT(*), MAX("{on}") FROM {table} '
                f"WHERE \"{on}\" > '{since}' AND \"{on}\" <= '{as_of}' GROUP BY account_id"
            )
            while cursor.fetchmany(SHARD_SIZE):
                pass
