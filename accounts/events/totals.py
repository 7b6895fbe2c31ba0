"""Usage that events amount to: each day's total is counted again from the events, never added up.

So applying a day twice, in whatever pieces, gives what applying it once gives.
"""

import calendar
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, FloatField, Func, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.events.messages import ACTIONS
from accounts.models import Event, EventRule, FeatureUse, Source, Usage

_AT_ONCE = 1000

Day = tuple[int, date]
How = EventRule.How


class Target(NamedTuple):
    """What rules make: a usage measure, or the use of a feature. The other is 0."""

    measure_id: int
    feature_id: int


class NumberAt(Func):
    """The number a property of an event holds; null where it is absent or no number."""

    output_field = FloatField()

    def __init__(self, key: str) -> None:
        super().__init__(F("payload"))
        self.key = key

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: Any, **extra: Any
    ) -> tuple[str, list[Any]]:
        column, params = compiler.compile(self.source_expressions[0])
        # Forms refuse a double quote in the name of a property.
        path = f'$.properties."{self.key}"'
        sql = (
            f"CASE WHEN json_type({column}, %s) IN ('integer', 'real') "
            f"THEN json_extract({column}, %s) END"
        )
        return sql, [*params, path, *params, path]

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[Any]]:
        column, params = compiler.compile(self.source_expressions[0])
        sql = (
            f"CASE WHEN jsonb_typeof({column} -> 'properties' -> %s) = 'number' "
            f"THEN ({column} -> 'properties' ->> %s)::float8 END"
        )
        return sql, [*params, self.key, *params, self.key]


def target_of(rule: EventRule) -> Target:
    return Target(rule.measure_id or 0, rule.feature_id or 0)


def usable() -> QuerySet[Event]:
    """Events that count: something done, of a known account."""
    return Event.objects.filter(
        kind__in=ACTIONS,
        account__isnull=False,
        state__in=[Event.State.APPLIED, Event.State.UNUSED],
    )


def day_values(events: QuerySet[Event], rules: Collection[EventRule]) -> dict[Day, float]:
    """What `rules` of one target make of `events`: value by (account, day), a query per way of counting.

    Counts and sums of several rules add up; distinct users are distinct over all their events. A day on
    which no event has the property to add is left out: nothing is known of it.
    """
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for rule in rules:
        how = How.COUNT if rule.how == How.FEATURE else How(rule.how)
        names[how.value, rule.property if how == How.SUM else ""].add(rule.event)
    values: dict[Day, float] = defaultdict(float)
    for (way, prop), events_named in sorted(names.items()):
        measured = (
            events.filter(name__in=sorted(events_named))
            # Events of a merged account are the kept one's for as long as they are merged.
            .annotate(to=Coalesce("account__merged_into_id", "account_id"))
            .order_by()
            .values("to", "on")
            .annotate(value=_counted(How(way), prop))
            .values_list("to", "on", "value")
        )
        for account_id, on, value in measured:
            if value is not None:
                values[account_id, on] += value
    return values


def update_days(
    source: str,
    target: Target,
    rules: Collection[EventRule],
    *,
    accounts: Collection[int],
    days: Collection[date],
) -> None:
    """Count the totals of `accounts` on `days` again and store them."""
    listed = sorted(accounts)
    for start in range(0, len(listed), _AT_ONCE):
        some = listed[start : start + _AT_ONCE]
        events = usable().filter(
            Q(account_id__in=some) | Q(account__merged_into_id__in=some),
            source=source,
            on__in=sorted(days),
        )
        _store(source, target, day_values(events, rules))


def rebuild(target: Target, rules: Collection[EventRule], sources: Iterable[str]) -> int:
    """Make all of a target's totals anew from the events there are; returns how many values there are.

    Values that came with files and API rows have an import and stay. A month at a time, so memory holds
    one month of accounts.
    """
    made = 0
    for source in sources:
        derived(source, target).delete()
        its = [rule for rule in rules if rule.source in {"", source}]
        if not its:
            continue
        events = usable().filter(source=source, name__in=sorted({rule.event for rule in its}))
        for first, last in months(events):
            values = day_values(events.filter(on__range=(first, last)), its)
            _store(source, target, values)
            made += len(values)
    return made


def derived(source: str, target: Target) -> QuerySet[Usage] | QuerySet[FeatureUse]:
    """The values of a target that events of `source` made."""
    if target.measure_id:
        return Usage.objects.filter(
            measure_id=target.measure_id, source=source, import_run__isnull=True
        )
    return FeatureUse.objects.filter(
        feature_id=target.feature_id, source=source, external_id__startswith="event:"
    )


def months(events: QuerySet[Event]) -> Iterator[tuple[date, date]]:
    """First and last day of each month from the first event to the last."""
    ends = events.aggregate(first=Min("on"), last=Max("on"))
    day, last = ends["first"], ends["last"]
    while day is not None and day <= last:
        end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
        yield day, end
        day = end + timedelta(days=1)


def _counted(how: How, prop: str) -> Any:
    if how == How.SUM:
        return Sum(NumberAt(prop))
    return Count("user_id", distinct=True) if how == How.USERS else Count("id")


def _store(source: str, target: Target, values: dict[Day, float]) -> None:
    if not values:
        return
    # Freshness is told of sources that send.
    Source.objects.bulk_create([Source(key=source)], ignore_conflicts=True)
    # In one order, so that two writers of the same days never wait for each other.
    ordered = sorted(values.items())
    if target.measure_id:
        Usage.objects.bulk_create(
            (
                Usage(
                    account_id=account_id,
                    measure_id=target.measure_id,
                    on=on,
                    source=source,
                    value=value,
                )
                for (account_id, on), value in ordered
            ),
            update_conflicts=True,
            unique_fields=["account", "measure", "on", "source"],
            update_fields=["value"],
            batch_size=500,
        )
        return
    FeatureUse.objects.bulk_create(
        (
            FeatureUse(
                account_id=account_id,
                feature_id=target.feature_id,
                on=on,
                source=source,
                external_id=f"event:{target.feature_id}:{account_id}:{on}",
                uses=round(value),
            )
            for (account_id, on), value in ordered
        ),
        update_conflicts=True,
        unique_fields=["source", "external_id"],
        update_fields=["uses"],
        batch_size=500,
    )
