"""Keeping a shard while it is worked on, so that a slow one is not done twice."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from django.db import DatabaseError, connection
from django.utils import timezone

from scoring.models import ScoreShard

log = logging.getLogger("scoring.nights")

LEASE: Final = timedelta(minutes=2)
# Three beats may be lost before anybody else takes it over.
BEAT: Final = LEASE / 4


@contextmanager
def kept(shard: ScoreShard, worker: str, *, every: timedelta = BEAT) -> Iterator[None]:
    """Renew the lease of `shard` every `every` while the block runs, over a connection of its own.

    On SQLite the block's transaction keeps every other writer out, heartbeats and claims alike: there
    is nothing to renew.
    """
    if connection.vendor == "sqlite":
        yield
        return
    over = Event()
    beats = Thread(
        target=_beat, args=(shard, worker, every.total_seconds(), over), name="lease", daemon=True
    )
    beats.start()
    try:
        yield
    finally:
        over.set()
        # Not joined: a beat that waits for the database must not hold up what it was for.


def _beat(shard: ScoreShard, worker: str, seconds: float, over: Event) -> None:
    try:
        while not over.wait(seconds):
            try:
                held = ScoreShard.objects.filter(
                    pk=shard.pk, worker=worker, state=shard.state, lease_until__isnull=False
                )
                if not held.update(lease_until=timezone.now() + LEASE):
                    return
            except DatabaseError as error:
                log.warning("shard %s: its lease was not renewed: %s", shard.number, error)
                connection.close()
    finally:
        connection.close()
