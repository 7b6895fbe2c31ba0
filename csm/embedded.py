"""The engine of the embedded mode: without REDIS_URL the web server does the background's work itself.

Two threads take messages from Celery's `memory://` queues, one the long work and one the short, and a third
runs the schedule, so that `make run` needs no cron. Messages are lost with the process; rows are the
truth, and the sweep, run at the start and every minute, finds what was left. Celery's own worker was tried
in threads: two of them share one selection of queues, and one is held up for minutes by an import.

One engine works on a database, however many web processes there are: whoever holds its lock, a file's
beside SQLite and an advisory one in PostgreSQL. Both end with their process, and the next one takes over.
"""

import atexit
import fcntl
import logging
import os
import sys
import time
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection, connections

log = logging.getLogger("csm.engine")

# Any constant no other lock of this database has.
_LOCK: Final = 0x65_6E_67
# How often a process without the lock asks for it, and one with it looks whether it still has it. Seconds.
_ASKS_EVERY: Final = 5.0
_LISTENERS: Final = {"short": ("day", "default"), "long": ("night",)}

_engine: "Engine | None" = None


def is_unheard(broker_url: str | None) -> bool:
    """Whether a message sent by this process would wait in its memory for ever."""
    return str(broker_url or "").startswith("memory:") and not (_engine and _engine.works)


def start() -> "Engine | None":
    """Start the engine of this web process, once; None where the work is done elsewhere."""
    global _engine
    if _engine is None and _is_wanted():
        _engine = Engine()
        _engine.start()
        atexit.register(_engine.stop)
    return _engine


def _is_wanted() -> bool:
    if settings.REDIS_URL or not settings.ENGINE or "pytest" in sys.modules:
        return False
    if "runserver" in sys.argv and "--noreload" not in sys.argv:
        # The process that only watches files for changes serves no page.
        return os.environ.get("RUN_MAIN") == "true"
    return True


class Engine:
    """Threads that do the work of the background while this process holds the lock of its database."""

    def __init__(self) -> None:
        self.works = False
        self._over = Event()
        self._thread = Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Take no further message; a piece of work under way is given `seconds` to end, rows keep the rest."""
        self._over.set()
        if self._thread is not current_thread():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                lock = _take_lock()
                if lock is None:
                    self._over.wait(_ASKS_EVERY)
                    continue
                try:
                    self._lead(lock)
                finally:
                    lock.free()
            except Exception:
                log.exception("the engine stopped and starts again")
                self._over.wait(_ASKS_EVERY)
            finally:
                connections.close_all()

    def _lead(self, lock: "_Lock") -> None:
        lost = Event()
        threads = [
            Thread(
                target=_listen, args=(queues, self._over, lost), name=f"engine-{name}", daemon=True
            )
            for name, queues in _LISTENERS.items()
        ]
        threads.append(
            Thread(target=_schedule, args=(self._over, lost), name="engine-beat", daemon=True)
        )
        self.works = True
        log.info("the engine works in process %s", os.getpid())
        try:
            for thread in threads:
                thread.start()
            while not self._over.wait(_ASKS_EVERY) and lock.is_held():
                pass
        finally:
            self.works = False
            lost.set()
            for thread in threads:
                thread.join(4)


# --- Its threads ----------------------------------------------------------------------------------


def _listen(queues: tuple[str, ...], over: Event, lost: Event) -> None:
    """Do what the messages of some queues ask for, one after the other."""
    from csm.celery import app

    wanted = [queue for queue in settings.CELERY_TASK_QUEUES if queue.name in queues]
    try:
        with app.connection_for_read() as broker, broker.channel() as channel:
            bound = [queue(channel) for queue in wanted]
            for queue in bound:
                queue.declare()
            while not over.is_set() and not lost.is_set():
                message = next(
                    (found for queue in bound if (found := queue.get(no_ack=True)) is not None),
                    None,
                )
                if message is None:
                    over.wait(settings.CELERY_BROKER_TRANSPORT_OPTIONS["polling_interval"])
                else:
                    _do(app, message)
    finally:
        connections.close_all()


def _do(app: Any, message: Any) -> None:
    headers = message.headers
    task = app.tasks.get(headers["task"])
    if task is None:
        log.error("there is no task %s", headers["task"])
        return
    if _is_stale(headers.get("expires")):
        return
    args, kwargs, _ = message.decode()
    close_old_connections()
    try:
        # Run here, by its own rules: what it raises is logged and noted as a worker would.
        task.apply(args, kwargs, headers=headers)
    except Exception:
        log.exception("%s failed", task.name)
    finally:
        close_old_connections()


def _is_stale(expires: Any) -> bool:
    if not expires:
        return False
    from celery.utils.iso8601 import parse_iso8601
    from django.utils import timezone

    moment = parse_iso8601(expires) if isinstance(expires, str) else expires
    if timezone.is_naive(moment):
        moment = timezone.make_aware(moment)
    return bool(moment < timezone.now())


def _schedule(over: Event, lost: Event) -> None:
    """Send what is due, like Celery's beat; at first a sweep, for what an earlier process left."""
    from csm.beat import Schedule
    from csm.celery import app
    from csm.tasks import sweep

    while not over.is_set() and not lost.is_set():
        try:
            scheduler = Schedule(app=app)
            sweep.delay()
            while not lost.is_set() and not over.wait(min(5.0, scheduler.tick())):
                if scheduler.should_sync():
                    scheduler.sync()
            scheduler.sync()
        except Exception:
            log.exception("the schedule stopped and starts again")
            over.wait(_ASKS_EVERY)
        finally:
            connections.close_all()


# --- One engine per database ----------------------------------------------------------------------


class _Lock(Protocol):
    """A lock that ends with its process at the latest."""

    def is_held(self) -> bool: ...

    def free(self) -> None: ...


class _FileLock:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def is_held(self) -> bool:
        return True

    def free(self) -> None:
        os.close(self.descriptor)


class _AdvisoryLock:
    def __init__(self, held_by: Any) -> None:
        self.held_by = held_by

    def is_held(self) -> bool:
        """Whether the connection that holds it is still there."""
        try:
            with self.held_by.cursor() as cursor:
                cursor.execute("SELECT 1")
        except DatabaseError:
            return False
        return True

    def free(self) -> None:
        # Of a pool it would go back with the lock still on it.
        try:
            with self.held_by.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
        except DatabaseError:
            log.warning("the engine's connection was lost, and its lock with it")
        self.held_by.close()


def _take_lock() -> _Lock | None:
    """The lock of the database, or None when another process has it."""
    if connection.vendor == "sqlite":
        path = Path(f"{connection.settings_dict['NAME']}.engine")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {time.time():.0f}\n".encode())
        return _FileLock(descriptor)
    own = connections.create_connection("default")
    with own.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        (won,) = cursor.fetchone()
    if won:
        return _AdvisoryLock(own)
    own.close()
    return None
