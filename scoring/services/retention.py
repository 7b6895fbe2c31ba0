"""How long snapshots are kept: every night for months, then one a week, then none.

What stays for good: runs and their reports, changes of band, daily sums. A run's statistics stay as long as
one of its snapshots does, so every score that is kept can be explained and computed again.
"""

import logging
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef

from csm.lib.retry import Patience, is_busy, retrying
from scoring.models import ScoreRun, Snapshot
from scoring.selectors import newest_run
from scoring.services import partitions
from scoring.services.partitions import Month

log = logging.getLogger("scoring.retention")

# Nobody waits for it, and each try waits five seconds itself.
_patiently = retrying(Patience(tries=3, first=20, longest=60))


@dataclass
class Pruning:
    """What is over age on a day.

    daily_from, weekly_from: the first day of which every night, and one a week, is kept. months: partitions
    that go whole; nights: those whose rows go one by one. rows: how many did, -1 where nobody counted.
    """

    daily_from: date
    weekly_from: date
    months: list[Month] = field(default_factory=list)
    nights: list[date] = field(default_factory=list)
    rows: int = 0


def over_age(as_of: date) -> Pruning:
    """What `prune` would remove on a day. One query, one more on PostgreSQL.

    Both limits are the first of a month. Of a week the last night there is stays; so does the night whose
    figures are current health, however old.
    """
    found = Pruning(
        _months_before(as_of, settings.SNAPSHOT_DAILY_MONTHS),
        _months_before(as_of, max(settings.SNAPSHOT_DAILY_MONTHS, settings.SNAPSHOT_WEEKLY_MONTHS)),
    )
    shown = newest_run(defer=True)
    kept_month = partitions.month_of(shown.as_of) if shown else None
    found.months = [
        month
        for month in partitions.months()
        if month.after <= found.weekly_from and month != kept_month
    ]
    there = Snapshot.objects.filter(as_of=OuterRef("as_of"))
    nights = (
        ScoreRun.objects.filter(as_of__lt=found.daily_from)
        .values_list("as_of", flat=True)
        .order_by("as_of")
        .distinct()
        .filter(Exists(there.order_by()))
    )
    last_of_week = {
        night.isocalendar()[:2]: night for night in nights if night >= found.weekly_from
    }
    kept = {*last_of_week.values(), shown.as_of if shown else None}
    whole = {(month.first.year, month.first.month) for month in found.months}
    found.nights = [
        night for night in nights if night not in kept and (night.year, night.month) not in whole
    ]
    return found


def prune(as_of: date) -> Pruning:
    """Remove what is over age on a day, month by month and night by night, each in its own transaction.

    Stopped at any point it goes on from there the next time; so it does with a month that somebody reads
    all the while, which is left out of `months`.
    """
    found = over_age(as_of)
    for month in list(found.months):
        try:
            _patiently(partitions.drop)(month)
        except OperationalError as error:
            if not is_busy(error):
                raise
            found.months.remove(month)
            log.warning("retention: %s is being read, it goes the next time", month.name)
        else:
            log.info("retention: dropped %s", month.name)
            _forget(month.first, month.after)
    for night in found.nights:
        with transaction.atomic():
            rows = Snapshot.objects.filter(as_of=night)
            found.rows += rows._raw_delete(rows.db)
        log.info("retention: removed the night of %s", night)
    if found.nights:
        _forget(date.min, found.daily_from)
    return found


def _forget(first: date, after: date) -> None:
    """Empty the statistics of runs of these days that have no snapshot left."""
    runs = ScoreRun.objects.filter(as_of__gte=first, as_of__lt=after).exclude(statistics={})
    left = Snapshot.objects.filter(as_of=OuterRef("as_of"), run=OuterRef("pk")).order_by()
    runs.exclude(Exists(left)).exclude(state__in=ScoreRun.OPEN_STATES).update(statistics={})


def _months_before(day: date, months: int) -> date:
    """The first of the month so many months before."""
    number = day.year * 12 + day.month - 1 - months
    return date(max(1, number // 12), number % 12 + 1, 1)
