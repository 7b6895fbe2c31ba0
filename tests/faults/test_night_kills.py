"""Workers killed in the night, at every stage of it."""

import pytest

from playbooks.services.night import _STAGES as FOLLOW_UPS
from tests.faults import halts
from tests.faults.cluster import Database
from tests.faults.figures import same_figures
from tests.faults.halts import Place, halt
from tests.faults.workbench import JUDGED, Workbench

pytestmark = pytest.mark.faults

# What the night page says where the worker was killed.
STAGES: list[tuple[Place, str]] = [
    (halts.COUNTING, "Counting"),
    (halts.MERGING, "Counting"),
    (halts.SCORING, "Scoring"),
    (halts.PUBLISHING, "Scoring"),
    (halts.TRIGGERS, "Done"),
    *((halts.following(stage), "Done") for stage in FOLLOW_UPS),
]


def night_id(database: Database, day: str) -> int:
    return database.one("SELECT max(id) FROM scoring_scorerun WHERE as_of = %s", day)


@pytest.mark.quick
def test_a_worker_killed_in_every_stage_of_one_night(
    workbench: Workbench, database: Database, undisturbed: Database
) -> None:
    workbench.web()
    workbench.begin_night()
    number = night_id(database, workbench.today)
    for place, says in STAGES:
        with halt(database, place) as halted:
            worker = workbench.worker(f"worker-{STAGES.index((place, says))}")
            workbench.sweep()
            halted.wait()
            page = workbench.page(f"/nights/{number}/")
            assert says in page, f"{place}: {page}"
            worker.kill()
            halted.cut()
    assert not database.one(JUDGED.format(day=workbench.today))
    workbench.worker("last")
    workbench.recover(database, JUDGED.format(day=workbench.today))
    same_figures(database, undisturbed)
    assert "0 differ" in workbench.manage("verify_snapshots")
