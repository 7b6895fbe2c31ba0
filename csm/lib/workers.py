"""Who holds a lease on a row: a worker's name, whether its process is still there, which rows are free.

The rows have `worker` and `lease_until`, whatever their model.
"""

import os
import socket
from datetime import datetime
from threading import get_ident
from typing import Any

from django.db.models import Q, QuerySet


def worker_name() -> str:
    """This thread as "host:pid:thread"."""
    return f"{_host()}:{os.getpid()}:{get_ident()}"


def is_dead(worker: str) -> bool:
    """Whether `worker` ("host:pid" or "host:pid:thread") is a process of this machine that has ended."""
    host, _, rest = worker.partition(":")
    pid = rest.partition(":")[0]
    if host != _host() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def unheld(now: datetime) -> Q:
    """Rows nobody has a lease on."""
    return Q(lease_until=None) | Q(lease_until__lt=now)


def release_dead(rows: QuerySet[Any], **freed: Any) -> None:
    """Free those of `rows` whose worker is a process of this machine that is no more, before their lease ends.

    `freed` are values a free row has beside no lease, or instead.
    """
    for worker in rows.order_by().values_list("worker", flat=True).distinct():
        if is_dead(worker):
            rows.filter(worker=worker).order_by().update(**({"lease_until": None} | freed))


def _host() -> str:
    return socket.gethostname().replace(":", "-")[:40]
