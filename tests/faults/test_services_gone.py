"""Redis and PostgreSQL stopped, emptied, restarted or cut off while workers work and people look."""

import threading
import time
from collections.abc import Callable

import httpx
import pytest

from tests.faults import halts
from tests.faults.cluster import Cluster, Database, Redis
from tests.faults.figures import same_figures
from tests.faults.halts import halt
from tests.faults.processes import until
from tests.faults.proxy import Proxy
from tests.faults.workbench import DONE, JUDGED, Workbench

pytestmark = pytest.mark.faults

# What people open while a service is down.
PAGES = ("/", "/portfolio/", "/at-risk/", "/nights/", "/imports/", "/alerts/", "/api/v1/accounts/")
SCORED = "SELECT count(*) >= {n} FROM scoring_scoreshard WHERE state <> 'waiting'"


def finished(workbench: Workbench, database: Database, undisturbed: Database) -> None:
    workbench.recover(database, JUDGED.format(day=workbench.today))
    same_figures(database, undisturbed)


@pytest.mark.quick
def test_redis_is_emptied_while_a_night_is_worked_on(
    workbench: Workbench, database: Database, undisturbed: Database, redis: Redis
) -> None:
    workbench.begin_night()
    workbench.worker("first")
    workbench.worker("second")
    with halt(database, halts.SCORING) as halted:
        workbench.sweep()
        halted.wait()
        redis.flush()
    finished(workbench, database, undisturbed)


def test_redis_stops_and_comes_back(
    workbench: Workbench, database: Database, undisturbed: Database, redis: Redis
) -> None:
    """Every message is gone; workers come back to it, or end and are started again by what runs them."""
    workbench.begin_night()
    workers = [workbench.worker("first"), workbench.worker("second")]
    with halt(database, halts.COUNTING) as halted:
        workbench.sweep()
        halted.wait()
        redis.kill()
    time.sleep(3)
    redis.start()
    finished(workbench, database, undisturbed)
    for worker in workers:
        # kombu may fail while it closes the lost connection (its issue 582): a worker must not hang then.
        assert worker.is_alive or "Unrecoverable error: AttributeError" in worker.said()


def test_pages_answer_while_redis_is_down(
    workbench: Workbench, database: Database, redis: Redis
) -> None:
    workbench.web()
    redis.kill()
    client = workbench.client()
    for address in PAGES:
        started = time.monotonic()
        response = client.get(address)
        took = time.monotonic() - started
        assert response.status_code == 200, f"{address}: {response.status_code}"
        assert took < 10, f"{address} took {took:.1f} s without Redis"
    # A log-in counts attempts, and a night started by hand sends messages: neither is an error.
    assert httpx.get(f"http://127.0.0.1:{workbench.port}/login/").status_code == 200
    started = time.monotonic()
    answer = post(workbench, "/nights/", "/nights/start/")
    assert answer.status_code == 302, answer.text[:500]
    assert time.monotonic() - started < 15
    # The row is there: with Redis back the sweep finds it.
    assert database.one("SELECT count(*) FROM scoring_scorerun WHERE as_of = %s", workbench.today)
    redis.start()
    workbench.worker("later")
    workbench.recover(database, DONE.format(day=workbench.today))
    workbench.page("/")


def post(workbench: Workbench, page: str, address: str, **values: str) -> httpx.Response:
    client = workbench.client()
    client.get(page)
    return client.post(
        address,
        data=values | {"csrfmiddlewaretoken": client.cookies.get("csrftoken", "")},
        headers={"Referer": f"http://127.0.0.1:{workbench.port}{page}"},
    )


@pytest.mark.quick
def test_postgresql_restarts_while_workers_score_and_people_look(
    workbench: Workbench, database: Database, undisturbed: Database, cluster: Cluster
) -> None:
    """As `pg_ctl restart -m immediate`: every connection is cut, nothing has been said good-bye to."""
    workbench.web()
    workbench.begin_night()
    workers = [workbench.worker("first"), workbench.worker("second")]
    workbench.sweep()
    database.wait_for(SCORED.format(n=3))
    seen: list[int] = []
    over = threading.Event()

    def look() -> None:
        client = workbench.client()
        while not over.is_set():
            seen.append(client.get("/").status_code)
            time.sleep(0.1)

    looking = threading.Thread(target=look)
    looking.start()
    cluster.stop_at_once()
    time.sleep(1)
    cluster.start()
    until(lambda: seen[-3:] == [200, 200, 200], f"pages answer again: {seen[-20:]}", 30)
    over.set()
    looking.join()
    # Nobody restarts anything: the same workers finish the night.
    finished(workbench, database, undisturbed)
    assert all(worker.is_alive for worker in workers)
    # A page that could not be made said so: 503, never a stack trace.
    assert set(seen) <= {200, 503}, sorted(set(seen))


def test_the_line_between_a_worker_and_redis_is_cut(
    make_workbench: Callable[..., Workbench],
    database: Database,
    undisturbed: Database,
    redis: Redis,
) -> None:
    line = Proxy(redis.port)
    workbench = make_workbench(database.url, redis.url)
    workbench.begin_night()
    worker = workbench.worker("far", environment={"REDIS_URL": f"redis://127.0.0.1:{line.port}/0"})
    with halt(database, halts.SCORING) as halted:
        workbench.sweep()
        halted.wait()
        line.cut()
    time.sleep(4)
    line.mend()
    finished(workbench, database, undisturbed)
    assert worker.is_alive
    line.stop()


def test_the_same_message_twenty_times(
    workbench: Workbench, database: Database, undisturbed: Database
) -> None:
    workbench.begin_night()
    run = database.one("SELECT id FROM scoring_scorerun WHERE as_of = %s", workbench.today)
    for _ in range(20):
        workbench.send("csm.tasks.work", run)
        workbench.send("csm.tasks.night")
    for name in ("one", "two", "three"):
        workbench.worker(name)
    database.wait_for(JUDGED.format(day=workbench.today), 120)
    judged = database.one("SELECT id FROM playbooks_triggernight WHERE run_id = %s", run)
    for _ in range(20):
        workbench.send("playbooks.tasks.work_night", judged)
        workbench.send("csm.tasks.work", run)
    workbench.recover(database, "SELECT true")
    time.sleep(3)
    same_figures(database, undisturbed)
