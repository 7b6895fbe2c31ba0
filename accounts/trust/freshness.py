"""How fresh every source is: the one reading of it that pages and the breaker share."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Max, Value

from accounts.models import FeedDay, Freeze, ImportRun, Source
from accounts.trust import rules
from accounts.trust.rules import Day, Rhythm, State
from accounts.trust.tables import TABLES, feed_label, table_feed

Key = tuple[str, str]


@dataclass(frozen=True)
class Fresh:
    """Freshness of one series: a feed of a source, or one measure of it (`measure` blank: the feed).

    `last_on` is the day of its last fact, `imported_on` of the feed's last import, `alive_on` of the last
    sign of life that silence is counted from. `series` holds the days behind it, ascending.
    """

    source: str
    feed: str
    measure: str
    last_on: date | None
    imported_on: date | None
    alive_on: date | None
    rhythm: Rhythm
    state: State
    next_on: date | None
    series: Sequence[Day]
    frozen: Freeze | None
    watched: bool

    @property
    def key(self) -> Key:
        return self.source, self.feed

    @property
    def label(self) -> str:
        """The feed as people call it."""
        return feed_label(self.feed)

    @property
    def flows_again(self) -> bool:
        """Facts came in after the last good day of a feed that had fallen silent."""
        frozen = self.frozen
        return (
            frozen is not None
            and frozen.reason == Freeze.Reason.SILENT
            and self.last_on is not None
            and self.last_on > frozen.good_on
        )


def freshness(as_of: date, *, source: str | None = None) -> list[Fresh]:
    """Every feed and measure that was ever told, as of a date: feeds first, then their measures.

    Four queries: the profile of the last months, the last day of every series and import, sources, open
    freezes. Facts dated after `as_of` are not looked at.
    """
    days, imports = _series(as_of, source)
    sources = Source.objects.in_bulk(field_name="key")
    freezes = {
        (each.source, each.feed): each
        for each in Freeze.objects.filter(lifted_on=None).select_related("opened_by")
    }
    feeds: dict[Key, dict[str, list[Day]]] = defaultdict(dict)
    for (name, feed, measure), series in days.items():
        feeds[name, feed][measure] = series
    found = []
    for key in sorted(feeds):
        measures = feeds[key]
        told = sources.get(key[0])
        # A feed of one series is that series; otherwise its whole comes first, then each measure.
        parts = sorted(measures.items())
        if set(measures) != {""}:
            parts = [("", _added(measures.values())), *parts]
        for measure, series in parts:
            found.append(_fresh(key, measure, series, imports, told, freezes.get(key), as_of))
    return found


def _fresh(
    key: Key,
    measure: str,
    series: list[Day],
    imports: Mapping[Key, date],
    told: Source | None,
    frozen: Freeze | None,
    as_of: date,
) -> Fresh:
    table = TABLES.get(key[1])
    imported = imports.get(key)
    last = series[-1].on if series else None
    days = [day.on for day in series]
    alive = last
    if table is not None and not table.steady and imported is not None and last is not None:
        alive = max(last, imported)
    steady = table is None or table.steady
    beat = _rhythm(days, told, exact=not measure and steady, chance=not steady)
    return Fresh(
        source=key[0],
        feed=key[1],
        measure=measure,
        last_on=last,
        imported_on=imported,
        alive_on=alive,
        rhythm=beat,
        state=beat.state(alive, as_of),
        next_on=beat.next_expected(alive),
        series=series,
        frozen=frozen,
        watched=told.watched if told else True,
    )


def _rhythm(days: Sequence[date], told: Source | None, *, exact: bool, chance: bool) -> Rhythm:
    """The rhythm, with the interval an admin set: to the day for what is told day by day.

    Feeds that speak when something happens, and single measures, may be rarer than their source.
    """
    times = told.silent_times if told else None
    learned = rules.rhythm(days, chance=chance, times=times)
    set_to = told.interval_days if told else None
    if not set_to or (not exact and len(days) > 1 and learned.usual is None):
        return learned
    usual = set_to if exact else max(set_to, learned.usual or 0.0)
    return rules.rhythm(days, set_to=usual, times=times)


def _series(
    as_of: date, source: str | None
) -> tuple[dict[tuple[str, str, str], list[Day]], dict[Key, date]]:
    """Days by (source, feed, measure), ascending, the last one of series that ended before the window.

    And the day of the last import that loaded something, by source and feed.
    """
    told = FeedDay.objects.filter(on__lte=as_of)
    runs = ImportRun.objects.filter(state=ImportRun.State.DONE, dry_run=False, as_of__lte=as_of)
    if source is not None:
        told, runs = told.filter(source=source), runs.filter(source=source)
    recent = (
        told.filter(on__gt=as_of - timedelta(days=rules.COMPARED_DAYS))
        .order_by("source", "feed", "measure", "on")
        .values_list("source", "feed", "measure", "on", "rows", "mean")
    )
    found = {
        (name, feed, measure): [Day(on, rows, mean) for _, _, _, on, rows, mean in rows_]
        for (name, feed, measure), rows_ in groupby(recent, key=lambda row: row[:3])
    }
    imports: dict[Key, date] = {}
    days = told.order_by().values_list("source", "feed", "measure", Value(False))
    loads = runs.order_by().values_list("source", "feed", Value(""), Value(True))
    newest = days.annotate(last=Max("on")).union(loads.annotate(last=Max("as_of")), all=True)
    for name, feed, measure, is_import, last in newest:
        if is_import:
            key = (name, table_feed(feed))
            imports[key] = max(last, imports.get(key, last))
        else:
            found.setdefault((name, feed, measure), [Day(last, 0, None)])
    return found, imports


def _added(parts: Iterable[Sequence[Day]]) -> list[Day]:
    """The feed as a whole: rows of all its measures by day."""
    rows: dict[date, int] = defaultdict(int)
    for series in parts:
        for day in series:
            rows[day.on] += day.rows
    return [Day(on, rows[on], None) for on in sorted(rows)]
