"""What runs by itself and when: entries as rows that admins may change (django-celery-beat).

The night and the pruning have an hour in a time zone of their own; everything else runs every so many
minutes and only catches up on what nobody was woken for.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from accounts import audit
from csm.lib.errors import WorkbenchError
from csm.models import ScheduledResult

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NIGHT: Final = "night"
MOST_MINUTES: Final = 1440
# What nobody is woken for waits for these; slower, lost messages would be noticed.
MOST_MINUTES_REQUIRED: Final = 10


class ScheduleError(WorkbenchError):
    """A change of the schedule that cannot be made; the text says why."""


@dataclass(frozen=True)
class At:
    """At an hour of some days of the week (0 Monday … 6 Sunday) in a time zone."""

    hour: int
    minute: int
    zone: str
    days: tuple[int, ...] = tuple(range(7))

    def __str__(self) -> str:
        if len(self.days) == 7:
            on = "Every day"
        elif self.days == tuple(range(5)):
            on = "Monday to Friday"
        else:
            on = "Every " + ", ".join(DAYS[day] for day in self.days)
        return f"{on} at {self.hour:02}:{self.minute:02}"


@dataclass(frozen=True)
class Every:
    """Every so many minutes."""

    minutes: int

    def __str__(self) -> str:
        return "Every minute" if self.minutes == 1 else f"Every {self.minutes} minutes"


@dataclass(frozen=True)
class Entry:
    """One thing that runs by itself, as it ships. `required` ones cannot be switched off."""

    key: str
    task: str
    label: str
    what: str
    when: At | Every
    required: bool = False


def _zone() -> str:
    return str(settings.TIME_ZONE)


def entries() -> tuple[Entry, ...]:
    """Everything that runs by itself, in the order of the page."""
    return (
        Entry(
            NIGHT,
            "csm.tasks.night",
            "Night",
            "Scores every account, then triggers, exit tests, clocks and notices.",
            At(2, 0, _zone()),
        ),
        Entry(
            "prune",
            "csm.tasks.prune",
            "Pruning",
            "Removes snapshots older than they are kept for.",
            At(4, 30, _zone(), (6,)),
        ),
        Entry(
            "tidy",
            "csm.tasks.tidy",
            "Tidying up",
            "Removes ended sessions, old log-in tries and answers kept for programs that ask twice.",
            At(4, 0, _zone()),
        ),
        Entry(
            "sweep",
            "csm.tasks.sweep",
            "Catching up",
            "Starts a night whose hour has passed; goes on with nights, imports and jobs that nobody is at.",
            Every(1),
            required=True,
        ),
        Entry(
            "events",
            "csm.tasks.apply_events",
            "Product events",
            "Applies events that came in, and held ones whose accounts have appeared.",
            Every(1),
        ),
        Entry(
            "day",
            "csm.tasks.sweep_day",
            "By day",
            "Scores and judges accounts whose facts changed, where the word of it was lost.",
            Every(1),
        ),
        Entry(
            "clocks",
            "playbooks.tasks.tick_clocks",
            "Clocks",
            "Marks clocks that ran out and escalates them.",
            Every(1),
        ),
        Entry(
            "notices",
            "playbooks.tasks.send_notices",
            "Notices",
            "Sends e-mails, digests and webhooks that are due.",
            Every(1),
        ),
        Entry(
            "replays",
            "playbooks.tasks.sweep_replays",
            "Replays",
            "Goes on with replays of triggers nobody is at work on.",
            Every(1),
        ),
    )


def entry_called(key: str) -> Entry | None:
    """The entry of that key."""
    return next((entry for entry in entries() if entry.key == key), None)


def ensure() -> None:
    """Make the rows that are missing; what admins changed stays. Repeating it is harmless.

    A row still as it once shipped follows when what ships changes: `description` keeps what shipped.
    """
    there = {row.name: row for row in _rows()}
    for entry in entries():
        row = there.get(entry.key)
        if row is None:
            row = PeriodicTask(name=entry.key, task=entry.task)
            _fill(row, entry.when)
            try:
                with transaction.atomic():
                    row.save()
            except (IntegrityError, ValidationError):
                # Another process that starts has just made it.
                pass
            continue
        untouched = row.description == _described(when_of(row))
        moved = untouched and row.description != _described(entry.when)
        if moved:
            _fill(row, entry.when)
        if moved or row.task != entry.task:
            row.task = entry.task
            row.save()


def _rows() -> Any:
    return PeriodicTask.objects.select_related("crontab", "interval").filter(
        name__in=[entry.key for entry in entries()]
    )


def _described(when: At | Every | None) -> str:
    return f"Shipped as: {when}{f' ({when.zone})' if isinstance(when, At) else ''}"


def _fill(row: PeriodicTask, when: At | Every) -> None:
    """Set a row to what ships."""
    _set(row, when)
    row.description = _described(when)


def _set(row: PeriodicTask, when: At | Every) -> None:
    row.crontab = row.interval = None
    if isinstance(when, At):
        values = {
            "minute": str(when.minute),
            "hour": str(when.hour),
            "day_of_month": "*",
            "month_of_year": "*",
            # Cron counts from Sunday.
            "day_of_week": "*"
            if len(when.days) == 7
            else ",".join(str((day + 1) % 7) for day in when.days),
            "timezone": ZoneInfo(when.zone),
        }
        row.crontab = CrontabSchedule.objects.filter(**values).first() or (
            CrontabSchedule.objects.create(**values)
        )
        # A worker that was down all night must not find a week of nights waiting.
        row.expire_seconds = 60 * 60 * 12
    else:
        period = IntervalSchedule.MINUTES
        row.interval = IntervalSchedule.objects.filter(every=when.minutes, period=period).first()
        row.interval = row.interval or IntervalSchedule.objects.create(
            every=when.minutes, period=period
        )
        # The next one does the same: a queue that stands still must not fill with them.
        row.expire_seconds = when.minutes * 60 - 5


def when_of(row: PeriodicTask) -> At | Every | None:
    """When a row runs; None for a kind of schedule this page does not make."""
    if row.interval is not None:
        seconds = row.interval.schedule.run_every.total_seconds()
        return Every(max(1, round(seconds / 60)))
    cron = row.crontab
    if cron is None or not (cron.hour.isdecimal() and cron.minute.isdecimal()):
        return None
    days = tuple(range(7))
    if cron.day_of_week != "*":
        parts = cron.day_of_week.split(",")
        if not all(part.isdecimal() for part in parts):
            return None
        days = tuple(sorted({(int(part) - 1) % 7 for part in parts}))
    return At(int(cron.hour), int(cron.minute), str(cron.timezone), days)


@dataclass(frozen=True)
class Planned:
    """An entry as it stands: `when` None where the row is of a kind unknown here."""

    entry: Entry
    when: At | Every | None
    enabled: bool
    last_sent: datetime | None
    # How the last scheduled run ended.
    result: ScheduledResult | None
    next_at: datetime | None


def planned(now: datetime) -> list[Planned]:
    """The schedule as it stands; entries without a row as they ship. Two queries."""
    rows = {row.name: row for row in _rows()}
    results = ScheduledResult.objects.in_bulk([entry.key for entry in entries()])
    found = []
    for entry in entries():
        row = rows.get(entry.key)
        when = when_of(row) if row is not None else entry.when
        enabled = row.enabled if row is not None else True
        result = results.get(entry.key)
        last = row.last_run_at if row is not None else None
        if result is not None and (last is None or result.ended_at > last):
            last = result.ended_at
        found.append(
            Planned(
                entry, when, enabled, last, result, next_run(when, last, now) if enabled else None
            )
        )
    return found


def next_run(when: At | Every | None, last: datetime | None, now: datetime) -> datetime | None:
    """The next moment an entry is due after `now`."""
    if isinstance(when, Every):
        return max(now, last + timedelta(minutes=when.minutes)) if last is not None else now
    if when is None:
        return None
    first = now.astimezone(ZoneInfo(when.zone)).date()
    moments = (_moment(when, first + timedelta(days=ahead)) for ahead in range(8))
    return next((each for each in moments if each is not None and each > now), None)


def _moment(when: At, day: date) -> datetime | None:
    if day.weekday() not in when.days:
        return None
    return datetime.combine(day, time(when.hour, when.minute), ZoneInfo(when.zone))


def due_moments(now: datetime, days: int) -> list[datetime]:
    """When the night was due in the last `days` days, the newest first; empty while it is switched off."""
    row = _rows().filter(name=NIGHT).first()
    when = when_of(row) if row is not None else _shipped_night()
    if not isinstance(when, At) or (row is not None and not row.enabled):
        return []
    today = now.astimezone(ZoneInfo(when.zone)).date()
    moments = (_moment(when, today - timedelta(days=back)) for back in range(days + 1))
    return [each for each in moments if each is not None and each <= now]


def _shipped_night() -> At | Every:
    return next(entry.when for entry in entries() if entry.key == NIGHT)


def change(key: str, when: At | Every, *, enabled: bool, by: Any, at: datetime) -> None:
    """Move an entry, or switch it on or off; recorded. Raises ScheduleError with the reason."""
    entry = entry_called(key)
    if entry is None:
        raise ScheduleError(f"There is nothing called {key!r} in the schedule.")
    _check(entry, when, enabled)
    ensure()
    with transaction.atomic():
        row = _rows().select_for_update(of=("self",)).get(name=key)
        before = (str(when_of(row)), _zone_of(when_of(row)), row.enabled)
        _set(row, when)
        row.enabled = enabled
        row.save()
        after = (str(when), _zone_of(when), enabled)
        if before != after:
            names = ("when", "time zone", "on")
            audit.record(
                audit.Kind.OPERATION,
                f"changed the schedule of {entry.label.lower()}: {when}{'' if enabled else ', off'}",
                by=by,
                at=at,
                detail={
                    "before": dict(zip(names, before, strict=True)),
                    "after": dict(zip(names, after, strict=True)),
                },
            )


def _zone_of(when: At | Every | None) -> str:
    return when.zone if isinstance(when, At) else ""


def _check(entry: Entry, when: At | Every, enabled: bool) -> None:
    if type(when) is not type(entry.when):
        raise ScheduleError(f"{entry.label} cannot be planned this way.")
    if entry.required and not enabled:
        raise ScheduleError(f"{entry.label} cannot be switched off: lost work is found by it.")
    if isinstance(when, Every):
        most = MOST_MINUTES_REQUIRED if entry.required else MOST_MINUTES
        if not 1 <= when.minutes <= most:
            raise ScheduleError(f"{entry.label} runs every 1 to {most} minutes.")
        return
    if not (0 <= when.hour <= 23 and 0 <= when.minute <= 59):
        raise ScheduleError("The time is an hour from 0 to 23 and a minute from 0 to 59.")
    if not when.days or set(when.days) - set(range(7)):
        raise ScheduleError("Choose at least one day of the week.")
    if when.zone not in available_timezones():
        raise ScheduleError(f"There is no time zone {when.zone!r}.")
