"""What every source sent, day by day: rows, accounts and mean per feed and measure, kept as `FeedDay`.

Kept up to date from the facts themselves, whichever door they came through. Only days that got new rows
are counted again; after an undo the feed is counted afresh.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Avg, Count, F, Max, Q
from django.utils import timezone

from accounts.models import FeedDay, ImportRun, Source, Watermark
from accounts.trust.tables import READINGS, TABLES, Table
from csm.lib.copy import bulk_insert

# Rows whose transaction was still open when the last profile read past them: looked at again.
_OVERLAP: Final = 20_000
# An import that corrected facts may have changed any day of the stretch the breaker compares.
REVISED_DAYS: Final = 100
# With more days than that in question the whole feed is counted.
_MOST_DAYS: Final = 150

# source, measure, day, rows, accounts, mean
Counted = tuple[str, str, date, int, int, float | None]

_READINGS_SQL: Final = """
SELECT r.source, j.key, r."on", COUNT(*), COUNT(*), AVG({number})
FROM accounts_reading r, {each} j
{where}
GROUP BY r.source, j.key, r."on"
"""
_JSON: Final = {
    "sqlite": ("json_each(r.metrics)", "CASE WHEN j.type IN ('integer', 'real') THEN j.value END"),
    "postgresql": (
        "jsonb_each(r.metrics)",
        "CASE WHEN jsonb_typeof(j.value) = 'number' THEN (j.value)::text::float8 END",
    ),
}


def refresh() -> int:
    """Bring `FeedDay` up to date with the facts; returns the rows written.

    Two queries per feed when nothing is new, one aggregate per feed with news.
    """
    written = sum(_refresh(table) for table in TABLES.values())
    known = set(Source.objects.values_list("key", flat=True))
    told = set(FeedDay.objects.order_by().values_list("source", flat=True).distinct())
    told |= set(ImportRun.objects.order_by().values_list("source", flat=True).distinct())
    Source.objects.bulk_create(
        (Source(key=key) for key in sorted(told - known)), ignore_conflicts=True
    )
    return written


def _refresh(table: Table) -> int:
    key = f"profile:{table.feed}"
    now = timezone.now()
    Watermark.objects.get_or_create(key=key, defaults={"at": now})
    with transaction.atomic():
        mark = Watermark.objects.select_for_update().get(key=key)
        top = table.model.objects.aggregate(top=Max("pk"))["top"] or 0
        days = _days_to_count(table, mark, top)
        if days is not None and not days:
            return 0
        old = FeedDay.objects.filter(feed=table.feed)
        if days is not None:
            old = old.filter(on__in=days)
        old.delete()
        rows = [
            (source, table.feed, measure, on, count, accounts, mean)
            for source, measure, on, count, accounts, mean in _counted(table, days)
        ]
        bulk_insert(FeedDay, ("source", "feed", "measure", "on", "rows", "accounts", "mean"), rows)
        mark.row_id, mark.at = top, now
        mark.save(update_fields=["row_id", "at"])
    return len(rows)


def _days_to_count(table: Table, mark: Watermark, top: int) -> list[date] | None:
    """Days whose facts may have changed since the last profile; None: all of them."""
    if not mark.row_id:
        return None if top else []
    runs = ImportRun.objects.filter(feed__in=table.imports)
    news = runs.aggregate(
        undone=Count("pk", filter=Q(undone_at__gte=mark.at)),
        revised=Count("pk", filter=Q(finished_at__gte=mark.at, updated_count__gt=0)),
    )
    if news["undone"]:
        return None
    days: set[date] = set()
    facts = table.model.objects.exclude(**{table.on: None}).order_by()
    if top > mark.row_id:
        fresh = facts.filter(pk__gt=mark.row_id - _OVERLAP)
        days |= set(fresh.values_list(table.on, flat=True).distinct())
    if news["revised"]:
        told = FeedDay.objects.filter(feed=table.feed)
        newest = max([*days, *told.values_list("on", flat=True).order_by("-on")[:1]], default=None)
        if newest is not None:
            since = newest - timedelta(days=REVISED_DAYS)
            days |= set(told.filter(on__gte=since).values_list("on", flat=True).distinct())
    return None if len(days) > _MOST_DAYS else sorted(days)


def _counted(table: Table, days: list[date] | None) -> Iterable[Counted]:
    if table.feed == READINGS:
        return _counted_readings(days)
    facts = table.model.objects.exclude(**{table.on: None})
    if days is not None:
        facts = facts.filter(**{f"{table.on}__in": days})
    by = [table.source, *([table.measure] if table.measure else []), table.on]
    figures: dict[str, Any] = {"n": Count("pk"), "who": Count("account_id", distinct=True)}
    if table.value:
        figures["average"] = Avg(F(table.value))
    found = facts.order_by().values(*by).annotate(**figures)
    return [
        (
            row[table.source],
            row[table.measure] if table.measure else "",
            row[table.on],
            row["n"],
            row["who"],
            _plain(row.get("average")),
        )
        for row in found.iterator()
    ]


def _counted_readings(days: list[date] | None) -> Iterator[Counted]:
    """Reported metrics by key. A source has one reading per account and day, so rows are accounts."""
    where, parameters = "", list[Any]()
    if days is not None:
        where = f'WHERE r."on" IN ({", ".join(["%s"] * len(days))})'
        parameters = list(days)
    each, number = _JSON[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            _READINGS_SQL.format(each=each, number=number, where=where),
            parameters,
        )
        for source, key, on, rows, accounts, mean in cursor.fetchall():
            day = date.fromisoformat(on) if isinstance(on, str) else on
            yield source, key, day, rows, accounts, _plain(mean)


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)
