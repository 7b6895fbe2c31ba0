"""T14: one account changed by the API until its new score is readable, with one idle worker.

A real Redis, one real Celery worker and a real web server, each a process of its own; the clock runs from the
moment the change is sent to the moment `GET …/health/` tells of the new score.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
STARTS_WITHIN_SECONDS: Final = 60
# A score that has not changed by then is reported as never.
PATIENCE_SECONDS: Final = 30.0
# How often it is asked for: what is measured is longer by half of it.
_ASKED_EVERY: Final = 0.005
_KEPT_SECONDS: Final = 1.0

Say = Callable[[str], None]


@dataclass
class Api:
    """One connection to a web server, as the one whose token it is."""

    port: int
    token: str

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._used_at = 0.0

    def get(self, path: str) -> Any:
        """The answer as JSON. Raises RuntimeError when it is none."""
        return self._answer("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer as JSON. Raises RuntimeError when it is none."""
        return self._answer("POST", path, json.dumps(body))

    def _answer(self, method: str, path: str, body: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if time.monotonic() - self._used_at > _KEPT_SECONDS:
            # The server closes what is idle for two seconds.
            self._connection.close()
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        text = response.read()
        self._used_at = time.monotonic()
        if response.status != 200:
            raise RuntimeError(f"{method} {path} answered {response.status}: {text[:300]!r}")
        return json.loads(text)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server() -> Iterator[str]:
    """A Redis of its own that keeps nothing; its address. Raises RuntimeError without one installed."""
    if not shutil.which("redis-server"):
        raise RuntimeError("redis-server is not installed here.")
    port = free_port()
    with TemporaryDirectory() as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
        command += ["--dir", folder, "--loglevel", "warning"]
        with _process(command, os.environ):
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def web_server(environment: Mapping[str, str]) -> Iterator[int]:
    """One gunicorn worker with threads; its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "csm.wsgi", "--bind", f"127.0.0.1:{port}"]
    command += ["--worker-class", "gthread", "--threads", "4", "--log-level", "error"]
    with _process(command, environment):
        _wait_for(port)
        yield port


@contextmanager
def celery_worker(environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """One worker process for all queues."""
    command = [sys.executable, "-m", "celery", "-A", "csm", "worker", "--pool", "solo"]
    command += ["--without-gossip", "--without-mingle", "-l", "warning"]
    with _process(command, environment) as process:
        yield process


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(  # noqa: S603 - our own
        command, cwd=ROOT, env=dict(environment), stdout=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"Nothing answered on port {port}.")


def change(api: Api, account: Mapping[str, Any], on: str, value: float) -> float:
    """Tell a metric of one account and wait for its score; seconds. Raises RuntimeError after 30."""
    place = f"/api/v1/accounts/{account['id']}/health/"
    before = api.get(place)["rescored_at"]
    row = {"account_id": account["external_id"], "on": on, "value": value}
    row["metric"] = "days_since_last_activity"
    began = time.perf_counter()
    told = api.post("/api/v1/metrics/", {"source": account["source"], "rows": [row]})
    if told["results"][0]["status"] not in ("created", "updated"):
        raise RuntimeError(f"The change was not taken: {told['results'][0]}")
    while (took := time.perf_counter() - began) < PATIENCE_SECONDS:
        if api.get(place)["rescored_at"] != before:
            return time.perf_counter() - began
        time.sleep(_ASKED_EVERY)
    raise RuntimeError(f"The score had not changed after {took:.0f} s.")


def measure(*, rounds: int = 20, say: Say = print) -> dict[str, Any]:
    """T14 on the database of this process, which has accounts and a finished night.

    {"p50_s", "p95_s", "worst_s", "rounds", "accounts"}. Starts and ends its own Redis, worker and web server.
    """
    from accounts.models import Account
    from scoring.selectors import newest_run

    run = newest_run(defer=True)
    if run is None:
        raise RuntimeError("There is no night yet.")
    accounts = list(
        Account.objects.filter(health__run=run)
        .order_by("pk")
        .values("pk", "external_id", "source")[: rounds + 2]
    )
    token, revoke = _token()
    try:
        with ExitStack() as stack:
            url = stack.enter_context(redis_server())
            environment = os.environ | {
                "REDIS_URL": url,
                "API_RATE": "1000000/min",
                "DJANGO_SETTINGS_MODULE": "csm.settings",
            }
            stack.enter_context(celery_worker(environment))
            api = Api(stack.enter_context(web_server(environment)), token)
            took = []
            for number, found in enumerate(accounts):
                account = {**found, "id": found["pk"]}
                took.append(change(api, account, run.as_of.isoformat(), 400 + number))
            # The first ones start the worker's connections and fill its caches.
            took = sorted(took[2:])
    finally:
        revoke()
    say(f"T14: p50 {took[len(took) // 2]:.2f} s")
    return {
        "p50_s": round(took[len(took) // 2], 3),
        "p95_s": round(took[min(len(took) - 1, round(len(took) * 0.95))], 3),
        "worst_s": round(took[-1], 3),
        "rounds": len(took),
        "accounts": Account.objects.count(),
    }


def _token() -> tuple[str, Callable[[], Any]]:
    """A token of an admin, and what takes it away."""
    from django.utils import timezone

    from csm.models import Role, User
    from csm.tokens import services

    user, _ = User.objects.get_or_create(username="bench-by-day", defaults={"role": Role.ADMIN})
    made, text = services.create(
        user,
        name="bench",
        scopes=["facts:read", "facts:write"],
        days=1,
        by=user,
        at=timezone.now(),
    )
    return text, made.delete
