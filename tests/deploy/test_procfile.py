"""Without systemd or containers: what ends by itself is started again, what is stopped stays so."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEEP = ROOT / "deploy" / "keep.sh"
# Notes that it began, and that it was asked to stop: one that ends by itself the first time.
CHILD = """
trap 'echo asked >> {notes}; exit 0' TERM
echo begun >> {notes}
[ "$(grep -c begun {notes})" = 1 ] && exit 3
while :; do sleep 0.1; done
"""


def test_every_line_is_kept_running():
    """honcho ends all of them when one ends."""
    lines = (ROOT / "deploy" / "Procfile").read_text("utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    assert set(commands) == {"web", "day", "worker", "beat"}
    assert all(each.startswith("deploy/keep.sh .venv/bin/") for each in commands.values())
    assert os.access(KEEP, os.X_OK)


def test_what_ends_is_started_again_and_a_stop_is_passed_on(tmp_path):
    notes = tmp_path / "notes"
    notes.touch()
    kept = subprocess.Popen(
        [KEEP, "sh", "-c", CHILD.format(notes=notes)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 30
        while notes.read_text().count("begun") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert notes.read_text().split() == ["begun", "begun"]
        assert kept.poll() is None
        os.killpg(kept.pid, signal.SIGTERM)
        _, said = kept.communicate(timeout=10)
    finally:
        with suppress(ProcessLookupError):  # all of them have ended
            os.killpg(kept.pid, signal.SIGKILL)
    assert notes.read_text().split() == ["begun", "begun", "asked"]
    assert said.count("Ended with status 3, started again in 2 s: sh -c") == 1
