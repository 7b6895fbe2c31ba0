"""A PostgreSQL cluster and a Redis of the tests' own, thrown away afterwards."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import redis

from tests.faults.processes import Process, free_port, listens, until


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return installed[-1].parent if installed else None


class Cluster:
    """A cluster with a few settings that make commits as durable as a kill of its processes needs."""

    def __init__(self) -> None:
        programs = postgres_programs()
        assert programs is not None
        self.programs, self.port = programs, free_port()
        # Not below pytest's folder: only its own user may enter that, and PostgreSQL refuses to run as root.
        self.folder = Path(mkdtemp(prefix="csm-faults-"))
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.process: Process | None = None
        self._made = 0

    def make(self) -> None:
        if self.user is not None:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        command = [self.programs / "initdb", "-D", self.folder / "data", "-U", "csm", "-A", "trust",
                   "-E", "UTF8", "--locale=C", "--no-sync"]  # fmt: skip
        done = subprocess.run(
            command,
            user=self.user.pw_uid if self.user else None,
            capture_output=True,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr
        self.start()

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            # A killed process loses nothing either way: only a lost machine would.
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 120,
            "shared_buffers": "128MB",
            "log_min_messages": "warning",
            "timezone": "UTC",
        }
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        self.process = Process(
            command,
            {"PATH": os.environ["PATH"], "LC_ALL": "C"},
            self.folder / "postgres.log",
            user=self.user.pw_uid if self.user else None,
        )
        until(self._answers, f"PostgreSQL answers: {self.process.said()[-2000:]}")

    def _answers(self) -> bool:
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate`: every connection is cut, recovery at the next start."""
        assert self.process is not None
        self.process.popen.send_signal(3)
        self.process.popen.wait(30)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="csm", dbname=name, autocommit=True
        )

    def create(self, like: str | None = None) -> "Database":
        """An empty database, or a copy of `like`."""
        self._made += 1
        name = f"book{self._made}"
        with self.connect("postgres") as admin:
            admin.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {like}" if like else ""))
        return Database(self, name)


class Database:
    """One database, asked from outside the product."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name

    @property
    def url(self) -> str:
        return f"postgres://csm@127.0.0.1:{self.cluster.port}/{self.name}"

    def connect(self) -> psycopg.Connection[Any]:
        return self.cluster.connect(self.name)

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql, values or None).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        rows = self.ask(sql, *values)
        return rows[0][0] if rows else None

    def do(self, sql: str, *values: Any) -> int:
        with self.connect() as connection:
            return connection.execute(sql, values or None).rowcount

    def wait_for(self, sql: str, seconds: float = 60) -> Any:
        """The first value of `sql` once it is true."""
        with self.connect() as connection:
            return until(
                lambda: (connection.execute(sql).fetchone() or [None])[0], sql, seconds, 0.02
            )

    def drop(self) -> None:
        with self.cluster.connect("postgres") as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


class Redis:
    """A Redis that keeps nothing on disk: stopped, it forgets every message."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                   "--appendonly", "no", "--dir", str(self.folder)]  # fmt: skip
        self.process = Process(command, os.environ, self.folder / "redis.log")
        until(lambda: listens(self.port), "Redis listens")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()

    def flush(self) -> None:
        with redis.Redis(port=self.port) as client:
            client.flushall()

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
