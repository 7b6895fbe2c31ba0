"""A disk without room, for uploads and for reports."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.cluster import Database
from tests.faults.forms import upload
from tests.faults.processes import ROOT, python
from tests.faults.workbench import Workbench

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: that takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def files(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("setting", "lines"),
    # Over 2.5 MB it waits in a temporary file while it comes in.
    [("FILES_DIR", 40_000), ("TMPDIR", 130_000)],
    ids=["kept", "coming in"],
)
def test_an_upload_without_room(
    workbench: Workbench, database: Database, small_disk: Path, setting: str, lines: int
) -> None:
    workbench.environment[setting] = str(small_disk)
    workbench.web()
    client = workbench.client()
    before = database.one("SELECT count(*) FROM accounts_importrun")
    content = b"account_id,account_name\n" + b"A1,A name of some length\n" * lines
    sent = upload(client, "large.csv", content, as_of=workbench.today)
    assert sent.status_code in (422, 507), f"{sent.status_code} {sent.text[-800:]}"
    assert "room" in sent.text
    # Nothing half written is kept or offered, and there is room again for what fits.
    assert database.one("SELECT count(*) FROM accounts_importrun") == before
    assert files(small_disk) == []
    assert "large.csv" not in workbench.page("/imports/")
    small = upload(client, "small.csv", content[:20_000] + b"\n", as_of=workbench.today)
    assert small.status_code == 302
    workbench.page("/portfolio/")


def test_a_report_without_room(workbench: Workbench, small_disk: Path) -> None:
    out = small_disk / "report"
    done = subprocess.run(
        python("manage.py", "export_report", "--out", str(out)),
        cwd=ROOT,
        env=workbench.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert "room" in done.stderr.lower(), done.stderr[-2000:]
    # No file with half a table in it, under the name of a whole one.
    assert not os.path.exists(out) or files(out) == []
