"""Provable moments: a write that waits, in the database, until the test says go on.

A trigger on the table makes the very statement that would finish a step wait for a lock the test holds. The
worker has then done the whole step and noted none of it: the worst moment to be killed at.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tests.faults.cluster import Database
from tests.faults.processes import until

_KEY = 4711
_SETUP = f"""
CREATE OR REPLACE FUNCTION fault_halt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared({_KEY});
  IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
  RETURN NEW;
END $$
"""
# (table, what happens to it, condition)
Place = tuple[str, str, str]

COUNTING: Place = (
    "scoring_scoreshard",
    "UPDATE",
    "OLD.state = 'waiting' AND NEW.state = 'counted' AND NEW.number = 2",
)
SCORING: Place = (
    "scoring_scoreshard",
    "UPDATE",
    "OLD.state = 'counted' AND NEW.state = 'scored' AND NEW.number = 2",
)
MERGING: Place = (
    "scoring_scorerun",
    "UPDATE",
    "OLD.state = 'counting' AND NEW.state = 'scoring'",
)
PUBLISHING: Place = ("scoring_scorerun", "UPDATE", "OLD.state <> 'done' AND NEW.state = 'done'")
TRIGGERS: Place = ("playbooks_triggernight", "UPDATE", "NEW.position > OLD.position")


def following(stage: str) -> Place:
    """The end of a stage of the trigger night."""
    return ("playbooks_triggernight", "UPDATE", f"OLD.stage = '{stage}' AND NEW.stage <> '{stage}'")


class Halt:
    """A place where whoever gets there waits."""

    def __init__(self, database: Database, holder: psycopg.Connection[Any]) -> None:
        self.database, self._holder = database, holder

    def _waiting(self) -> list[int]:
        rows = self._holder.execute(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_KEY],
        )
        return [pid for (pid,) in rows.fetchall()]

    def wait(self, seconds: float = 90, by: int = 1) -> None:
        """Until `by` workers have got there."""
        until(lambda: len(self._waiting()) >= by, f"{by} at {self.database.name}'s halt", seconds)

    def cut(self) -> None:
        """The dead do not commit: their connections end before the place is opened again."""
        for pid in self._waiting():
            self._holder.execute("SELECT pg_terminate_backend(%s)", [pid])
        until(lambda: not self._waiting(), "the dead worker's connection is gone", 20)


@contextmanager
def halt(database: Database, place: Place) -> Iterator[Halt]:
    """Whoever gets to `place` inside this block waits until its end."""
    table, event, condition = place
    with database.connect() as holder:
        holder.execute(_SETUP)
        holder.execute(
            f"CREATE TRIGGER fault_halt BEFORE {event} ON {table} FOR EACH ROW "
            f"WHEN ({condition}) EXECUTE FUNCTION fault_halt()"
        )
        holder.execute("SELECT pg_advisory_lock(%s)", [_KEY])
        try:
            yield Halt(database, holder)
        finally:
            holder.execute("SELECT pg_advisory_unlock(%s)", [_KEY])
            holder.execute(f"DROP TRIGGER fault_halt ON {table}")
