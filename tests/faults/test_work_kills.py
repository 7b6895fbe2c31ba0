"""Workers killed in what is not the night: an import, accounts scored by day, a job in the background."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from tests.faults.cluster import Cluster, Database
from tests.faults.figures import same_figures
from tests.faults.forms import press, upload
from tests.faults.halts import Place, halt
from tests.faults.workbench import Workbench

pytestmark = pytest.mark.faults

IMPORTING: Place = (
    "accounts_importrun",
    "UPDATE",
    "NEW.position > OLD.position AND OLD.position > 0",
)
WORKING: Place = ("csm_job", "UPDATE", "NEW.position > OLD.position AND OLD.position > 0")
BY_DAY: Place = ("accounts_changedaccount", "DELETE", "OLD.worker <> ''")
IMPORTED = ("readings", "imports", "changes of imports", "accounts")


def readings(database: Database, day: str, rows: int) -> bytes:
    """A file in the long form: five metrics of every account, day after day, no line twice."""
    ids = database.ask("SELECT external_id FROM accounts_account ORDER BY id")
    on = date.fromisoformat(day) - timedelta(days=20)
    keys = (
        "total_activities_30d",
        "total_contacts",
        "contacts_with_email",
        "days_since_last_activity",
        "number_of_employees",
    )
    lines = ["account_id,date,metric,value"]
    for n in range(rows):
        (external,) = ids[n // len(keys) % len(ids)]
        lines.append(
            f"{external},{on - timedelta(days=n // (len(ids) * len(keys)))},{keys[n % len(keys)]},{n % 97}"
        )
    return ("\n".join(lines) + "\n").encode()


def start_import(workbench: Workbench, content: bytes) -> int:
    """Upload it and press Load, as an admin does; gives its number."""
    client = workbench.client()
    sent = upload(client, "readings.csv", content, feed="metrics", as_of=workbench.today)
    assert sent.status_code == 302, sent.text[-1500:]
    number = int(sent.headers["location"].split("/")[2])
    started = press(client, f"/imports/{number}/mapping/", f"/imports/{number}/start/")
    assert started.headers["location"] == f"/imports/{number}/", started.text[-500:]
    return number


def test_a_worker_killed_in_an_import(
    workbench: Workbench,
    database: Database,
    cluster: Cluster,
    book: tuple[Database, dict],
    make_workbench: Callable[..., Workbench],
) -> None:
    content = readings(database, workbench.today, 18_000)
    other = cluster.create(book[0].name)
    alone = make_workbench(other.url)
    file = alone.folder / "readings.csv"
    file.write_bytes(content)
    alone.manage("import_feed", "metrics", str(file), "--source", "demo", "--as-of", alone.today)

    workbench.web()
    with halt(database, IMPORTING) as halted:
        number = start_import(workbench, content)
        worker = workbench.worker("first")
        halted.wait()
        assert "Running" in workbench.page(f"/imports/{number}/")
        worker.kill()
        halted.cut()
    # Half of it is there; the page says that nobody is at it.
    page = workbench.page(f"/imports/{number}/")
    assert "stopped" in page or "Resume" in page, page
    workbench.worker("second")
    workbench.recover(
        database, f"SELECT state = 'done' FROM accounts_importrun WHERE id = {number}"
    )
    same_figures(database, other, only=IMPORTED)
    other.drop()


def test_a_worker_killed_in_a_job(workbench: Workbench, database: Database) -> None:
    """Give every account to one colleague: 500 a piece."""
    workbench.web()
    to = database.one("SELECT id FROM csm_user WHERE username = 'jonas.csm'")
    before = dict(database.ask("SELECT id, owner_id FROM accounts_account"))
    client = workbench.client()
    with halt(database, WORKING) as halted:
        address = "/lists/portfolio/assign-all/"
        asked = press(client, address, address, marker="sure", to=str(to), sure="on")
        assert asked.status_code == 302, asked.text[-3000:]
        number = int(asked.headers["location"].rstrip("/").split("/")[-1])
        worker = workbench.worker("first")
        halted.wait()
        assert "500" in workbench.page(f"/jobs/{number}/")
        worker.kill()
        halted.cut()
    workbench.worker("second")
    workbench.recover(database, f"SELECT state = 'done' FROM csm_job WHERE id = {number}")
    total, done, skipped = database.ask(
        "SELECT total, done, skipped FROM csm_job WHERE id = %s", number
    )[0]
    assert total == done + skipped
    moved = [
        pk for pk, owner in database.ask("SELECT id, owner_id FROM accounts_account")
        if owner != before[pk]
    ]  # fmt: skip
    assert done == len(moved) >= 1_000
    handed = database.ask(
        "SELECT account_id, count(*) FROM playbooks_handover WHERE on_today AND account_id = ANY(%s) "
        "GROUP BY 1".replace("on_today", '"on" = CURRENT_DATE'),
        moved,
    )
    assert all(times == 1 for _, times in handed)
    assert f"{done:,}" in workbench.page(f"/jobs/{number}/")


def test_a_worker_killed_while_it_scores_by_day(
    workbench: Workbench,
    database: Database,
    cluster: Cluster,
    book: tuple[Database, dict],
    make_workbench: Callable[..., Workbench],
) -> None:
    lines = ["account_id,date,metric,value"]
    day = workbench.today
    accounts = database.ask("SELECT external_id FROM accounts_account ORDER BY id LIMIT 60")
    lines += [f"{external},{day},total_activities_30d,77" for (external,) in accounts]
    file = workbench.folder / "changed.csv"
    file.write_text("\n".join(lines) + "\n")
    arguments = ("import_feed", "metrics", str(file), "--source", "demo", "--as-of", day)
    other = cluster.create(book[0].name)
    alone = make_workbench(other.url)
    work = (
        "from django.utils import timezone; from csm import by_day; by_day.work(at=timezone.now())"
    )
    for each in (alone, workbench):
        each.manage(*arguments)
    alone.manage("shell", "-c", work)
    waiting = "SELECT count(*) FROM accounts_changedaccount"
    assert (database.one(waiting), other.one(waiting)) == (60, 0)
    with halt(database, BY_DAY) as halted:
        worker = workbench.worker("first")
        workbench.send("csm.tasks.by_day")
        halted.wait()
        worker.kill()
        halted.cut()
    assert database.one(waiting) == 60
    workbench.worker("second")
    none = "SELECT count(*) = 0 FROM accounts_changedaccount"
    workbench.recover(database, none, 60, "csm.tasks.sweep_day")
    same_figures(
        database,
        other,
        only=("snapshots", "current health", "band changes", "roll-ups", "alerts", "notices"),
    )
    other.drop()
