"""Beat killed, doubled and late; clocks that jump; the night the clocks change."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.faults import halts
from tests.faults.cluster import Cluster, Database, Redis
from tests.faults.figures import same_figures
from tests.faults.halts import halt
from tests.faults.processes import faketime_library, until
from tests.faults.workbench import DONE, JUDGED, Workbench

pytestmark = pytest.mark.faults

needs_faketime = pytest.mark.skipif(
    faketime_library() is None, reason="libfaketime is not installed here (apt: faketime)"
)
HOUR, DAY = 3600, 24 * 3600
RUNS = "SELECT count(*) FROM scoring_scorerun WHERE as_of = '{day}'"


def moved(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is `seconds` off."""
    return {
        "LD_PRELOAD": faketime_library() or "",
        "FAKETIME": f"{seconds:+d}s",
        # Timers and sleeps go on as they are.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


def test_beat_is_killed_comes_back_and_there_are_two(
    workbench: Workbench,
    database: Database,
    cluster: Cluster,
    book: tuple[Database, dict],
    make_workbench: Callable[..., Workbench],
) -> None:
    """The night was missed: it is noon, and nobody was there at two. It is caught up once."""
    # In one shard, as the night that beat starts: sums depend on their order.
    other = cluster.create(book[0].name)
    make_workbench(other.url).manage("run_nightly", "--as-of", workbench.today)
    beat = workbench.beat("beat")
    until(lambda: database.one("SELECT count(*) >= 5 FROM django_celery_beat_periodictask"),
          "the schedule is there")  # fmt: skip
    beat.kill()
    workbench.beat("beat-again")
    workbench.beat("beat-too")
    workbench.worker("first")
    workbench.worker("second")
    # Beat itself sweeps once a minute; nothing is sent by the test.
    until(lambda: database.one(JUDGED.format(day=workbench.today)),
          f"the missed night is caught up\n{workbench.tails()}", 240, 0.5)  # fmt: skip
    assert database.one(RUNS.format(day=workbench.today)) == 1
    same_figures(database, other)
    other.drop()


# Whether somebody waits to read readings.
WAITING = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'accounts_reading'::regclass
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LEASED = """
SELECT extract(epoch FROM lease_until - now()) FROM scoring_scoreshard
WHERE lease_until IS NOT NULL ORDER BY number LIMIT 1
"""


@needs_faketime
def test_the_clock_of_a_worker_is_a_day_ahead(
    workbench: Workbench, database: Database, undisturbed: Database
) -> None:
    """By the right clock its lease lasts a day; but it is killed, and another comes."""
    workbench.begin_night()
    run = database.one("SELECT id FROM scoring_scorerun WHERE as_of = %s", workbench.today)
    with halt(database, halts.SCORING) as halted:
        wrong = workbench.worker("wrong", environment=moved(DAY))
        workbench.send("csm.tasks.work", run)
        halted.wait()
        # The clock really is off: the lease says so.
        assert abs(float(database.one(LEASED)) - DAY) < 300
        right = workbench.worker("right")
        workbench.sweep()
        time.sleep(4)
        wrong.kill()
        halted.cut()
    workbench.recover(database, JUDGED.format(day=workbench.today))
    assert right.is_alive
    same_figures(database, undisturbed)


@needs_faketime
def test_the_clock_of_a_worker_is_an_hour_back(
    workbench: Workbench, database: Database, undisturbed: Database
) -> None:
    """By the right clock its lease is over from the start: another does the night, it comes too late."""
    workbench.begin_night()
    run = database.one("SELECT id FROM scoring_scorerun WHERE as_of = %s", workbench.today)
    with database.connect() as holder, holder.transaction():
        # It has taken a shard and reads.
        holder.execute("LOCK TABLE accounts_reading IN ACCESS EXCLUSIVE MODE")
        wrong = workbench.worker("wrong", environment=moved(-HOUR))
        workbench.send("csm.tasks.work", run)
        until(lambda: database.one(WAITING), "the worker reads", 90)
        assert abs(float(database.one(LEASED)) + HOUR) < 300
        wrong.pause()
    workbench.worker("right")
    workbench.recover(database, JUDGED.format(day=workbench.today))
    wrong.go_on()
    until(lambda: "lost the lease" in wrong.said(), f"it is told\n{workbench.tails()}", 90, 0.5)
    same_figures(database, undisturbed)


@needs_faketime
@pytest.mark.parametrize(
    "moment",
    ["2026-10-25T01:30:00+00:00", "2027-03-28T01:30:00+00:00"],
    ids=["an hour twice", "an hour missing"],
)
def test_the_night_the_clocks_change(
    make_workbench: Callable[..., Workbench], database: Database, redis: Redis, moment: str
) -> None:
    """In Berlin 02:00 comes twice, or never: the night runs once, of the right day."""
    at = datetime.fromisoformat(moment)
    offset = int((at - datetime.now(UTC)).total_seconds())
    day = at.astimezone(ZoneInfo("Europe/Berlin")).date()
    workbench = make_workbench(database.url, redis.url, time_zone="Europe/Berlin")
    database.do("DELETE FROM django_celery_beat_periodictask")
    workbench.worker("first", environment=moved(offset))
    for _ in range(3):
        workbench.sweep()
    workbench.recover(database, DONE.format(day=day))
    # An hour later, by the same clock, nothing starts again.
    workbench.worker("second", environment=moved(offset + 3600))
    for _ in range(6):
        workbench.sweep()
        time.sleep(0.5)
    assert database.one(RUNS.format(day=day)) == 1
    others = database.one(
        "SELECT count(*) FROM scoring_scorerun WHERE as_of BETWEEN %s AND %s AND as_of <> %s",
        day - timedelta(days=1),
        day + timedelta(days=1),
        day,
    )
    assert others == 0
