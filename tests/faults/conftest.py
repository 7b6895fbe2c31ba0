"""A cluster, a book and a copy of it for every test."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.cluster import Cluster, Database, Redis, postgres_programs
from tests.faults.workbench import SHARD, Workbench, build, redis_of

ACCOUNTS = 2_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [
        name
        for name, there in (
            ("redis-server", shutil.which("redis-server")),
            ("PostgreSQL", postgres_programs()),
        )
        if not there
    ]
    if missing:
        skip = pytest.mark.skip(reason=f"not installed here: {', '.join(missing)}")
        for item in items:
            if "faults" in item.keywords:
                item.add_marker(skip)


def noon() -> str:
    """A time zone in which it is about noon: no test is run over by midnight."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    cluster.make()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def book(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Database, dict[str, Any]]:
    """The generated book, judged up to yesterday; copied, never changed."""
    database = cluster.create()
    told = build(database, tmp_path_factory.mktemp("book"), noon(), ACCOUNTS)
    return database, told


@pytest.fixture(scope="session")
def undisturbed(
    book: tuple[Database, dict[str, Any]],
    cluster: Cluster,
    tmp_path_factory: pytest.TempPathFactory,
) -> Database:
    """The same book after tonight, done by one process that nobody disturbed."""
    original, told = book
    database = cluster.create(original.name)
    alone = Workbench(tmp_path_factory.mktemp("alone"), database.url, told)
    # In shards of the same size: sums of floating point numbers depend on their order.
    alone.manage("run_nightly", "--as-of", told["today"], "--shard-size", str(SHARD))
    return database


@pytest.fixture
def database(book: tuple[Database, dict[str, Any]], cluster: Cluster) -> Iterator[Database]:
    database = cluster.create(book[0].name)
    yield database
    database.drop()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    redis = redis_of(tmp_path)
    yield redis
    redis.stop()


@pytest.fixture
def make_workbench(
    book: tuple[Database, dict[str, Any]], tmp_path: Path
) -> Iterator[Callable[..., Workbench]]:
    """A workbench on a database and a broker, by their addresses."""
    made: list[Workbench] = []

    def make(url: str, redis_url: str = "", **more: Any) -> Workbench:
        folder = tmp_path / f"workbench{len(made)}"
        workbench = Workbench(folder, url, book[1] | more, redis_url)
        made.append(workbench)
        return workbench

    yield make
    for workbench in made:
        workbench.stop()


@pytest.fixture
def workbench(
    # In this order: processes end before what they are connected to.
    database: Database,
    redis: Redis,
    make_workbench: Callable[..., Workbench],
) -> Workbench:
    return make_workbench(database.url, redis.url)
