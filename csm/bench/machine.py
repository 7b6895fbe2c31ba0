"""What a measurement ran on: commit, versions, machine, database and its settings."""

import datetime as dt
import os
import platform
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import django
import numpy as np
import pandas as pd
import psycopg
from django.conf import settings

from csm.bench.databases import is_postgres, plain

_SETTINGS = (
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "wal_compression",
    "max_wal_size",
    "checkpoint_timeout",
    "max_parallel_workers_per_gather",
    "jit",
    "autovacuum",
)


def described(server: str) -> dict[str, Any]:
    """As JSON; `server` is the URL of the database server, or of SQLite."""
    return {
        "measured_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "versions": versions() | {"sqlite": sqlite3.sqlite_version},
        "machine": machine(),
        "database": _database(server),
    }


def commit() -> str:
    """The commit this code is, with "+" when files differ from it."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12"],  # noqa: S607 - where PATH says
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def versions() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "django": django.get_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "psycopg": psycopg.__version__,
    }


def machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _line("/proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": load(),
    }


def load() -> float:
    """Processes that wanted a processor in the last minute."""
    return round(os.getloadavg()[0], 2)


def _line(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return found[0] if found else ""


def _database(server: str) -> dict[str, Any]:
    if not is_postgres(server):
        return {"vendor": "sqlite", "version": sqlite3.sqlite_version}
    with psycopg.connect(plain(server)) as there:
        shown = {name: _shown(there, name) for name in _SETTINGS}
        return {"vendor": "postgresql", "version": _shown(there, "server_version")} | shown


def _shown(there: "psycopg.Connection[Any]", name: str) -> str:
    row = there.execute(f"SHOW {name}").fetchone()  # one of `_SETTINGS`
    return str(row[0]) if row else ""
