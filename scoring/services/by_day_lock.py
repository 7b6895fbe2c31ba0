"""Who may write current health: the night that is published and what is scored by day, one at a time."""

from typing import Final

from django.db import connection

# Any constant no other lock of this database has.
_LOCK: Final = 0x6865_616C


def one_writer() -> None:
    """Until the transaction ends nobody else writes current health. SQLite's writers are one at a time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
