"""T4, T6 and T8: nights by workers in processes of their own, as Celery would run them.

Each worker is started and warmed before the clock runs; then all are told the same run and work on it until
nothing is left. One worker, two workers and one worker on the small book take turns.
"""

import datetime as dt
import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from csm.bench import child
from csm.bench.night import spread

Say = Callable[[str], None]

# The first day after those `night` times, and from one night to the next.
FIRST, STEP = 65, 1


def worker(say: Say) -> dict[str, Any]:
    """Work on the runs named on stdin, one id a line; answers each, and ends with the most memory it held."""
    from scoring.models import ScoreRun
    from scoring.services import nights

    done = 0
    print(json.dumps({"ready": True}), file=sys.__stdout__, flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        run = nights.work(ScoreRun.objects.get(pk=int(line)))
        done += 1
        answer = {"state": run.state, "error": run.error, "seconds": time.perf_counter() - started}
        print(json.dumps(answer), file=sys.__stdout__, flush=True)
    return {"runs": done, "peak_rss_mb": child.peak_rss_mb()}


def begin(on: str, say: Say) -> dict[str, Any]:
    """The row of a night, for workers."""
    from csm.nightly import start_night

    return {"run": start_night(dt.date.fromisoformat(on), judge=False).pk}


class Crew:
    """`size` workers on one database; as a context it leaves none behind."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.processes = [child.start("worker", url, {}) for _ in range(size)]
        for process in self.processes:
            self._answer(process)

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def night(self, on: dt.date) -> float:
        """Seconds from the moment all are told until the last is done. Raises TaskError."""
        run = child.run("begin", self.url, {"on": on.isoformat()})["run"]
        started = time.perf_counter()
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(f"{run}\n")
            process.stdin.flush()
        for process in self.processes:
            answer = self._answer(process)
            if answer.get("state") != "done":
                raise child.TaskError(f"The night of {on} is {answer}.")
        return time.perf_counter() - started

    def leave(self) -> list[float]:
        """Let them go; the most memory each held, in MB."""
        return [child.result(process)["peak_rss_mb"] for process in self.processes]

    def _answer(self, process: Any) -> dict[str, Any]:
        line = process.stdout.readline()
        if not line:
            raise child.TaskError("A worker of the bench ended early.")
        found: dict[str, Any] = json.loads(line)
        return found


def measure(
    *, big: str, small: str | None, only: set[str], newest: dt.date, rounds: int, say: Say
) -> dict[str, Any]:
    """T4, T6, T8 over the databases `big` and `small` (URLs). Raises TaskError."""
    sizes = {"one": (big, 1)}
    if "T6" in only:
        sizes["two"] = (big, 2)
    if "T8" in only and small:
        sizes["small"] = (small, 1)
    with ExitStack() as stack:
        crews = {name: stack.enter_context(Crew(*size)) for name, size in sizes.items()}
        taken, memory = _nights(crews, newest, rounds, say)
    return _results(taken, memory, only)


def _nights(
    crews: dict[str, "Crew"], newest: dt.date, rounds: int, say: Say
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of the timed nights and the most memory of each process, by crew."""
    taken: dict[str, list[float]] = {name: [] for name in crews}
    day = FIRST
    for number in range(rounds + 1):
        for name, crew in crews.items():
            seconds = crew.night(newest - dt.timedelta(days=120 - day))
            day += STEP
            say(f"Round {number} of {rounds}, {name}: {seconds:.2f} s")
            if number:
                taken[name].append(seconds)
    return taken, {name: crew.leave() for name, crew in crews.items()}


def _results(
    taken: dict[str, list[float]], memory: dict[str, list[float]], only: set[str]
) -> dict[str, Any]:
    seconds_of = {name: [round(each, 3) for each in values] for name, values in taken.items()}
    found: dict[str, Any] = {}
    if "T4" in only:
        most = max(most for name in ("one", "two") for most in memory.get(name, ()))
        found["T4"] = {"median": most, "processes": memory}
    for key, other in (("T6", "two"), ("T8", "small")):
        if key in only and other in taken:
            ratios = [one / them for one, them in zip(taken["one"], taken[other], strict=True)]
            found[key] = spread(ratios) | {"seconds": seconds_of}
    return found
