"""Secret addresses of calendars, and what they answer."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from icalendar import Calendar, Event

from accounts import audit
from playbooks.models import CalendarFeed
from playbooks.selectors.calendar import Entry

# When somebody's calendar last asked is kept to the hour.
_READ_EVERY: Final = timedelta(hours=1)


@transaction.atomic
def create(*, by: Any, at: datetime) -> str:
    """A new secret for `by`'s calendar; the one before stops working. Shown once, kept as a digest."""
    token = token_urlsafe(32)
    CalendarFeed.objects.update_or_create(
        user=by, defaults={"digest": _digest(token), "created_at": at, "last_read_at": None}
    )
    audit.record(audit.Kind.ACCESS, "made an address of the own calendar", by=by, at=at)
    return token


@transaction.atomic
def revoke(*, by: Any) -> bool:
    """Let the address of `by` answer no more; whether there was one."""
    gone = CalendarFeed.objects.filter(user=by).delete()[0] > 0
    if gone:
        audit.record(audit.Kind.ACCESS, "took back the address of the own calendar", by=by)
    return gone


def opened(token: str, *, at: datetime) -> Any:
    """The active colleague whose secret it is, or None."""
    feed = (
        CalendarFeed.objects.filter(digest=_digest(token), user__is_active=True)
        .select_related("user")
        .first()
    )
    if feed is None:
        return None
    CalendarFeed.objects.filter(
        Q(last_read_at=None) | Q(last_read_at__lt=at - _READ_EVERY), pk=feed.pk
    ).update(last_read_at=at)
    return feed.user


def as_ical(entries: Iterable[Entry], *, name: str, at: datetime, root: str) -> bytes:
    """Entries as all-day events (RFC 5545); `root` is the workbench's address without a slash at its end."""
    calendar = Calendar()
    calendar.add("prodid", "-//CSM workbench//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval;value=duration", "PT1H")
    for entry in entries:
        event = Event()
        event.add("uid", f"{entry.kind}-{entry.pk}@csm-workbench")
        event.add("dtstamp", at)
        event.add("dtstart", entry.on)
        event.add("dtend", entry.on + timedelta(days=1))
        what = entry.label if entry.kind == "renewal" else f"{entry.label}: {entry.title}"
        event.add("summary", f"{what} ({entry.account})")
        event.add("url", f"{root}{entry.url}")
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return calendar.to_ical()


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
