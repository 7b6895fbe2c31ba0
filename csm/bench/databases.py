"""Throw-away databases of the bench: made, filled, measured and dropped; no other is ever touched."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import connection
from psycopg import sql

PREFIX = "bench_"


def is_postgres(url: str) -> bool:
    return urlsplit(url).scheme in ("postgres", "postgresql", "pgsql")


@contextmanager
def throw_away(server: str, name: str, template: str = "") -> Iterator[str]:
    """The URL of a database on the server of the URL `server`, dropped at the end.

    Empty, or a copy of the database of the URL `template`, which nobody may be connected to.

    Raises psycopg.Error when the server cannot be reached or the role may not create databases.
    """
    database = f"{PREFIX}{os.getpid()}_{name}"
    parts = urlsplit(server)
    with psycopg.connect(plain(server), autocommit=True) as admin:
        origin = urlsplit(template).path.lstrip("/") or "template1"
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(database), sql.Identifier(origin)
            )
        )
    try:
        yield urlunsplit(parts._replace(path=f"/{database}"))
    finally:
        with psycopg.connect(plain(server), autocommit=True) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )


def plain(url: str) -> str:
    """The URL in the scheme libpq knows."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


@contextmanager
def throw_away_file(name: str) -> Iterator[str]:
    """The URL of a SQLite database in a folder of its own, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="csm-bench-") as folder:
        yield f"sqlite:///{folder}/{PREFIX}{name}.sqlite3"


def require_own() -> None:
    """Raise RuntimeError unless the database of this process is one the bench made."""
    name = Path(str(connection.settings_dict["NAME"])).name
    if not name.startswith(PREFIX):
        raise RuntimeError(f"{name} is not a database of the bench: nothing was written to it.")
