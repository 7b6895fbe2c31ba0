"""Counting failed log-ins in rows, so that all processes of all machines count together.

A try is counted before the password is looked at and given back when it was right: any number of tries
at the same moment are as many as one after another. Where the tries left are all being looked at, a
further one waits for them: many who log in rightly at once are no attack.
"""

import hashlib
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from csm.models import LogInTries, User
from csm.sign_in.proxies import network_of

_OLD = timedelta(days=2)
# Seconds a try waits for those under way; checking a password takes half of one.
PATIENCE = 8.0
_PAUSE = 0.1


def of_name(username: str) -> str:
    """The key of an account's tries. Hashed: people type passwords where the name belongs."""
    return "name:" + hashlib.sha256(username.strip().lower().encode()).hexdigest()[:40]


def of_address(address: str) -> str:
    """The key of the tries that come from `address`, or from its network."""
    return f"address:{network_of(address)}"


def of_factor(user: User) -> str:
    """The key of the tries at a colleague's second factor."""
    return f"factor:{user.pk}"


def allowed(username: str, address: str | None) -> dict[str, int]:
    """Key → failed tries allowed in LOGIN_LOCK_MINUTES, of a log-in by password."""
    keys = {of_name(username): settings.LOGIN_TRIES}
    if address:
        keys[of_address(address)] = settings.LOGIN_TRIES_PER_ADDRESS
    return keys


def take(keys: Mapping[str, int], *, at: datetime) -> bool:
    """Count a try for each key; False, and nothing counted, when one of them is locked."""
    until = time.monotonic() + PATIENCE
    while (taken := _take(keys, at)) is None and time.monotonic() < until:
        time.sleep(_PAUSE)
    return bool(taken)


def _take(keys: Mapping[str, int], at: datetime) -> bool | None:
    """As `take`; None when no try is left and none of them has failed for good yet."""
    window = timedelta(minutes=settings.LOGIN_LOCK_MINUTES)
    with transaction.atomic():
        LogInTries.objects.bulk_create(
            [LogInTries(key=key, since=at) for key in keys], ignore_conflicts=True
        )
        # In one order everywhere, or two tries wait for each other.
        rows = list(LogInTries.objects.select_for_update().filter(key__in=keys).order_by("key"))
        for row in rows:
            if row.locked_until is not None and row.locked_until > at:
                return False
            if row.locked_until is not None or row.since <= at - window:
                row.tries, row.since, row.locked_until = 0, at, None
            if row.tries >= keys[row.key]:
                return None
            row.tries += 1
        LogInTries.objects.bulk_update(rows, ["tries", "since", "locked_until"])
    return True


def give_back(keys: Mapping[str, int]) -> None:
    """Take back the try that turned out right. Earlier failures stay: others may have made them."""
    LogInTries.objects.filter(key__in=keys, tries__gt=0).update(tries=F("tries") - 1)


def lock(keys: Mapping[str, int], *, at: datetime) -> tuple[set[str], datetime]:
    """After a failure: lock what has no try left. The keys locked by this one, and until when."""
    until = at + timedelta(minutes=settings.LOGIN_LOCK_MINUTES)
    locked = {
        key
        for key, most in keys.items()
        if LogInTries.objects.filter(key=key, tries__gte=most, locked_until=None).update(
            locked_until=until
        )
    }
    LogInTries.objects.filter(since__lt=at - _OLD).delete()
    return locked, until


def locked(at: datetime) -> QuerySet[LogInTries]:
    """What is locked now."""
    return LogInTries.objects.filter(locked_until__gt=at)


def lift(key: str) -> bool:
    """Forget the tries of `key`; whether there were any."""
    return bool(LogInTries.objects.filter(key=key).delete()[0])
