"""What triggers are worth and who has too much: counted from alerts and from what customers did next.

Two kinds of share. Of the alerts fired in the last `FIRED_DAYS` days: acknowledged, acted on, cleared by
themselves, not a risk. Of the alerts of the last `JUDGED_DAYS` days that are old enough to be judged:
precision, the share whose account churned or contracted within so many days. Only those at least that old
are judged: counting a young alert once something followed, and not before, would flatter every trigger. What
followed so far is told beside it. Alerts nobody was told of (held, or withdrawn by the night that found their
source back) count nowhere. Triggers of the family Opportunity are judged by growth: an upsell that followed.

The database counts per trigger and day, never per alert; medians are exact, made of those counts.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from time import monotonic
from typing import Any, Final

from django.core.cache import cache
from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Count,
    F,
    Func,
    IntegerField,
    Min,
    Q,
    QuerySet,
    When,
)
from django.db.models.expressions import RawSQL

from accounts.models import LifecycleEvent, SubscriptionEvent
from accounts.models.account import LifecycleStage
from accounts.models.subscription import ChangeKind
from playbooks.models import Alert, Trigger

FIRED_DAYS: Final = 90
JUDGED_DAYS: Final = 540
HORIZONS: Final = (90, 180)
# Below so many judged alerts a share says nothing.
LEAST: Final = 20
# What took longer to count than this is shown for ten minutes: with a million alerts pages wait otherwise.
SLOW_SECONDS: Final = 2.0
_KEEP_SECONDS: Final = 600


@dataclass(frozen=True)
class Share:
    """`hits` of `n`; the share is None while `n` is below `LEAST`."""

    hits: int = 0
    n: int = 0

    @property
    def value(self) -> float | None:
        return self.hits / self.n if self.n >= LEAST else None


@dataclass(frozen=True)
class Figures:
    """One trigger. `precision` by horizon in days; lead time and open age are medians in days.

    `followed`: of all alerts of the last `JUDGED_DAYS` days, however young, those something has followed
    within the longest horizon so far.
    """

    open: int = 0
    held: int = 0
    fired: int = 0
    acknowledged: Share = Share()
    acted: Share = Share()
    cleared: Share = Share()
    dismissed: Share = Share()
    precision: Mapping[int, Share] = field(default_factory=lambda: dict.fromkeys(HORIZONS, Share()))
    lead_days: float | None = None
    followed: Share = Share()
    open_age: float | None = None


# Alerts that somebody was, or could have been, told of.
TOLD: Final = ~Q(state=Alert.State.HELD) & ~Q(state=Alert.State.WITHDRAWN, ended_by=None)


def figures(*, on: date, trigger_ids: Collection[int] | None = None) -> dict[int, Figures]:
    """Measures of triggers as of `on`, by id; a trigger without any alert is left out. Three queries.

    Of a very large book, where counting took more than `SLOW_SECONDS`, they are those of up to ten minutes
    ago.
    """
    kept: dict[int, Figures] | None = cache.get(_key(on))
    if kept is not None:
        wanted = kept if trigger_ids is None else trigger_ids
        return {pk: kept[pk] for pk in wanted if pk in kept}
    started = monotonic()
    found = _figures(on, trigger_ids)
    if trigger_ids is None and monotonic() - started > SLOW_SECONDS:
        cache.set(_key(on), found, _KEEP_SECONDS)
    return found


def _key(on: date) -> str:
    return f"trigger-figures-{on.isoformat()}"


def _figures(on: date, trigger_ids: Collection[int] | None) -> dict[int, Figures]:
    alerts = Alert.objects.order_by()
    if trigger_ids is not None:
        alerts = alerts.filter(trigger__in=trigger_ids)
    fired = _fired(alerts, on)
    ages, held = _open_ages(alerts, on)
    followed = _followed(on, trigger_ids)
    return {
        pk: Figures(
            **fired.get(pk, {}),
            open=sum(ages.get(pk, {}).values()),
            held=held.get(pk, 0),
            open_age=median(ages.get(pk, {})),
            precision={days: _precision(followed.get(pk, {}), days) for days in HORIZONS},
            lead_days=median(_leads(followed.get(pk, {}))),
            followed=Share(
                sum(_leads(followed.get(pk, {})).values()), sum(followed.get(pk, {}).values())
            ),
        )
        for pk in {*fired, *ages, *followed}
    }


def _fired(alerts: QuerySet[Alert], on: date) -> dict[int, dict[str, Any]]:
    rows = (
        alerts.filter(TOLD, opened_on__gt=on - timedelta(days=FIRED_DAYS), opened_on__lte=on)
        .values("trigger")
        .annotate(
            fired=Count("pk"),
            acknowledged=Count("pk", filter=Q(acted_at__isnull=False)),
            acted=Count("pk", filter=Q(intervention__isnull=False)),
            cleared=Count("pk", filter=Q(state=Alert.State.CLEARED)),
            dismissed=Count("pk", filter=Q(state=Alert.State.DISMISSED)),
        )
    )
    return {
        row["trigger"]: {
            "fired": row["fired"],
            **{
                name: Share(row[name], row["fired"])
                for name in ("acknowledged", "acted", "cleared", "dismissed")
            },
        }
        for row in rows
    }


def _is_open() -> RawSQL:
    """The open ones, written as the partial index has it: SQLite compares the words, not the values."""
    table = Alert._meta.db_table
    return RawSQL(f"{table}.state IN ('held', 'open')", [], output_field=BooleanField())  # noqa: S611


def _open_ages(
    alerts: QuerySet[Alert], on: date
) -> tuple[dict[int, dict[int, int]], dict[int, int]]:
    """Trigger → age in days → open alerts; and trigger → those of them that are held."""
    rows = (
        alerts.filter(_is_open())
        # A sum, or SQLite walks all alerts in the order of their triggers to spare itself the grouping.
        .annotate(of=F("trigger_id") + 0)
        .values_list("of", "opened_on", "state")
        .annotate(n=Count("pk"))
    )
    found: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    held: dict[int, int] = defaultdict(int)
    for trigger, opened_on, state, n in rows:
        found[trigger][(on - opened_on).days] += n
        held[trigger] += n * (state == Alert.State.HELD)
    return found, held


_FOLLOWED: Final = """
WITH turns AS (
    SELECT id AS account_id, churned_on AS day, 0 AS grew
    FROM accounts_account WHERE churned_on IS NOT NULL
    UNION ALL SELECT account_id, "on", 0 FROM {lifecycle} WHERE stage = %(churned)s
    UNION ALL SELECT account_id, "on", 0 FROM {events}
        WHERE kind IN (%(downsell)s, %(churn)s) OR arr_change < 0
    UNION ALL SELECT account_id, "on", 1 FROM {events} WHERE kind = %(upsell)s
), told AS (
    SELECT a.id, a.trigger_id, a.opened_on, MIN(e.day) AS day
    FROM {alerts} a JOIN {triggers} t ON t.id = a.trigger_id
    LEFT JOIN turns e ON e.account_id = a.account_id AND e.day > a.opened_on AND e.day <= %(on)s
        AND e.grew = CASE WHEN t.family = %(opportunity)s THEN 1 ELSE 0 END
    WHERE a.opened_on > %(since)s AND a.opened_on <= %(on)s AND a.state <> 'held'
      AND NOT (a.state = 'withdrawn' AND a.ended_by_id IS NULL) {narrow}
    GROUP BY a.id, a.trigger_id, a.opened_on
)
SELECT trigger_id, opened_on, {lead} AS lead, COUNT(*) FROM told
GROUP BY trigger_id, opened_on, lead
"""
# How many alerts of a trigger, by (age in days, days until what followed or None).
Followed = dict[tuple[int, int | None], int]


def _followed(on: date, trigger_ids: Collection[int] | None) -> dict[int, Followed]:
    lead = (
        "day - opened_on"
        if connection.vendor == "postgresql"
        else "CAST(julianday(day) - julianday(opened_on) AS INTEGER)"
    )
    narrow = ""
    if trigger_ids is not None:
        listed = ", ".join(str(int(pk)) for pk in trigger_ids) or "NULL"
        narrow = f"AND a.trigger_id IN ({listed})"
    sql = _FOLLOWED.format(
        lifecycle=LifecycleEvent._meta.db_table,
        events=SubscriptionEvent._meta.db_table,
        alerts=Alert._meta.db_table,
        triggers=Trigger._meta.db_table,
        lead=lead,
        narrow=narrow,
    )
    values: dict[str, str | date] = {
        "churned": LifecycleStage.CHURNED.value,
        "downsell": ChangeKind.DOWNSELL.value,
        "churn": ChangeKind.CHURN.value,
        "upsell": ChangeKind.UPSELL.value,
        "opportunity": Trigger.Family.OPPORTUNITY.value,
        "on": on,
        "since": on - timedelta(days=JUDGED_DAYS),
    }
    found: dict[int, Followed] = defaultdict(lambda: defaultdict(int))
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        for trigger, opened_on, days, n in cursor.fetchall():
            day = opened_on if isinstance(opened_on, date) else date.fromisoformat(opened_on)
            found[trigger][((on - day).days, days)] += n
    return found


def _precision(followed: Followed, horizon: int) -> Share:
    hits = n = 0
    for (age, lead), count in followed.items():
        if age >= horizon:
            n += count
            hits += count * (lead is not None and lead <= horizon)
    return Share(hits, n)


def _leads(followed: Followed) -> dict[int, int]:
    found: dict[int, int] = defaultdict(int)
    for (_, lead), count in followed.items():
        if lead is not None and lead <= max(HORIZONS):
            found[lead] += count
    return found


def median(counts: Mapping[int, int]) -> float | None:
    """The median of values given as value → how often; None without any."""
    total = sum(counts.values())
    if not total:
        return None
    lower, upper = (total - 1) // 2, total // 2
    middle: list[int] = []
    passed = 0
    for value in sorted(counts):
        passed += counts[value]
        while len(middle) < 2 and passed > (lower, upper)[len(middle)]:
            middle.append(value)
    return sum(middle) / 2


@dataclass(frozen=True)
class Load:
    """One owner's alerts. `oldest_on` is the day the oldest open one fired; hours are elapsed, not business.

    `first_act_hours`: median from firing to the first thing anybody did, over the `answered` ones of the
    last `FIRED_DAYS` days. `overflow`: open ones beyond the daily cap that nobody was told of one by one.
    """

    owner_id: int | None
    open: int
    untaken: int
    overflow: int
    snoozed: int
    oldest_on: date | None
    fired: int
    answered: int
    first_act_hours: float | None


def load(alerts: QuerySet[Alert], *, on: date) -> list[Load]:
    """Alerts by owner, the most open first; those of nobody are a row of their own. One query.

    `alerts` is what the asking colleague may see (`access.alerts_seen_by`).
    """
    is_open = Q(state__in=Alert.OPEN_STATES)
    recent = TOLD & Q(opened_on__gt=on - timedelta(days=FIRED_DAYS), opened_on__lte=on)
    took = When(recent & Q(acted_at__isnull=False), then=_HoursBetween("acted_at", "opened_at"))
    # By owner and hours to the first act: few values, and their counts add up to the owner's.
    rows = (
        alerts.order_by()
        .filter(is_open | recent)
        .annotate(hours=Case(took))
        .values("owner", "hours")
        .annotate(
            open_now=Count("pk", filter=is_open),
            untaken=Count("pk", filter=is_open & Q(taken_at=None)),
            beyond=Count("pk", filter=is_open & Q(overflow=True)),
            snoozed=Count("pk", filter=is_open & Q(snoozed_until__gt=on)),
            fired=Count("pk", filter=recent),
            oldest=Min("opened_on", filter=is_open),
        )
    )
    by_owner: dict[int | None, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_owner[row["owner"]].append(row)
    found = [_load(owner_id, mine) for owner_id, mine in by_owner.items()]
    return sorted(found, key=lambda each: (-each.open, each.owner_id or 0))


def _load(owner_id: int | None, rows: Sequence[Mapping[str, Any]]) -> Load:
    """What the rows of one owner add up to."""
    hours: dict[int, int] = defaultdict(int)
    for row in rows:
        if row["hours"] is not None:
            hours[max(0, row["hours"])] += row["fired"]
    return Load(
        owner_id=owner_id,
        open=sum(row["open_now"] for row in rows),
        untaken=sum(row["untaken"] for row in rows),
        overflow=sum(row["beyond"] for row in rows),
        snoozed=sum(row["snoozed"] for row in rows),
        oldest_on=min((row["oldest"] for row in rows if row["oldest"]), default=None),
        fired=sum(row["fired"] for row in rows),
        answered=sum(hours.values()),
        first_act_hours=median(hours),
    )


class _HoursBetween(Func):
    """Whole hours from the second moment to the first."""

    output_field = IntegerField()
    arity = 2

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # Days as floats: an hour may come out a millionth short.
        template = "CAST((julianday(%(expressions)s)) * 24 + 0.001 AS INTEGER)"
        return self.as_sql(
            compiler, connection, template=template, arg_joiner=") - julianday(", **context
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "FLOOR(EXTRACT(EPOCH FROM (%(expressions)s)) / 3600)::integer"
        return self.as_sql(
            compiler,
            connection,
            template=template,
            arg_joiner=" - ",
            **context,
        )
