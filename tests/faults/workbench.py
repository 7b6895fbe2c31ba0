"""One workbench of real processes on one database: workers, beat, web server, and people who look at it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx
from kombu import Connection

from csm.celery import app
from tests.faults.cluster import Database, Redis
from tests.faults.processes import ROOT, Process, free_port, python, until

# Many shards of a small book: many places to be killed at.
SHARD = 200
ADMIN = "ada.admin"


class Workbench:
    """What one test starts; `stop` ends all of it."""

    def __init__(self, folder: Path, url: str, told: dict[str, Any], redis_url: str = "") -> None:
        self.folder, self.told = folder, told
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "upload").mkdir(exist_ok=True)
        self.environment = environment(url, redis_url, folder, told["time_zone"])
        self.redis_url = redis_url
        self.processes: list[Process] = []
        self.port = 0
        self._clients: list[httpx.Client] = []

    @property
    def today(self) -> str:
        day: str = self.told["today"]
        return day

    # --- Processes ---------------------------------------------------------------------------------

    def start(self, name: str, command: list[str], **how: Any) -> Process:
        more = how.pop("environment", {})
        process = Process(command, self.environment | more, self.folder / f"{name}.log", **how)
        self.processes.append(process)
        return process

    def worker(self, name: str, *more: str, **how: Any) -> Process:
        """A Celery worker; by itself one process that does one thing at a time."""
        pool = more or ("--pool", "solo")
        command = python("-m", "celery", "-A", "csm", "worker", "-l", "info", "-n", f"{name}@%h",
                         # They only make starting slower.
                         "--without-mingle", "--without-gossip", *pool)  # fmt: skip
        how["environment"] = {"CSM_PROCESS": "worker"} | how.get("environment", {})
        return self.start(name, command, **how)

    def beat(self, name: str = "beat", **how: Any) -> Process:
        """Celery's beat on the schedule's rows."""
        command = python("-m", "celery", "-A", "csm", "beat", "-l", "info", "--pidfile=")
        return self.start(name, command, **how)

    def web(self, *more: str, **how: Any) -> Process:
        """The web server as it is deployed: two processes of eight threads."""
        self.port = self.port or free_port()
        options = ["--workers", "2", "--threads", "8", *more]
        command = python("-m", "gunicorn", "csm.wsgi", "--bind", f"127.0.0.1:{self.port}",
                         "--worker-class", "gthread", "--timeout", "120", "--backlog", "512",
                         "--log-level", "warning", *options)  # fmt: skip
        process = self.start("web", command, **how)
        until(lambda: self._answers(process), "the web server answers", 180, 0.1)
        return process

    def _answers(self, process: Process) -> bool:
        assert process.is_alive, process.said()[-3000:]
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def manage(self, *arguments: str, seconds: float = 300) -> str:
        done = subprocess.run(
            python("manage.py", *arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        for process in reversed(self.processes):
            process.kill()

    # --- Messages ----------------------------------------------------------------------------------

    def send(self, task: str, *values: Any) -> None:
        """A message as a page or beat sends it."""
        # The product's own routes, another broker than that of the settings the tests run under.
        options = {"socket_connect_timeout": 3, "socket_timeout": 3}
        with Connection(self.redis_url, transport_options=options) as broker:
            app.send_task(task, args=values, connection=broker, retry=False)

    def sweep(self) -> None:
        """What beat sends every minute; the tests do not wait so long."""
        self.send("csm.tasks.sweep")

    def begin_night(self) -> None:
        """Start today's night in shards of `SHARD` and wake workers."""
        self.manage("run_nightly", "--as-of", self.today, "--celery", "--shard-size", str(SHARD))

    def recover(
        self, database: Database, sql: str, seconds: float = 240, task: str = "csm.tasks.sweep"
    ) -> None:
        """Send what beat sends every minute, only more often, until `sql` is true."""

        def there() -> bool:
            if database.one(sql):
                return True
            self.send(task)
            return False

        until(there, f"{sql}\n{self.tails()}", seconds, 1.0)

    def tails(self) -> str:
        return "\n".join(f"--- {p.log.name}\n{p.said()[-1500:]}" for p in self.processes[-3:])

    # --- People ------------------------------------------------------------------------------------

    def client(self, username: str = ADMIN, number: int = 0, seconds: float = 60) -> httpx.Client:
        """A browser of `username`, logged in."""
        keys = self.told["sessions"][username]
        client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            cookies={"sessionid": keys[number % len(keys)]},
            timeout=seconds,
            trust_env=False,
        )
        self._clients.append(client)
        return client

    def page(self, address: str, username: str = ADMIN, status: int = 200) -> str:
        """The text of a page as a person reads it."""
        response = self.client(username).get(address)
        assert response.status_code == status, (
            f"{address}: {response.status_code} {response.text[:800]}"
        )
        return words(response.text)


DONE = "SELECT count(*) FROM scoring_scorerun WHERE state = 'done' AND as_of = '{day}'"
JUDGED = "SELECT count(*) FROM playbooks_triggernight WHERE state = 'done' AND as_of = '{day}'"


def environment(url: str, redis_url: str, folder: Path, time_zone: str) -> dict[str, str]:
    """Of every process; nothing of this machine's own settings but the path."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "VIRTUAL_ENV")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "csm.settings",
        "PYTHONPATH": str(ROOT),
        "SECRET_KEY": "a key of the fault tests alone, never of a real workbench",
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "TIME_ZONE": time_zone,
        "FILES_DIR": str(folder / "upload"),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def words(html: str) -> str:
    """The text between the tags, in one line."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def fill(url: str, folder: Path, time_zone: str, accounts: int, *more: str) -> dict[str, Any]:
    """Fill a migrated, empty database; gives what `tests/faults/book.py` tells."""
    out = folder / "book.json"
    env = environment(url, "", folder, time_zone)
    command = python("tests/faults/book.py", str(accounts), str(out), *more)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    told: dict[str, Any] = json.loads(out.read_text())
    return told | {"time_zone": time_zone}


def build(database: Database, folder: Path, time_zone: str, accounts: int) -> dict[str, Any]:
    """Migrate and fill an empty database."""
    env = environment(database.url, "", folder, time_zone)
    migrate = python("manage.py", "migrate", "-v0")
    done = subprocess.run(migrate, cwd=ROOT, env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr[-4000:]
    return fill(database.url, folder, time_zone, accounts)


def redis_of(folder: Path) -> Redis:
    redis = Redis(folder / "redis")
    redis.start()
    return redis
