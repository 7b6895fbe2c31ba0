"""Test databases are copied from one that is migrated already: migrating takes longer than many a test run.

The original is kept, a file on SQLite and a database beside the configured one on PostgreSQL, under a name that
tells every migration it was made of: another set makes another one. Django still migrates the test database
itself, and finds nothing left to do.
"""

import fcntl
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.apps import apps
from django.db import connection

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "var" / "migrated"


def key() -> str:
    """Tells all migrations of all apps, as they are written."""
    told = hashlib.sha256(django.__version__.encode())
    for app in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for path in sorted(Path(app.path).glob("migrations/**/*.py")):
            told.update(f"{app.label}/{path.name}".encode() + path.read_bytes())
    return told.hexdigest()[:16]


def use(*, afresh: bool = False) -> None:
    """Let the test database begin as a copy; `afresh` makes the original again."""
    KEPT.mkdir(parents=True, exist_ok=True)
    if connection.vendor == "postgresql":
        connection.settings_dict["TEST"]["TEMPLATE"] = _in_a_database(afresh)
    elif connection.creation.is_in_memory_db(connection.creation._get_test_db_name()):
        _begin_with(_in_a_file(afresh))


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: the others find it done."""
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrate(url: str) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, check=True)


def _in_a_file(afresh: bool) -> Path:
    path = KEPT / f"{key()}.sqlite3"
    with _alone():
        if afresh or not path.exists():
            for old in KEPT.glob("*.sqlite3*"):
                old.unlink()
            begun = KEPT / "begun.sqlite3"
            begun.unlink(missing_ok=True)
            _migrate(f"sqlite:///{begun}")
            with sqlite3.connect(begun) as made:
                made.execute("PRAGMA journal_mode=DELETE")
            made.close()
            begun.rename(path)
    return path


def _in_a_database(afresh: bool) -> str:
    name = f"migrated_{key()}"
    # Nobody may be connected to what is copied, so everything is asked from the server's own database.
    with _alone(), connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname ~ '^migrated_[0-9a-f]{16}$'")
        there = {found for (found,) in cursor.fetchall()}
        if afresh or name not in there:
            for old in there:
                cursor.execute(f'DROP DATABASE "{old}"')
            begun = f"{name}_begun"
            cursor.execute(f'DROP DATABASE IF EXISTS "{begun}"')
            cursor.execute(f'CREATE DATABASE "{begun}"')
            url = urlsplit(os.environ["DATABASE_URL"])
            _migrate(url._replace(path=f"/{begun}").geturl())
            cursor.execute(f'ALTER DATABASE "{begun}" RENAME TO "{name}"')
    return name


def _begin_with(path: Path) -> None:
    create = connection.creation._create_test_db

    def filled(*args: object, **kwargs: object) -> str:
        name = create(*args, **kwargs)
        # In memory it is there for as long as somebody is connected.
        connection.creation.kept_open = target = sqlite3.connect(name, uri=True)
        source = sqlite3.connect(path)
        source.backup(target)
        source.close()
        target.commit()
        return name

    connection.creation._create_test_db = filled
