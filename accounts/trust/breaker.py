"""The breaker: a source that falls silent or jumps is held at its last good day until an admin has looked.

Nights ask `frozen_on`; only the start of a night (`check`) and admins (`freeze`, `lift`) change it.
"""

import logging
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import FeedDay, Freeze
from accounts.trust import notices, profile, rules
from accounts.trust.freshness import Fresh, Key, freshness
from accounts.trust.tables import TABLES, feed_label
from csm.lib import display
from csm.lib.errors import WorkbenchError

log = logging.getLogger("accounts.trust")

_REASON = Freeze.Reason


class FreezeError(WorkbenchError):
    """A freeze that cannot be; the text says why."""


def frozen_on(as_of: date) -> dict[Key, date]:
    """(source, feed) → last good day, for the freezes that hold on the night of `as_of`.

    A past night gets them as they stood then: opened by that night and not lifted by it. One query.
    """
    held = Freeze.objects.filter(opened_on__lte=as_of).filter(
        Q(lifted_on=None) | Q(lifted_on__gt=as_of)
    )
    found: dict[Key, date] = {}
    for source, feed, good_on in held.order_by().values_list("source", "feed", "good_on"):
        found[source, feed] = min(good_on, found.get((source, feed), good_on))
    return found


def check(as_of: date) -> list[Freeze]:
    """Bring the profile up to date and freeze every watched feed that is silent or has jumped by `as_of`.

    Returns the freezes opened now. Admins are told of each once, also of those an earlier night could not
    tell them of. The queries do not grow with accounts or days.
    """
    profile.refresh()
    fresh = freshness(as_of)
    open_now = {each.key for each in fresh if each.frozen is not None}
    looked_at = _looked_at()
    wanted: dict[Key, Freeze] = {}
    for each in fresh:
        if not each.watched or each.key in open_now or each.key in wanted:
            continue
        found = _silence(each, as_of, looked_at.get(each.key))
        found = found or _jump(each, as_of, looked_at.get(each.key))
        if found is not None:
            wanted[each.key] = found
    # Another worker may have opened the same; the constraint decides, nobody is told twice.
    Freeze.objects.bulk_create(wanted.values(), ignore_conflicts=True)
    opened = list(
        Freeze.objects.filter(lifted_on=None, opened_on=as_of, source__in={s for s, _ in wanted})
    )
    opened = [each for each in opened if (each.source, each.feed) in wanted]
    for freeze_ in opened:
        log.warning("%s", freeze_.details.get("sentence", freeze_))
    notices.tell_of_freezes()
    return opened


def _looked_at() -> dict[Key, tuple[date, date]]:
    """(last good day, day lifted) of the last freeze an admin lifted, by feed."""
    lifted = Freeze.objects.exclude(lifted_on=None).order_by("pk")
    rows = lifted.values_list("source", "feed", "good_on", "lifted_on")
    return {(source, feed): (good, on) for source, feed, good, on in rows if on is not None}


def _silence(each: Fresh, as_of: date, looked_at: tuple[date, date] | None) -> Freeze | None:
    if each.state != "silent" or each.last_on is None or each.alive_on is None:
        return None
    if looked_at is not None and each.last_on <= looked_at[1]:
        # Somebody has looked at this silence and let the nights go on.
        return None
    silence = (as_of - each.alive_on).days
    usual = each.rhythm.usual or 0.0
    sentence = (
        f"{_called(each)} has sent nothing since {display.day(each.last_on)}: {display.days(silence)} of "
        f"silence, where {display.days(round(usual)) if usual >= 1 else 'less than a day'} is usual."
    )
    return _freeze(each, _REASON.SILENT, each.last_on, as_of, usual, silence, sentence)


def _jump(each: Fresh, as_of: date, looked_at: tuple[date, date] | None) -> Freeze | None:
    found = rules.jump(each.series, as_of, after=looked_at[1] if looked_at else None)
    if found is None:
        return None
    table = TABLES.get(each.feed)
    what = "rows" if found.what == "rows" else f"mean {table.figure if table else 'value'}"
    sentence = (
        f"{_called(each)} jumped on {display.day(found.on)}: {what} {_figure(found.seen)}, where "
        f"{_figure(found.usual)} is usual on such a day (median of {found.n})."
    )
    return _freeze(each, _REASON.JUMP, found.good_on, as_of, found.usual, found.seen, sentence)


def _freeze(
    each: Fresh,
    reason: str,
    good_on: date,
    as_of: date,
    usual: float,
    seen: float,
    sentence: str,
) -> Freeze:
    return Freeze(
        source=each.source,
        feed=each.feed,
        reason=reason,
        good_on=good_on,
        opened_on=as_of,
        details={
            "measure": each.measure,
            "usual": usual,
            "seen": seen,
            "sentence": f"{sentence} Held at {display.day(good_on)}.",
        },
    )


def _called(each: Fresh) -> str:
    name = f"{each.label} of {each.source}"
    return f"{each.measure} ({name})" if each.measure else name


def _figure(value: float) -> str:
    return display.number(value, 0 if abs(value) >= 100 or value == int(value) else 2)


def freeze(source: str, feed: str, *, good_on: date, on: date, note: str, by: Any) -> Freeze:
    """Hold a feed at `good_on` by hand from the night of `on`. Raises FreezeError with a sentence."""
    if not FeedDay.objects.filter(source=source, feed=feed).exists():
        raise FreezeError(f"{source} has sent nothing of {feed_label(feed)}: nothing to freeze.")
    if good_on > on:
        raise FreezeError("The last good day cannot lie ahead of today.")
    sentence = (
        f"{feed_label(feed)} of {source} frozen by {by}: {note.strip() or 'no reason given'}. "
        f"Held at {display.day(good_on)}."
    )
    try:
        with transaction.atomic():
            made = Freeze.objects.create(
                source=source,
                feed=feed,
                reason=_REASON.BY_HAND,
                good_on=good_on,
                opened_on=on,
                opened_by=by,
                details={"sentence": sentence},
                told_at=timezone.now(),
            )
            _record("froze", made, note, by)
            return made
    except IntegrityError:
        raise FreezeError(f"{feed_label(feed)} of {source} is frozen already.") from None


def lift(frozen: Freeze, *, on: date, note: str, by: Any) -> Freeze:
    """Read the feed again from the night of `on`, whose figures become what is normal.

    Days up to `on` are neither judged again nor compared with. Raises FreezeError when it is lifted already.
    """
    if not note.strip():
        raise FreezeError("Say why: the note stays with the freeze.")
    with transaction.atomic():
        current = Freeze.objects.select_for_update().get(pk=frozen.pk)
        if current.lifted_on is not None:
            raise FreezeError(f"{current} was lifted on {display.day(current.lifted_on)} already.")
        current.lifted_on = max(on, current.opened_on)
        current.lifted_at, current.lifted_by, current.note = timezone.now(), by, note.strip()
        current.save(update_fields=["lifted_on", "lifted_at", "lifted_by", "note"])
        _record("lifted the freeze of", current, note, by)
    return current


def _record(what: str, of: Freeze, note: str, by: Any) -> None:
    told = f"{what} {feed_label(of.feed)} of {of.source}"
    audit.record(audit.Kind.TUNING, told, by=by, detail={"note": note.strip()})
