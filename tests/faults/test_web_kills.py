"""The web server killed while a file is sent, and while it is loaded; with SQLite and with services."""

import contextlib
import json
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import migrated
from tests.faults.cluster import Database, Redis
from tests.faults.forms import fields
from tests.faults.processes import Process, until
from tests.faults.test_work_kills import readings, start_import
from tests.faults.workbench import Workbench, fill

pytestmark = pytest.mark.faults

LOADED = "SELECT state, position, rows_read, worker FROM accounts_importrun WHERE id = {n}"
COUNTS = (
    "SELECT count(*), count(DISTINCT account_id) FROM accounts_reading WHERE import_run_id = {n}"
)


class File:
    """An embedded database, asked from outside the product."""

    def __init__(self, path: Path) -> None:
        self.path, self.url = path, f"sqlite:///{path}"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=20)) as connection:
            return connection.execute(sql).fetchall()

    def one(self, sql: str) -> Any:
        rows = self.ask(sql)
        return rows[0][0] if rows else None


@pytest.fixture
def embedded(tmp_path: Path, book: tuple[Database, dict]) -> Iterator[tuple[File, Workbench]]:
    """A workbench as `make run` starts it, with a few accounts."""
    file = File(tmp_path / "book.sqlite3")
    migrated.KEPT.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated._in_a_file(afresh=False), file.path)
    told = fill(file.url, tmp_path, book[1]["time_zone"], 300, "--no-nights")
    workbench = Workbench(tmp_path / "embedded", file.url, told)
    yield file, workbench
    workbench.stop()


def as_run(workbench: Workbench) -> Process:
    return workbench.web("--workers", "1")


def test_the_embedded_web_server_is_killed_while_it_loads(
    embedded: tuple[File, Workbench],
) -> None:
    """It is one process: what it was doing is picked up when it is started again."""
    file, workbench = embedded
    content = readings(file, workbench.today, 60_000)  # type: ignore[arg-type]
    web = as_run(workbench)
    number = start_import(workbench, content)
    until(lambda: file.one(f"SELECT position > 0 FROM accounts_importrun WHERE id = {number}"),
          "a piece is loaded", 90, 0.01)  # fmt: skip
    web.kill()
    state, position, _, _ = file.ask(LOADED.format(n=number))[0]
    assert state == "running"
    assert position > 0
    as_run(workbench)
    assert "Import" in workbench.page(f"/imports/{number}/")
    until(lambda: file.ask(LOADED.format(n=number))[0][0] == "done",
          f"it goes on by itself\n{workbench.tails()}", 200, 0.5)  # fmt: skip
    read = file.ask(LOADED.format(n=number))[0][2]
    assert read == 60_000
    counted = file.ask(
        "SELECT created_count + updated_count + unchanged_count FROM accounts_importrun "
        f"WHERE id = {number}"
    )
    assert counted == [(60_000,)]
    # Every value of the file is there; days the book had before have other metrics beside them.
    kept = {
        (external, on): json.loads(metrics)
        for external, on, metrics in file.ask(
            'SELECT a.external_id, r."on", r.metrics FROM accounts_reading r '
            "JOIN accounts_account a ON a.id = r.account_id WHERE r.source = 'demo'"
        )
    }
    for line in content.decode().split()[1:]:
        external, on, metric, value = line.split(",")
        assert kept[external, on][metric] == int(value), line


def test_the_web_server_is_killed_while_a_file_is_on_its_way_up(
    workbench: Workbench, database: Database, redis: Redis
) -> None:
    web = workbench.web()
    client = workbench.client()
    token = fields(client.get("/imports/new/").text, "csrfmiddlewaretoken")["csrfmiddlewaretoken"]
    before = database.one("SELECT count(*) FROM accounts_importrun")
    cookies = "; ".join(f"{each.name}={each.value}" for each in client.cookies.jar)
    head = (
        f"POST /imports/upload/ HTTP/1.1\r\nHost: 127.0.0.1:{workbench.port}\r\n"
        f"Cookie: {cookies}\r\nReferer: http://127.0.0.1:{workbench.port}/\r\n"
        "Content-Type: multipart/form-data; boundary=xx\r\nContent-Length: 9000000\r\n\r\n"
    )
    body = (
        f'--xx\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n'
        '--xx\r\nContent-Disposition: form-data; name="file"; filename="half.csv"\r\n'
        "Content-Type: text/csv\r\n\r\naccount_id,account_name\r\n"
    )
    with socket.create_connection(("127.0.0.1", workbench.port)) as line:
        line.sendall(head.encode() + body.encode() + b"A1,Half a file\r\n" * 250_000)
        time.sleep(0.5)
        web.kill()
    workbench.web()
    assert database.one("SELECT count(*) FROM accounts_importrun") == before
    assert not [
        path for path in Path(workbench.environment["FILES_DIR"]).rglob("*") if path.is_file()
    ]
    assert "half.csv" not in workbench.page("/imports/")


def test_the_web_server_is_killed_while_workers_load(
    workbench: Workbench, database: Database, make_workbench: Callable[..., Workbench]
) -> None:
    """With workers the load is not the web server's: it goes on, and the page comes back."""
    web = workbench.web()
    workbench.worker("first")
    number = start_import(workbench, readings(database, workbench.today, 12_000))
    web.kill()
    until(lambda: database.one(f"SELECT state = 'done' FROM accounts_importrun WHERE id = {number}"),
          f"the worker loads it\n{workbench.tails()}", 120, 0.2)  # fmt: skip
    workbench.web()
    assert "12,000" in workbench.page(f"/imports/{number}/")
