"""A real web server on this machine for the length of a measurement."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings

STARTS_WITHIN_SECONDS = 30


@contextmanager
def serving() -> Iterator[Callable[[str, str], bytes]]:
    """One gunicorn worker on this process's database; yields get(url, cookie) over one connection.

    `get` raises RuntimeError when the answer is not 200, and so does a server that does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", "csm.bench.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "4", "--log-level", "error"]
    # A busy machine may take longer than the two seconds after which an idle connection is closed.
    command += ["--keep-alive", "60"]
    # The connection of this process is not shared: the server opens the database named here.
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "csm.settings", "CSM_PROCESS": "web"}
    server = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)  # noqa: S603 - our own
    try:
        connection = _connect(port, server)
        yield lambda url, cookie: _get(connection, url, cookie)
        connection.close()
    finally:
        server.terminate()
        server.wait(10)


def _connect(port: int, server: "subprocess.Popen[bytes]") -> http.client.HTTPConnection:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        time.sleep(0.1)
    raise RuntimeError("The web server of the bench did not start.")


def _get(connection: http.client.HTTPConnection, url: str, cookie: str) -> bytes:
    connection.request("GET", url, headers={"Cookie": cookie})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{url} answered {response.status} {response.headers}.")
    return body
