"""The web server of the services mode: `gunicorn csm.wsgi -c deploy/gunicorn.conf.py`.

WEB_WORKERS and WEB_THREADS set its size, PORT and WEB_BIND where it listens.
"""

import os
import shutil
import tempfile
from typing import Any

bind = os.environ.get("WEB_BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
worker_class = "gthread"
timeout = 120
graceful_timeout = 30
# A worker is renewed now and then, so that memory a rare page took is given back.
max_requests = 5000
max_requests_jitter = 500
# Nobody manages it through a socket, and its folder is one a unit may not write to.
control_socket_disable = True

# Figures of all workers are added up in files of a folder that lives as long as the server.
_figures = os.environ.setdefault(
    "PROMETHEUS_MULTIPROC_DIR", os.path.join(tempfile.gettempdir(), f"csm-figures-{os.getpid()}")
)
os.makedirs(_figures, mode=0o700, exist_ok=True)


def child_exit(server: Any, worker: Any) -> None:
    """What a worker counted stays; what it was doing does not."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Any) -> None:
    """Remove the figures with the server."""
    shutil.rmtree(_figures, ignore_errors=True)
