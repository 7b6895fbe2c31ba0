"""An account nothing can be done with, and a database that has become slow."""

import json
import time
from collections.abc import Callable

import pytest

from tests.faults.cluster import Cluster, Database, Redis
from tests.faults.figures import same_figures
from tests.faults.forms import press
from tests.faults.proxy import Proxy
from tests.faults.workbench import JUDGED, Workbench

pytestmark = pytest.mark.faults


def test_one_poisoned_account_stops_one_shard_and_says_which(
    workbench: Workbench, database: Database, undisturbed: Database
) -> None:
    account, whole = database.ask(
        "SELECT r.id, r.metrics FROM accounts_reading r JOIN accounts_account a ON a.id = r.account_id "
        'WHERE a.churned_on IS NULL ORDER BY r.account_id, r."on" DESC LIMIT 1'
    )[0]
    shown = "SELECT account_id, as_of, score FROM scoring_accounthealth ORDER BY 1"
    before = database.ask(shown)
    broken = '{"total_activities_30d": "broken"}'
    database.do(
        f"UPDATE accounts_reading SET metrics = metrics || '{broken}' WHERE id = %s", account
    )
    workbench.web()
    workbench.begin_night()
    workbench.worker("first")
    workbench.worker("second")
    failed = "SELECT count(*) FROM scoring_scorerun WHERE state = 'failed'"
    workbench.recover(database, failed)
    number = database.one("SELECT max(id) FROM scoring_scorerun")
    page = workbench.page(f"/nights/{number}/")
    assert "Part 0 failed" in page, page
    # People keep the night before, whole.
    assert database.ask(shown) == before
    named = "SELECT number FROM scoring_scoreshard WHERE run_id = %s AND error <> ''"
    assert database.ask(named, number) == [(0,)]
    database.do(
        "UPDATE accounts_reading SET metrics = %s::jsonb WHERE id = %s", json.dumps(whole), account
    )
    went_on = press(workbench.client(), f"/nights/{number}/", f"/nights/{number}/retry/")
    assert went_on.status_code == 302
    workbench.recover(database, JUDGED.format(day=workbench.today))
    same_figures(database, undisturbed)


def test_a_night_on_a_slow_database(
    make_workbench: Callable[..., Workbench],
    database: Database,
    cluster: Cluster,
    redis: Redis,
    undisturbed: Database,
) -> None:
    """Every answer of the database comes 60 ms late for the workers, and seconds late for the pages."""
    line, slower = Proxy(cluster.port), Proxy(cluster.port)
    workbench = make_workbench(f"postgres://csm@127.0.0.1:{line.port}/{database.name}", redis.url)
    pages = make_workbench(f"postgres://csm@127.0.0.1:{slower.port}/{database.name}", redis.url)
    pages.web(environment={"DATABASE_STATEMENT_TIMEOUT": "2"})
    workbench.begin_night()
    line.delay = 0.06
    workbench.worker("first")
    workbench.worker("second")
    workbench.sweep()
    # One statement that takes too long ends as a sentence, and its thread is free again.
    with database.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE playbooks_accountwork IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        answer = pages.client(seconds=40).get("/at-risk/")
        took = time.monotonic() - started
        holder.execute("ROLLBACK")
    assert answer.status_code == 503, f"{answer.status_code} after {took:.1f} s"
    assert took < 20
    assert "Traceback" not in answer.text
    slower.delay = 0.2
    assert pages.client(seconds=60).get("/").status_code == 200
    slower.delay = 0
    workbench.recover(database, JUDGED.format(day=workbench.today), 240)
    same_figures(database, undisturbed)
    line.stop()
    slower.stop()
