"""How the database is connected to, by what kind of process connects.

A process is "web", "worker", "beat" or the name of a command; `CSM_PROCESS` says it, else how it was started.
On PostgreSQL the web server takes connections from a pool, everything else keeps one of its own per thread;
both ask a connection whether it still answers before they use it again, so a restarted server costs nobody an
error.

Behind PgBouncer in transaction mode set DISABLE_SERVER_SIDE_CURSORS=true: no server-side cursors, no pool of
ours, and no limits sent at connecting, which PgBouncer refuses; give its role the limits instead (ALTER ROLE).
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from environs import Env

_SQLITE: Final = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
    "PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=8000;"
)


@dataclass(frozen=True)
class Limits:
    """Seconds a process lets the database take, 0 without end."""

    statement: int = 0
    # Waiting for somebody else's lock.
    lock: int = 0
    # A transaction that does nothing: it holds locks, and keeps old rows from being cleaned away.
    idle_in_transaction: int = 0


# A worker computes on a shard of 20,000 accounts while its transaction waits.
_WORKER: Final = Limits(statement=3600, lock=60, idle_in_transaction=600)
# Commands migrate, back up and measure: nobody but the one who started them waits.
_COMMAND: Final = Limits()


@dataclass(frozen=True)
class Connecting:
    """What the environment says about connections."""

    pool: int = 10
    web: Limits = Limits(statement=30, lock=10, idle_in_transaction=60)
    behind_pgbouncer: bool = False

    @classmethod
    def read(cls, env: Env) -> "Connecting":
        """From DATABASE_POOL, DATABASE_STATEMENT_TIMEOUT (seconds) and DISABLE_SERVER_SIDE_CURSORS."""
        # With `eager=False` a faulty value is None here and reported when the environment is sealed.
        return cls(
            pool=env.int("DATABASE_POOL", cls.pool) or cls.pool,
            web=Limits(
                statement=env.int("DATABASE_STATEMENT_TIMEOUT", cls.web.statement) or 0,
                lock=cls.web.lock,
                idle_in_transaction=cls.web.idle_in_transaction,
            ),
            behind_pgbouncer=bool(env.bool("DISABLE_SERVER_SIDE_CURSORS", False)),
        )


def process_kind() -> str:
    """What the database server lists us under: web, worker, beat, or the name of the command."""
    kind = os.environ.get("CSM_PROCESS")
    if kind:
        return kind
    command = Path(sys.argv[0]) if sys.argv else Path()
    program = command.name
    # `celery …` and `python -m celery …`.
    if "celery" in (program, command.parent.name):
        return next((each for each in ("worker", "beat") if each in sys.argv), "celery")
    return sys.argv[1] if program == "manage.py" and len(sys.argv) > 1 else program or "python"


def database(
    parsed: dict[str, Any], folder: Path, connecting: Connecting | None = None
) -> dict[str, Any]:
    """`DATABASES["default"]` from a parsed DATABASE_URL; `folder` holds the embedded database.

    What the address itself says (`?sslmode=require`) stays as it is.
    """
    if parsed["ENGINE"] == "django.db.backends.sqlite3":
        folder.mkdir(exist_ok=True)
        parsed["OPTIONS"] = {
            # A writer takes its lock at once instead of failing on the way up from a reader's.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": _SQLITE,
        }
        return parsed
    return _postgres(parsed, process_kind(), connecting or Connecting())


def _postgres(parsed: dict[str, Any], kind: str, connecting: Connecting) -> dict[str, Any]:
    options: dict[str, Any] = {
        "application_name": f"csm {kind}"[:63],
        "connect_timeout": 5,
        # A server that went without a word is noticed within a minute, not after the two hours of TCP.
        "keepalives": 1,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    if connecting.behind_pgbouncer:
        parsed["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        limits = {"web": connecting.web, "worker": _WORKER}.get(kind, _COMMAND)
        options["options"] = _settings(limits, kind)
    # Asked once per request or task, a tenth of a millisecond.
    parsed["CONN_HEALTH_CHECKS"] = True
    # Celery closes a pool after every task, and a command has one connection: pools are for the web.
    if kind == "web" and not connecting.behind_pgbouncer:
        options["pool"] = {
            "min_size": 1,
            "max_size": connecting.pool,
            # What waits longer for a connection is told to come again.
            "timeout": 10,
            # Whoever asks next tries again, instead of a pause that grows with the outage.
            "reconnect_timeout": 2,
        }
        parsed["CONN_MAX_AGE"] = 0
    else:
        parsed["CONN_MAX_AGE"] = 60
    parsed["OPTIONS"] = options | (parsed.get("OPTIONS") or {})
    return parsed


def _settings(limits: Limits, kind: str) -> str:
    """Settings of a session, sent with the connection: no statement of its own."""
    named = {
        "statement_timeout": limits.statement,
        "lock_timeout": limits.lock,
        "idle_in_transaction_session_timeout": limits.idle_in_transaction,
    }
    said = [f"-c {name}={seconds * 1000}" for name, seconds in named.items() if seconds]
    # Pages and shards are read by short statements: compiling one takes longer than it saves.
    said.append("-c jit=off")
    if kind == "web":
        # Nor is there time to wait for helpers: on a busy machine they take longer to start than the page.
        said.append("-c max_parallel_workers_per_gather=0")
    return " ".join(said)
