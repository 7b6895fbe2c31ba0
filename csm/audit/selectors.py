"""Reading the audit trail: filtered, newest first."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from ipaddress import ip_address
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import AuditEvent
from csm.lib.typed import whole
from csm.models import User

PER_PAGE: Final = 50
_LONGEST = 100


@dataclass(frozen=True)
class Asked:
    """What the address asks for; anything it cannot mean counts as not asked."""

    kind: str = ""
    who: str = ""
    text: str = ""
    first: date | None = None
    last: date | None = None
    before: int | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.kind or self.who or self.text or self.first or self.last)


def asked(query: QueryDict) -> Asked:
    """What a query string asks for."""
    kind = query.get("kind", "")
    return Asked(
        kind=kind if kind in AuditEvent.Kind.values else "",
        who=_text(query.get("who", "")),
        text=_text(query.get("q", "")),
        first=_day(query.get("from", "")),
        last=_day(query.get("to", "")),
        before=whole(query.get("before", "")),
    )


def _text(text: str) -> str:
    return text.replace("\0", "").strip()[:_LONGEST]


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def events(asked: Asked) -> QuerySet[AuditEvent]:
    """Events that match, newest first; days are those of the workbench's time zone."""
    found = AuditEvent.objects.order_by("-id")
    if asked.kind:
        found = found.filter(kind=asked.kind)
    if asked.who:
        user = User.objects.filter(username__iexact=asked.who).first()
        named = Q(by_name__icontains=asked.who)
        # Whom it happened to is in the detail.
        if user:
            named |= Q(by=user) | Q(detail__user=user.username)
        found = found.filter(named)
    if asked.text:
        words = Q(what__icontains=asked.text) | Q(detail__icontains=asked.text)
        found = found.filter(words | Q(address=asked.text) if _is_address(asked.text) else words)
    if asked.first:
        found = found.filter(at__gte=_midnight(asked.first))
    if asked.last and asked.last < date.max:
        found = found.filter(at__lt=_midnight(asked.last + timedelta(days=1)))
    return found


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def page(asked: Asked) -> tuple[list[AuditEvent], int | None]:
    """Events of a page, and the id the next page begins before; None on the last."""
    found = events(asked)
    if asked.before is not None:
        found = found.filter(id__lt=asked.before)
    rows = list(found[: PER_PAGE + 1])
    return rows[:PER_PAGE], rows[PER_PAGE - 1].pk if len(rows) > PER_PAGE else None


def told(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The detail of an event as pairs of words."""
    before, after = detail.get("before"), detail.get("after")
    for key, value in detail.items():
        if key in ("before", "after"):
            continue
        yield key.replace("_", " "), _words(value)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(each for each in after if each not in before)]:
            if before.get(key) != after.get(key):
                yield from _changed(key.replace("_", " "), before.get(key), after.get(key))
    elif "before" in detail or "after" in detail:
        yield "change", f"{_words(before)} → {_words(after)}"


def _changed(name: str, before: Any, after: Any) -> Iterator[tuple[str, str]]:
    """What differs; of two groups of values only the values that do."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield name, f"{_words(before)} → {_words(after)}"
        return
    for key in [*before, *(each for each in after if each not in before)]:
        if before.get(key) != after.get(key):
            told = f"{_words(before.get(key))} → {_words(after.get(key))}"
            yield f"{name}, {key}".replace("_", " "), told


def _words(value: Any) -> str:
    match value:
        case None | "":
            return "nothing"
        case True | False:
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case str():
            moment = _moment(value)
            return f"{timezone.localtime(moment):%-d %b %Y %H:%M}" if moment else value
        case [*many] if all(isinstance(each, str | int) for each in many):
            return ", ".join(str(each) for each in many)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and timezone.is_aware(found) else None
