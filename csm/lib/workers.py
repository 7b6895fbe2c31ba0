"""Who holds a lease: a worker's name, and whether its process is still there."""

import os
import socket
from threading import get_ident


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


def _host() -> str:
    return socket.gethostname().replace(":", "-")[:40]
