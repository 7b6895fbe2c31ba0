"""A real `run_nightly` process is killed at several points; running it again gives the same numbers."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ACCOUNTS = 600
NIGHT = "2026-11-20"


def environment(database: Path) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": f"sqlite:///{database}", "DEBUG": "false", "REDIS_URL": ""}


def manage(database: Path, *args: str) -> subprocess.Popen:
    command = [sys.executable, "manage.py", *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(database), stdout=pipe, stderr=pipe)


def finish(process: subprocess.Popen) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    return out.decode()


def ask(database: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(database, timeout=20) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "book.sqlite3"
    finish(manage(path, "migrate", "-v0"))
    lines = ["account_id,account_name,account_size_segment,total_activities_30d,days_since_last_activity,"
             "total_contacts,contacts_with_email,annual_revenue,total_won_amount,number_of_employees,"
             "current_pipeline_amount"]  # fmt: skip
    sizes = ("Enterprise", "Large", "Mid-Market", "Small Business")
    for i in range(ACCOUNTS):
        lines.append(
            f"{i:05d},Account {i},{sizes[i % 4]},{i * 7 % 90},{i * 13 % 100},{i % 40},{i % 23 % (i % 40 + 1)},"
            f"{i * 997 % 10_000},{i * 31 % 5000},{i % 500},{i * 17 % 900}"
        )
    feed = tmp_path / "book.csv"
    feed.write_text("\n".join(lines) + "\n")
    finish(manage(path, "import_feed", "account_metrics", str(feed), "--as-of", NIGHT))
    return path


STATES = "SELECT state, COUNT(*) FROM scoring_scoreshard GROUP BY state"


def test_killed_at_several_points_it_finishes_with_the_same_numbers(
    database: Path, tmp_path: Path
) -> None:
    undisturbed = tmp_path / "undisturbed.sqlite3"
    shutil.copy(database, undisturbed)
    finish(manage(undisturbed, "run_nightly", "--as-of", NIGHT))

    shards = ACCOUNTS // 4
    points = {
        "counting": lambda s: s.get("counted", 0) >= 5,
        "nearly counted": lambda s: s.get("counted", 0) + s.get("scored", 0) >= shards * 3 // 4,
        "scoring": lambda s: s.get("scored", 0) >= 5,
        "nearly scored": lambda s: s.get("scored", 0) >= shards * 3 // 4,
        "publishing": lambda s: s.get("scored", 0) == shards,
    }
    killed = []
    for point, reached in points.items():
        process = manage(database, "run_nightly", "--as-of", NIGHT, "--shard-size", "4")
        while process.poll() is None:
            if reached(dict(ask(database, STATES))):
                process.send_signal(signal.SIGKILL)
                killed.append(point)
                break
            time.sleep(0.002)
        process.communicate()
    assert set(killed) >= {"counting", "nearly counted", "scoring", "nearly scored"}

    finish(manage(database, "run_nightly", "--as-of", NIGHT, "--shard-size", "4"))
    for table, columns in {
        "scoring_snapshot": "account_id, as_of, score, band, coverage, components, inputs, points, "
        "predicted_6m_amount",
        "scoring_accounthealth": "account_id, as_of, score, band_name, tone, coverage, top_driver, priority, "
        "predicted_6m_amount, tier",
        "scoring_dailyrollup": "as_of, industry, size_segment, band_name, accounts, arr_amount",
    }.items():
        query = f"SELECT {columns} FROM {table} ORDER BY {columns}"
        assert ask(database, query) == ask(undisturbed, query), table
    assert ask(database, "SELECT COUNT(*) FROM scoring_scorerun") == [(1,)]
    assert "0 differ" in finish(manage(database, "verify_snapshots"))
