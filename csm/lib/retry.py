"""Trying a piece of work again when the database went, or somebody else stood in its way.

A piece of work is what one transaction holds: undone as a whole when it fails, so it can be done again.
Work that was committed although the answer was lost is done twice: what is retried compares and sets.
"""

import functools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

log = logging.getLogger("csm.retry")

P = ParamSpec("P")
R = TypeVar("R")

# Of PostgreSQL, by SQLSTATE. The server went, is starting, is full, or ended our idle transaction:
_LOST: Final = {"57P01", "57P02", "57P03", "57P05", "25P03", "53300"}
# somebody else's transaction was in the way: serialisation, deadlock, a lock waited for in vain:
_IN_THE_WAY: Final = {"40001", "40P01", "55P03"}
# the statement took longer than it may, or somebody cancelled it.
_CANCELLED: Final = "57014"
# Of SQLite, in the lowest byte: busy, a table locked.
_BUSY: Final = {5, 6}


@dataclass(frozen=True)
class Patience:
    """How often and how long: `tries` in all; pauses double from `first` to `longest` seconds."""

    tries: int
    first: float
    longest: float

    def pause(self, failed: int) -> float:
        """Seconds to wait after the `failed`th failure; jittered, so that workers do not come back as one."""
        return min(self.longest, self.first * 2.0 ** (failed - 1)) * random.uniform(0.5, 1)  # noqa: S311


# A restart of PostgreSQL takes seconds, a fail-over half a minute.
WORK: Final = Patience(tries=12, first=0.1, longest=10)
# Somebody waits for the page.
PAGE: Final = Patience(tries=3, first=0.05, longest=0.2)


def is_lost(error: BaseException | None) -> bool:
    """Whether the connection broke, or none could be had."""
    code = _sqlstate(error)
    if code is not None:
        return code in _LOST or code.startswith("08")
    if isinstance(error, InterfaceError):
        return True
    return _is_operational(error) and not _is_sqlite(error)


def is_busy(error: BaseException | None) -> bool:
    """Whether another transaction stood in the way: what is tried again meets an emptier road."""
    code = _sqlstate(error)
    if code is not None:
        return code in _IN_THE_WAY
    return any(getattr(e, "sqlite_errorcode", 0) & 0xFF in _BUSY for e in _chain(error))


def is_cancelled(error: BaseException | None) -> bool:
    """Whether the statement was stopped because it took too long."""
    return _sqlstate(error) == _CANCELLED


def is_passing(error: BaseException | None) -> bool:
    """Whether the same work may well succeed in a moment."""
    return is_lost(error) or is_busy(error)


def retrying(
    patience: Patience = WORK, *, using: str = DEFAULT_DB_ALIAS
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates one piece of work: called again, on a new connection, after failures that pass.

    Within a transaction of the caller's nothing is tried again: what it did before is gone with it. The last
    failure is raised as it came; others at once.
    """

    def decorate(work: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(work)
        def patiently(*args: P.args, **kwargs: P.kwargs) -> R:
            for failed in range(1, patience.tries):
                alone = not connections[using].in_atomic_block
                try:
                    return work(*args, **kwargs)
                except Exception as error:
                    if not alone or not is_passing(error):
                        raise
                    log.warning(
                        "%s is tried again, %s of %s failed: %s",
                        work.__qualname__,
                        failed,
                        patience.tries,
                        " ".join(str(error).split()),
                    )
                    reconnect(using)
                time.sleep(patience.pause(failed))
            return work(*args, **kwargs)

        return patiently

    return decorate


def reconnect(using: str = DEFAULT_DB_ALIAS) -> None:
    """Drop a connection that does not answer; the next statement opens another."""
    connection = connections[using]
    if connection.in_atomic_block:
        return
    # Without it a connection that has never failed itself is taken to be well.
    connection.errors_occurred = True
    connection.close_if_unusable_or_obsolete()


def _chain(error: BaseException | None) -> tuple[BaseException, ...]:
    """The error and the driver's own, which Django gives as its cause."""
    return tuple(e for e in (error, error.__cause__ if error else None) if e is not None)


def _sqlstate(error: BaseException | None) -> str | None:
    # psycopg's errors have it, those of COPY come without Django around them.
    return next((code for e in _chain(error) if (code := getattr(e, "sqlstate", None))), None)


def _is_sqlite(error: BaseException | None) -> bool:
    return any(hasattr(e, "sqlite_errorcode") for e in _chain(error))


def _is_operational(error: BaseException | None) -> bool:
    if isinstance(error, OperationalError):
        return True
    # psycopg's own, by name: SQLite works without loading it.
    return hasattr(error, "sqlstate") and any(
        kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__
    )
