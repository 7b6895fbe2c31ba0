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
def throw_away(server: str, name: str) -> Iterator[str]:
    """The URL of an empty database on the server of the URL `server`, dropped at the end.

    Raises psycopg.Error when the server cannot be reached or the role may not create databases.
    """
    database = f"{PREFIX}{os.getpid()}_{name}"
    parts = urlsplit(server)
    with psycopg.connect(_plain(server), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    try:
        yield urlunsplit(parts._replace(path=f"/{database}"))
    finally:
        with psycopg.connect(_plain(server), autocommit=True) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )


def _plain(url: str) -> str:
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
