"""A night on real Celery workers over a real Redis, with a worker killed while it works."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The night that is due: the sweep would start that one beside any other.
NIGHT = datetime.now(UTC).date().isoformat()
ACCOUNTS = 400

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not shutil.which("redis-server"), reason="redis-server is not installed here"
    ),
]


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        "redis-server",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


class Book:
    """A database file with accounts, and the processes that work on it."""

    def __init__(self, path: Path, redis_url: str) -> None:
        self.path = path
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{path}",
            "REDIS_URL": redis_url,
        }
        self.workers: list[subprocess.Popen] = []

    def manage(self, *args: str) -> str:
        command = [sys.executable, "manage.py", *args]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def worker(self, name: str) -> subprocess.Popen:
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "csm",
            "worker",
            "--pool",
            "solo",
            "-n",
            f"{name}@%h",
        ]
        with (self.path.parent / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.workers.append(process)
        return process

    def ask(self, sql: str) -> list[tuple]:
        with sqlite3.connect(self.path, timeout=20) as connection:
            return connection.execute(sql).fetchall()

    def wait_for(self, sql: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not self.ask(sql)[0][0]:
            assert time.monotonic() < deadline, f"never true: {sql}"
            time.sleep(0.01)


@pytest.fixture
def book(tmp_path: Path, redis_url: str) -> Iterator[Book]:
    book = Book(tmp_path / "book.sqlite3", redis_url)
    book.manage("migrate", "-v0")
    lines = ["account_id,account_name,account_size_segment,total_activities_30d,days_since_last_activity,"
             "total_contacts,contacts_with_email,annual_revenue,total_won_amount,employees"]  # fmt: skip
    for i in range(ACCOUNTS):
        lines.append(
            f"{i:05d},Account {i},Large,{i * 7 % 90},{i * 13 % 100},{i % 40},{i % 23 % (i % 40 + 1)},"
            f"{i * 997 % 10_000},{i * 31 % 5000},{i % 500}"
        )
    feed = tmp_path / "book.csv"
    feed.write_text("\n".join(lines) + "\n")
    book.manage("import_feed", "account_metrics", str(feed), "--as-of", NIGHT)
    yield book
    for process in book.workers:
        process.kill()
        process.wait(10)


SCORES = (
    "SELECT account_id, score, band, inputs, points FROM scoring_snapshot "
    f"WHERE as_of = '{NIGHT}' ORDER BY account_id"
)
DONE = f"SELECT COUNT(*) FROM scoring_scorerun WHERE state = 'done' AND as_of = '{NIGHT}'"
UNDER_WAY = "SELECT COUNT(*) >= 3 FROM scoring_scoreshard WHERE state <> 'waiting'"


def test_workers_finish_the_night_also_when_one_is_killed(book: Book, tmp_path: Path) -> None:
    alone = Book(tmp_path / "alone.sqlite3", "")
    shutil.copy(book.path, alone.path)
    alone.manage("run_nightly", "--as-of", NIGHT)

    book.manage("run_nightly", "--as-of", NIGHT, "--celery", "--shard-size", "4")
    first = book.worker("first")
    book.wait_for(UNDER_WAY)
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    assert book.ask(DONE) == [(0,)]

    # Its message is lost with it until Redis gives it out again; the sweep does not wait for that.
    book.worker("second")
    book.worker("third")
    command = [sys.executable, "-m", "celery", "-A", "csm", "call", "csm.tasks.sweep"]
    subprocess.run(command, cwd=ROOT, env=book.environment, check=True, capture_output=True)
    book.wait_for(DONE)
    assert book.ask(SCORES) == alone.ask(SCORES)
    assert book.ask("SELECT COUNT(*) FROM scoring_accounthealth") == [(ACCOUNTS,)]
