"""A night by several processes of this machine, for those who have no Celery."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scoring.models import ScoreRun

_ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def others(run: ScoreRun, count: int) -> Iterator[None]:
    """`count` further processes at work on `run` while the block runs; they end with it, or with the run.

    Whoever is killed, the others take its shards over. On SQLite they take turns, as it has one writer.
    """
    command = [sys.executable, str(_ROOT / "manage.py"), "run_nightly", "--join", str(run.pk)]
    processes = [subprocess.Popen(command) for _ in range(count)]  # noqa: S603 - our own command
    try:
        yield
    finally:
        for process in processes:
            try:
                # The run is over: they see it at their next piece.
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait(30)
