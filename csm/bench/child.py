"""One task of the bench in a process and a database of its own: `python -m csm.bench.child TASK ARGUMENTS`.

Arguments and result are JSON; the result is the last line on stdout. What a task imports is its own memory.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

# Task → module and function; the function takes the arguments by name and `say`.
TASKS = {
    "migrate": "csm.bench.tasks:migrate",
    "fill": "csm.bench.tasks:fill",
    "night": "csm.bench.tasks:score",
    "compare": "csm.bench.tasks:compare",
    "begin": "csm.bench.workers:begin",
    "worker": "csm.bench.workers:worker",
    "history": "csm.bench.tasks:ninety_nights",
    "lists": "csm.bench.tasks:lists",
    "day": "csm.bench.tasks:by_day",
    "events": "csm.bench.tasks:dated_events",
    "embedded": "csm.bench.tasks:embedded",
    "pages": "csm.bench.tasks:all_pages",
    "triggers": "csm.bench.tasks:all_triggers",
}
ROOT = Path(__file__).resolve().parent.parent.parent


class TaskError(RuntimeError):
    """A task that ended without a result; the text says why as far as it is known."""


def start(task: str, url: str, arguments: dict[str, Any]) -> "subprocess.Popen[str]":
    """The task at work on the database of `url`; its stderr is ours."""
    command = [sys.executable, "-m", "csm.bench.child", task, json.dumps(arguments)]
    return subprocess.Popen(  # noqa: S603 - our own
        command,
        cwd=ROOT,
        env=os.environ
        | {"DATABASE_URL": url, "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "csm.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def result(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Wait for a task's result. Raises TaskError."""
    out, _ = process.communicate()
    lines = out.strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    except ValueError:
        found = {}
    if process.returncode or "failed" in found or not found:
        raise TaskError(found.get("failed") or f"It ended with status {process.returncode}.")
    return found


def run(task: str, url: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Start it and wait. Raises TaskError."""
    process = start(task, url, arguments)
    try:
        return result(process)
    finally:
        if process.poll() is None:  # we are asked to stop
            process.kill()
            process.wait()


def peak_rss_mb() -> float:
    """Most memory this process ever held, in MB."""
    # Not ru_maxrss: that one starts with what the parent held when it forked.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _function(task: str) -> Callable[..., dict[str, Any]]:
    module, name = TASKS[task].split(":")
    found: Callable[..., dict[str, Any]] = getattr(importlib.import_module(module), name)
    return found


def main(argv: list[str]) -> int:
    import django  # the settings are read here, in the child

    task, arguments = argv[0], json.loads(argv[1])
    out: IO[str] = sys.stdout
    sys.stdout = sys.stderr
    django.setup()
    started = time.perf_counter()

    def say(text: str) -> None:
        sys.stderr.write(f"[{task} {time.perf_counter() - started:6.1f} s] {text}\n")
        sys.stderr.flush()

    try:
        found = _function(task)(**arguments, say=say)
    except Exception as error:
        say(f"{type(error).__name__}: {error}")
        if os.environ.get("CSM_BENCH_TRACE"):
            raise
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=out)
        return 1
    print(json.dumps(found), file=out, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
