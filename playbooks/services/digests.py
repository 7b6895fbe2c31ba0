"""The daily digest: one mail in the morning with what is new and what is due."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from playbooks.models import Clock, Delivery, InterventionTask, Notice, NoticeSetting

# Lines of one heading; the rest is counted.
LINES: Final = 12
# Somebody who was never sent one, or not for long, is told of so many days.
MOST_DAYS: Final = 7
FOOT: Final = "Change what you are told, and how, under {url}"


def write_due(*, at: datetime) -> int:
    """Write the digests whose hour has come, one per colleague and day; returns how many there are.

    Nobody gets an empty one. Four statements and one per digest, however large the book.
    """
    local = timezone.localtime(at)
    today = local.date()
    _ensure_settings()
    due = NoticeSetting.objects.filter(
        Q(digest_sent_on=None) | Q(digest_sent_on__lt=today),
        mail=NoticeSetting.Mail.DIGEST,
        digest_hour__lte=local.hour,
        user__is_active=True,
    ).exclude(user__email="")
    rows = list(due.select_related("user"))
    if not rows:
        return 0
    users = [row.user_id for row in rows]
    new = _new(users, at)
    tasks, clocks = _tasks(users, today), _clocks(users)
    written = 0
    for row in rows:
        lines = _sections(row, new[row.user_id], tasks[row.user_id], clocks[row.user_id], at)
        written += _write(row, lines, today, at)
    return written


def _ensure_settings() -> None:
    """A row for everybody: it remembers the day of the last digest."""
    without = get_user_model().objects.filter(is_active=True, notice_setting=None)
    missing = [NoticeSetting(user_id=pk) for pk in without.values_list("pk", flat=True)]
    if missing:
        NoticeSetting.objects.bulk_create(missing, ignore_conflicts=True)


@transaction.atomic
def _write(row: NoticeSetting, lines: Sequence[str], today: date, at: datetime) -> int:
    # Two workers at once: the one whose update finds the row unsent writes it.
    unsent = Q(digest_sent_on=None) | Q(digest_sent_on__lt=today)
    if not NoticeSetting.objects.filter(unsent, pk=row.pk).update(digest_sent_on=today):
        return 0
    if not lines:
        return 0
    Delivery.objects.bulk_create(
        [
            Delivery(
                channel=Delivery.Channel.DIGEST,
                user_id=row.user_id,
                about=f"digest:{row.user_id}:{today.isoformat()}",
                payload={
                    "subject": f"Your book on {today:%-d %b %Y}",
                    "text": "\n".join(
                        [*lines, "", FOOT.format(url=link(reverse("notice_settings")))]
                    ),
                },
                next_at=at,
                created_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    return 1


def link(path: str) -> str:
    """A path of the workbench as an address for those outside of it."""
    return f"{settings.BASE_URL.rstrip('/')}{path}"


def _new(users: Sequence[int], at: datetime) -> Mapping[int, list[Notice]]:
    found: dict[int, list[Notice]] = defaultdict(list)
    unread = Notice.objects.filter(
        user__in=users, read_at=None, at__gt=at - timedelta(days=MOST_DAYS), at__lte=at
    )
    for notice in unread.order_by("-severity", "-at", "-id").defer("body"):
        found[notice.user_id].append(notice)
    return found


def _tasks(users: Sequence[int], today: date) -> Mapping[int, list[InterventionTask]]:
    found: dict[int, list[InterventionTask]] = defaultdict(list)
    due = InterventionTask.objects.filter(
        assignee__in=users, state=InterventionTask.State.OPEN, due_on__lte=today
    )
    for task in due.select_related("account").order_by("due_on", "id"):
        found[task.assignee_id or 0].append(task)
    return found


def _clocks(users: Sequence[int]) -> Mapping[int, list[Clock]]:
    found: dict[int, list[Clock]] = defaultdict(list)
    running = Clock.objects.filter(owner__in=users, state__in=Clock.OPEN_STATES)
    for clock in running.select_related("account", "rule").order_by("due_at", "id"):
        found[clock.owner_id or 0].append(clock)
    return found


_HEADINGS: Final = {
    Notice.Kind.ALERT: "New alerts",
    Notice.Kind.OVERFLOW: "Beyond your cap of the day",
    Notice.Kind.MENTION: "You were mentioned",
    Notice.Kind.ASSIGNED: "Given to you",
    Notice.Kind.HANDOVER: "Handed over to you",
    Notice.Kind.APPROVAL: "Waiting for your approval",
    Notice.Kind.PLAN: "Plans closed or re-opened",
}


def _sections(
    row: NoticeSetting,
    notices: Sequence[Notice],
    tasks: Sequence[InterventionTask],
    clocks: Sequence[Clock],
    at: datetime,
) -> list[str]:
    """The lines of one digest; none when there is nothing to say."""
    since = at - timedelta(days=_days(row, timezone.localdate(at)))
    by_kind: dict[str, list[Any]] = defaultdict(list)
    for notice in notices:
        if notice.at > since:
            by_kind[notice.kind].append(f"{notice.title}\n  {link(notice.url)}")
    lines: list[str] = []
    for kind, heading in _HEADINGS.items():
        if kind not in row.muted:
            lines += _section(heading, by_kind[kind])
    if Notice.Kind.TASK not in row.muted:
        today = timezone.localdate(at)
        said = [
            f"{task.title}, {task.account.name}"
            + ("" if task.due_on == today else f", due {task.due_on:%-d %b}")
            for task in tasks
        ]
        lines += _section("Tasks due", said)
    if Notice.Kind.CLOCK not in row.muted:
        lines += _section("Clocks", [_clock(clock, at) for clock in clocks])
    return lines


def _clock(clock: Clock, at: datetime) -> str:
    due = f"{timezone.localtime(clock.due_at):%-d %b %H:%M}"
    late = clock.state == Clock.State.BROKEN or clock.due_at <= at
    return f"{clock.rule}, {clock.account.name}: {'overdue since' if late else 'due'} {due}"


def _days(row: NoticeSetting, today: date) -> int:
    if row.digest_sent_on is None:
        return 1
    return max(1, min(MOST_DAYS, (today - row.digest_sent_on).days))


def _section(heading: str, items: Iterable[str]) -> list[str]:
    every = list(items)
    if not every:
        return []
    more = len(every) - LINES
    tail = [f"- and {more} more"] if more > 0 else []
    return [f"{heading} ({len(every)})", *(f"- {item}" for item in every[:LINES]), *tail, ""]
