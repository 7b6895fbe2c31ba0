"""What waiting events mean: their accounts, the usage they amount to, the traits they tell.

Bounded pieces, a transaction each: an event is marked in the transaction that writes what it means, and
totals are counted again from events, so a pass that is killed or repeated changes nothing twice.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import date

from django.db import connection, transaction
from django.utils import timezone

from accounts.events import traits
from accounts.events.messages import ACTIONS
from accounts.events.resolve import accounts_of
from accounts.events.totals import Target, target_of, update_days
from accounts.events.users import Users
from accounts.models import Event, EventRule, EventUser, WriteKey
from accounts.services.changes import mark

log = logging.getLogger("csm.events")

BATCH = 2000
_AT_ONCE = 500
# Any constant no other lock of this database has.
_LOCK = 0x65_76_74
_TELLING = ("identify", "group", "alias")

State = Event.State


def apply_events(*, as_of: date, recheck: bool = True) -> Counter[str]:
    """Apply everything that waits; returns events by the state they got, and `released`.

    `recheck` first looks whether held events can be applied by now. `as_of` dates what traits change.
    """
    done: Counter[str] = Counter()
    if recheck:
        done["released"] = release()
    while True:
        with transaction.atomic():
            one_at_a_time()
            events = list(Event.objects.filter(state=State.WAITING).order_by("id")[:BATCH])
            if events:
                _apply(events, as_of)
        if not events:
            break
        done.update(event.state for event in events)
    if done.total():
        log.info("events: %s", ", ".join(f"{count} {state}" for state, count in done.items()))
    return done


def release() -> int:
    """Let held events wait again whose account or user's group is known now; returns how many.

    Asks for each held id once, whatever the number of its events.
    """
    systems: dict[str, set[str]] = defaultdict(set)
    for source, account_source in WriteKey.objects.values_list("source", "account_source"):
        systems[source].add(account_source or source)
    held = Event.objects.filter(state=State.HELD).order_by()
    released = 0
    by_group = held.exclude(group_id="").values_list("source", "group_id").distinct()
    for source, ids in _by_source(by_group).items():
        named = {(system, told) for system in systems[source] | {source} for told in ids}
        known = sorted({told for _, told in accounts_of(named)})
        for some in _pieces(known):
            released += _wait(source, group_id__in=some)
    by_user = held.filter(group_id="").values_list("source", "user_id").distinct()
    for source, ids in _by_source(by_user).items():
        for some in _pieces(sorted(ids)):
            groups = dict(
                EventUser.objects.filter(source=source, user_id__in=some)
                .exclude(group_id="")
                .values_list("user_id", "group_id")
            )
            named = {
                (system, told) for system in systems[source] | {source} for told in groups.values()
            }
            found = {told for _, told in accounts_of(named)}
            users = [user for user, told in groups.items() if told in found]
            released += _wait(source, group_id="", user_id__in=users)
    return released


def one_at_a_time() -> None:
    """Until the transaction ends nobody else applies events. SQLite's writers are one at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def active_rules() -> list[EventRule]:
    return list(EventRule.objects.filter(is_active=True).order_by("pk"))


def _apply(events: list[Event], as_of: date) -> None:
    rules = active_rules()
    keys = WriteKey.objects.in_bulk({event.write_key_id for event in events})
    systems = {
        event.pk: (key.account_source if (key := keys.get(event.write_key_id or 0)) else "")
        or event.source
        for event in events
    }
    events.sort(key=lambda event: (event.at, event.pk))
    users, groups = _told_groups(events)
    accounts = accounts_of({(systems[pk], told) for pk, told in groups.items() if told})
    for event in events:
        group = groups[event.pk]
        event.account_id = accounts.get((systems[event.pk], group))
        event.state, event.note = _state(event, rules)
        if event.state == State.HELD:
            event.note = (
                f"No account of {systems[event.pk]} has the id {group}."[:255]
                if group
                else "No account is known for this user: send group, or context.groupId."
            )
    telling = [event for event in events if event.state == State.WAITING]
    traits.load(telling, as_of=as_of)
    _mark(events)
    _count(events, rules)
    acted = {e.account_id for e in events if e.kind in ACTIONS and e.state == State.APPLIED}
    mark({pk for pk in acted if pk is not None}, at=timezone.now())
    for source, ids in _by_source(users.moved).items():
        for some in _pieces(sorted(ids)):
            _wait(source, group_id="", user_id__in=some)


def _told_groups(events: list[Event]) -> tuple[Users, dict[int, str]]:
    """The group each event belongs to: its own, its user's at the time, else the user's first later one."""
    users = Users(events)
    groups = {}
    for event in events:
        if event.kind in _TELLING:
            users.tell(event)
        groups[event.pk] = event.group_id or users.group_of(event)
    # What somebody did before they were said to belong anywhere is of the first group they then had.
    later: dict[tuple[str, str], str] = {}
    for event in reversed(events):
        user = (event.source, event.user_id)
        if not groups[event.pk]:
            groups[event.pk] = later.get(user, "")
        elif event.kind in _TELLING or not event.group_id:
            later[user] = groups[event.pk]
    users.save()
    return users, groups


def _state(event: Event, rules: Collection[EventRule]) -> tuple[str, str]:
    """The state an event gets; WAITING when its traits are still to be loaded."""
    if event.kind == "alias":
        return State.APPLIED, ""
    if event.kind in _TELLING and not traits.tells(event):
        return State.UNUSED, ""
    if event.account_id is None:
        return State.HELD, ""
    if event.kind in _TELLING:
        return State.WAITING, ""
    return (State.APPLIED if any(_fits(rule, event) for rule in rules) else State.UNUSED), ""


def _fits(rule: EventRule, event: Event) -> bool:
    return rule.event == event.name and rule.source in {"", event.source}


def _mark(events: Iterable[Event]) -> None:
    table = connection.ops.quote_name(Event._meta.db_table)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET account_id = %s, state = %s, note = %s WHERE id = %s",
            [(event.account_id, str(event.state), event.note, event.pk) for event in events],
        )


def _count(events: Iterable[Event], rules: Collection[EventRule]) -> None:
    """Count the days again that `events` are of."""
    by_source: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event.kind in ACTIONS and event.state == State.APPLIED:
            by_source[event.source].append(event)
    for source, its in sorted(by_source.items()):
        targets: dict[Target, list[EventRule]] = defaultdict(list)
        for rule in rules:
            if rule.source in {"", source}:
                targets[target_of(rule)].append(rule)
        for target, target_rules in targets.items():
            names = {rule.event for rule in target_rules}
            touched = [event for event in its if event.name in names]
            if touched:
                update_days(
                    source,
                    target,
                    target_rules,
                    accounts={event.account_id for event in touched if event.account_id},
                    days={event.on for event in touched},
                )


def _by_source(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for source, told in pairs:
        found[source].add(told)
    return found


def _pieces(items: list[str]) -> Iterable[list[str]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _wait(source: str, **which: object) -> int:
    return Event.objects.filter(state=State.HELD, source=source, **which).update(
        state=State.WAITING, note=""
    )
