"""Every target measured on a few accounts on PostgreSQL: what is found makes sense; how fast is no test."""

import json

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command

from csm.bench.databases import is_postgres, plain
from csm.bench.run import ALL

ACCOUNTS = 300

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(
        not is_postgres(settings.DATABASE_URL or ""), reason="DATABASE_URL names no PostgreSQL"
    ),
]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    call_command("bench", accounts=ACCOUNTS, rounds=1, out=str(out))
    return json.loads(out.read_text(encoding="utf-8"))


def test_every_target_has_a_figure(found: dict) -> None:
    assert {row["id"].split()[0] for row in found["targets"]} == set(ALL)
    silent = {row["id"]: row["detail"] for row in found["targets"] if row["measured"] is None}
    assert silent == {}
    assert all(row["measured"] > 0 for row in found["targets"])


def test_the_comparisons_did_the_same_work(found: dict) -> None:
    # Had one of them computed another score, the bench would have said so in place of a figure.
    for name in ("T1", "T2"):
        result = found["results"][name]
        assert result["ours"]["accounts_per_second"] > 0 < result["theirs"]["accounts_per_second"]
        assert result["min"] <= result["median"] <= result["max"]
    assert found["results"]["T3"]["sample"] == ACCOUNTS


def test_the_size_of_a_snapshot_and_of_a_process_are_of_this_world(found: dict) -> None:
    assert 60 < found["results"]["T9"]["median"] < 2_000
    assert 30 < found["results"]["T4"]["median"] < 2_000
    assert found["results"]["T10"]["snapshots"] == 90 * ACCOUNTS


def test_the_settings_of_the_server_are_in_the_report(found: dict) -> None:
    assert found["database"]["vendor"] == "postgresql"
    assert found["database"].keys() >= {"shared_buffers", "fsync", "jit"}


def test_nothing_is_left_behind(found: dict) -> None:
    with psycopg.connect(plain(settings.DATABASE_URL)) as server:
        names = [row[0] for row in server.execute("SELECT datname FROM pg_database")]
    mine = [name for name in names if name.startswith(f"bench_{found['process']}_")]
    assert mine == []
