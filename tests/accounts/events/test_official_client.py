"""The official Segment client, unmodified, sends 10,000 events to a real web server on this machine."""

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segment.analytics as analytics

ROOT = Path(__file__).resolve().parents[3]
EVENTS = 10_000
ACCOUNTS = 40
KILLS = 2


class Server:
    """gunicorn over a database file of its own; killed and started again on the same port."""

    key = ""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{self.database}",
            "DEBUG": "false",
            "REDIS_URL": "",
        }
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen | None = None

    def manage(self, *args: str) -> str:
        command = [sys.executable, "manage.py", *args]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "csm.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        command += ["--worker-class", "gthread", "--threads", "4", "--log-level", "critical"]
        # Its own group: the kill reaches the workers too.
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, start_new_session=True
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the web server did not start")

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def ask(self, sql: str) -> list[tuple]:
        with sqlite3.connect(self.database, timeout=20) as connection:
            return connection.execute(sql).fetchall()


BOOK = f"""
from accounts.events.keys import create_key
from accounts.events.rules import measure_for, save_rule
from accounts.models import Account, EventRule
from csm.models import Role, User
admin = User.objects.create_user("admin", role=Role.ADMIN)
for n in range({ACCOUNTS}):
    Account.objects.create(source="crm", external_id=f"C{{n}}", name=f"Customer {{n}}")
for event, how, key, prop in (
    ("Report Exported", "count", "reports", ""),
    ("Report Exported", "sum", "rows_exported", "rows"),
    ("Signed In", "users", "daily_active_users", ""),
):
    measure = measure_for(key, how=how)
    save_rule(EventRule(event=event, how=how, property=prop, measure=measure), by=admin)
print(create_key(name="Web", source="product", account_source="crm", by=admin)[1])
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A database with accounts and rules, and a write key."""
    made = Server(tmp_path_factory.mktemp("book") / "book.sqlite3")
    made.manage("migrate", "-v0")
    made.key = made.manage("shell", "-v0", "-c", BOOK).strip().splitlines()[-1]
    return made


@pytest.fixture
def server(book: Server, tmp_path: Path) -> Iterator[Server]:
    with sqlite3.connect(book.database) as whole, sqlite3.connect(tmp_path / "book") as copy:
        whole.backup(copy)
    made = Server(tmp_path / "book")
    made.key = book.key
    made.start()
    yield made
    made.kill()


def send(client: analytics.Client, count: int) -> dict[str, Counter]:
    """Send a mix of messages; returns the usage they amount to, by account and day."""
    dice = random.Random(3)
    # Noon: no day changes on the way.
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    expected: dict[str, Counter] = {"reports": Counter(), "rows_exported": Counter()}
    seen: set[tuple] = set()
    for n in range(count):
        number = dice.randrange(ACCOUNTS)
        user, account = f"u{number}-{dice.randrange(5)}", f"C{number}"
        at = noon - timedelta(days=dice.randrange(1, 8))
        day = account, f"{at:%Y-%m-%d}"
        group = {"groupId": account}
        match n % 10:
            case 0:
                traits = {"email": f"{user}@customer.example", "name": user}
                sent = client.identify(user, traits, context=group, timestamp=at)
            case 1:
                sent = client.group(user, account, {"industry": "Retail"}, timestamp=at)
            case 2 | 3 | 4:
                sent = client.track(user, "Signed In", context=group, timestamp=at)
                seen.add((*day, user))
            case _:
                rows = dice.randrange(1, 50)
                sent = client.track(
                    user, "Report Exported", {"rows": rows}, context=group, timestamp=at
                )
                expected["reports"][day] += 1
                expected["rows_exported"][day] += rows
        assert sent[0], "the client's queue is full"
    expected["daily_active_users"] = Counter((account, day) for account, day, _ in seen)
    return expected


TOTALS = """
SELECT m.key, a.external_id, u."on", u.value FROM accounts_usage u
JOIN accounts_usagemeasure m ON m.id = u.measure_id JOIN accounts_account a ON a.id = u.account_id
WHERE u.source = 'product'
"""


def check(server: Server, expected: dict[str, Counter]) -> None:
    """All there, once, and counted by the server itself: nobody asks for it."""
    stored = server.ask("SELECT COUNT(*), COUNT(DISTINCT message_id) FROM accounts_event")
    assert stored == [(EVENTS, EVENTS)]
    deadline = time.monotonic() + 60
    while server.ask("SELECT 1 FROM accounts_event WHERE state = 'waiting' LIMIT 1"):
        assert time.monotonic() < deadline, "the server has not applied what arrived"
        time.sleep(0.1)
    found: dict[str, Counter] = {key: Counter() for key in expected}
    for key, account, day, value in server.ask(TOTALS):
        found[key][account, day] = value
    assert found == expected
    states = dict(server.ask("SELECT state, COUNT(*) FROM accounts_event GROUP BY state"))
    assert set(states) == {"applied"}, states
    told = "SELECT COUNT(*) FROM accounts_account WHERE industry = 'Retail'"
    assert server.ask(told) == [(ACCOUNTS,)]
    assert server.ask("SELECT COUNT(DISTINCT email) = COUNT(*) FROM accounts_contact") == [(1,)]


def client_of(server: Server, failed: list, **more: object) -> analytics.Client:
    return analytics.Client(
        server.key,
        host=server.url,
        max_queue_size=EVENTS,
        on_error=lambda error, batch: failed.append((error, len(batch))),
        **more,
    )


def test_ten_thousand_events_are_stored_once_and_counted(server):
    failed: list = []
    client = client_of(server, failed, gzip=True)
    expected = send(client, EVENTS)
    client.shutdown()
    assert not failed
    check(server, expected)


def test_all_are_stored_once_though_the_server_is_killed_while_they_are_sent(server):
    failed: list = []
    client = client_of(server, failed, max_retries=30, timeout=5)
    kills: list[int] = []

    def murder() -> None:
        """SIGKILL whenever another share of the events has arrived; up again at once."""
        for n in range(1, KILLS + 1):
            while (arrived := server.ask("SELECT COUNT(*) FROM accounts_event")[0][0]) < (
                EVENTS * n // (KILLS + 1)
            ):
                time.sleep(0.01)
            server.kill()
            kills.append(arrived)
            server.start()

    killer = threading.Thread(target=murder)
    killer.start()
    expected = send(client, EVENTS)
    client.shutdown()
    killer.join(60)
    assert not failed
    assert len(kills) == KILLS
    assert kills[-1] < EVENTS, "the last kill came after the last event"
    check(server, expected)
