"""A workbench moves house: from SQLite to PostgreSQL, into a back-up and out of it again, every row proven."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from csm.moving.tables import Sum, tables

ROOT = Path(__file__).resolve().parents[2]
NIGHT = "2026-11-20"
SERVER = os.environ.get("DATABASE_URL", "")
SCORES = "SELECT account_id, score, band, inputs, points FROM scoring_snapshot ORDER BY account_id"

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not SERVER.startswith("postgres") or not shutil.which("pg_dump"),
        reason="needs DATABASE_URL of a PostgreSQL and its programs",
    ),
]


def run(*command: str, url: str, files: Path, fails: bool = False) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": url,
            "FILES_DIR": str(files),
            "REDIS_URL": "",
            "CSM_PYTHON": sys.executable,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def manage(*args: str, url: str, files: Path, fails: bool = False) -> str:
    return run(sys.executable, "manage.py", *args, url=url, files=files, fails=fails)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory):
    """A scored book in a SQLite file with an uploaded file beside it; databases by name, dropped at the end."""
    import psycopg

    folder = tmp_path_factory.mktemp("house")
    files = folder / "files"
    files.mkdir()
    (files / "note.txt").write_text("an attachment")
    url = f"sqlite:///{folder / 'csm.sqlite3'}"
    manage("migrate", "-v0", url=url, files=files)
    rows = [f"A{n:03},Konto Nº {n},{n % 17},{n % 90},{n % 40}" for n in range(60)]
    feed = folder / "book.csv"
    feed.write_text(
        "account_id,account_name,total_activities_30d,days_since_last_activity,total_contacts\n"
        + "\n".join(rows)
        + "\n"
    )
    manage("import_feed", "account_metrics", str(feed), "--as-of", NIGHT, url=url, files=files)
    manage("run_nightly", "--as-of", NIGHT, url=url, files=files)
    made: list[str] = []
    base = SERVER.rpartition("/")[0]

    def database(name: str) -> str:
        with psycopg.connect(_dsn(SERVER), autocommit=True) as server:
            server.execute(f"DROP DATABASE IF EXISTS {name}")
            server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        made.append(name)
        return f"{base}/{name}"

    yield folder, url, database
    with psycopg.connect(_dsn(SERVER), autocommit=True) as server:
        for name in made:
            server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _dsn(url: str) -> str:
    """Any database of the server that is there."""
    parts = urlsplit(url)
    return parts._replace(scheme="postgresql", path="/postgres", query="").geturl()


def scores(url: str) -> list[tuple]:
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            return connection.execute(SCORES).fetchall()
    import psycopg

    with psycopg.connect(url.replace("postgres://", "postgresql://")) as connection:
        return connection.execute(SCORES).fetchall()


def test_every_row_moves_and_a_back_up_brings_it_back(house, tmp_path):
    folder, embedded, database = house
    files = folder / "files"
    moved = database("csm_moved")
    manage("migrate", "-v0", url=moved, files=files)
    told = manage("move_from_sqlite", str(folder / "csm.sqlite3"), url=moved, files=files)
    assert "accounts_account: 60 rows" in told
    assert scores(moved) == scores(embedded)
    assert "0 differ" in manage("verify_snapshots", url=moved, files=files)
    # The next id follows those that came.
    manage("run_nightly", "--as-of", "2026-11-21", url=moved, files=files)

    again = manage(
        "move_from_sqlite", str(folder / "csm.sqlite3"), url=moved, files=files, fails=True
    )
    assert "Nothing was changed" in again

    kept = tmp_path / "kept"
    run("deploy/backup.sh", str(kept), url=moved, files=files)
    (backup,) = kept.iterdir()
    restored, found = database("csm_restored"), tmp_path / "found"
    told = run("deploy/restore.sh", str(backup), url=restored, files=found)
    assert "60 snapshots and 60 rows of current health computed again, 0 differ" in told
    assert scores(restored) == scores(moved)
    assert (found / "note.txt").read_text() == "an attachment"

    refused = run("deploy/restore.sh", str(backup), url=restored, files=found, fails=True)
    assert "Restore into an empty one" in refused
    run("deploy/check-backup.sh", str(kept), url=moved, files=files)

    dump = backup / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-1] + b"?")
    damaged = run(
        "deploy/restore.sh", str(backup), url=database("csm_damaged"), files=found, fails=True
    )
    assert "damaged" in damaged


def test_a_file_of_another_release_is_refused(house, tmp_path):
    folder, _, database = house
    older = tmp_path / "older.sqlite3"
    shutil.copy(folder / "csm.sqlite3", older)
    with sqlite3.connect(older) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'csm' AND name LIKE '0003%'")
    target = database("csm_target")
    manage("migrate", "-v0", url=target, files=tmp_path)
    told = manage("move_from_sqlite", str(older), url=target, files=tmp_path, fails=True)
    assert "The SQLite file lacks 1 migrations, csm.0003" in told


def test_an_embedded_back_up_comes_back_too(house, tmp_path):
    folder, embedded, _ = house
    kept = tmp_path / "kept"
    for _ in range(3):
        run("deploy/backup.sh", str(kept), "1", url=embedded, files=folder / "files")
    (backup,) = kept.iterdir()
    url = f"sqlite:///{tmp_path / 'new' / 'csm.sqlite3'}"
    # On the machine it was on, the files are there still.
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "note.txt").write_text("the one that is there")
    told = run("deploy/restore.sh", str(backup), url=url, files=tmp_path / "found")
    assert "0 differ" in told
    assert scores(url) == scores(embedded)
    assert (tmp_path / "found" / "note.txt").read_text() == "the one that is there"


def test_a_sum_sees_every_change_and_no_order():
    rows = [(1, "a", 0.1, None), (2, "b", 0.2, b"\x00")]
    sums = []
    for each in (rows, rows[::-1], [rows[0], (2, "b", 0.2, b"\x01")], rows[:1]):
        total = Sum()
        for row in each:
            total.add(row)
        sums.append(total)
    assert sums[0] == sums[1]
    assert sums[0] not in sums[2:]


def test_every_table_of_ours_is_moved():
    names = {table.name for table in tables()}
    assert {"scoring_snapshot", "accounts_account", "csm_user_groups", "csm_job"} <= names
