"""Nights as everyone reads them: what ran, how far it is and how quick, what it found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from csm.lib import display
from csm.lib.money import per_unit
from scoring.models import ScorecardVersion, ScoreRun, ScoreShard
from scoring.services.nights import OPEN
from scoring.services.populations import frozen_feeds
from scoring.services.versions import published_spec

# Statistics hold whole populations; no page but the account's needs them.
HEAVY: Final = ("statistics", "report")
_TONES = {
    ScoreRun.State.DONE: "good",
    ScoreRun.State.FAILED: "poor",
    ScoreRun.State.CANCELLED: "fair",
}
# What a list may be narrowed to: key → (label, states).
STATES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "open": ("Under way", OPEN),
    "done": ("Done", (ScoreRun.State.DONE,)),
    "failed": ("Failed", (ScoreRun.State.FAILED,)),
    "cancelled": ("Cancelled", (ScoreRun.State.CANCELLED,)),
}


def runs_in(state: str) -> QuerySet[ScoreRun]:
    """Runs, newest first; `state` a key of `STATES`, anything else for all."""
    runs = ScoreRun.objects.defer(*HEAVY).select_related("started_by", "scorecard")
    return runs.filter(state__in=STATES[state][1]) if state in STATES else runs


def plans_of(runs: list[ScoreRun]) -> dict[int, ScorecardVersion]:
    """The versions that the nights scored with, by id; one query."""
    wanted = {pk for run in runs for pk in run.plan}
    return ScorecardVersion.objects.select_related("scorecard").in_bulk(wanted)


def seconds_of(run: ScoreRun, now: datetime) -> float:
    """Seconds a run has been at work, without the time it lay stopped before somebody went on with it."""
    end = run.finished_at or now
    return max(0.0, (end - run.started_at).total_seconds() - run.stages.get("paused", 0.0))


def rate_of(run: ScoreRun) -> float | None:
    """Accounts a second from the start of a finished run to the swap of current health."""
    if run.state != ScoreRun.State.DONE or run.finished_at is None:
        return None
    seconds = seconds_of(run, run.finished_at)
    return run.accounts / seconds if seconds > 0 else None


def listed(run: ScoreRun, plans: dict[int, ScorecardVersion], now: datetime) -> dict[str, Any]:
    """What a row and the head of a night's page show."""
    return {
        "run": run,
        "tone": _TONES.get(ScoreRun.State(run.state), "unknown"),
        "duration": display.duration(seconds_of(run, now)),
        "rate": rate_of(run),
        "versions": [plans[pk] for pk in run.plan if pk in plans],
        "is_open": run.state in OPEN,
        "frozen": frozen_feeds(run.frozen),
    }


@dataclass(frozen=True)
class Progress:
    """How far a run is: pieces of two per shard (counted, then scored), and how quick this stage is."""

    label: str
    done: int
    total: int
    # Accounts.
    rate: float | None
    left: float | None
    workers: int

    @property
    def note(self) -> str:
        """ "about 5,200 accounts/s · about 2 min left", as far as it is known."""
        parts = []
        if self.rate is not None:
            parts.append(f"about {_rounded(self.rate)} accounts/s")
        if self.left is not None:
            parts.append(f"about {display.about(self.left)} left")
        if self.workers:
            parts.append(f"{self.workers} at work")
        return " · ".join(parts)


def _rounded(value: float) -> str:
    """An estimate with two digits that count."""
    if value < 100:
        return f"{value:.0f}"
    digits = len(str(int(value))) - 2
    return f"{round(value, -digits):,.0f}"


def progress(run: ScoreRun, shards: list[ScoreShard], now: datetime) -> Progress:
    """`shards` are all of the run's; the rate is that of the stage under way, over all workers."""
    worth = {ScoreShard.State.WAITING: 0, ScoreShard.State.COUNTED: 1, ScoreShard.State.SCORED: 2}
    pieces = sum(worth[ScoreShard.State(shard.state)] for shard in shards)
    label = {
        ScoreRun.State.COUNTING: "Counting the population",
        ScoreRun.State.SCORING: "Publishing"
        if pieces == 2 * len(shards)
        else "Scoring and storing",
    }.get(ScoreRun.State(run.state), "Pieces done")
    rate = left = None
    # Publishing is one statement or two: nobody knows how far it is.
    if run.state in OPEN and pieces < 2 * len(shards):
        counting = run.state == ScoreRun.State.COUNTING
        over = ScoreShard.State.WAITING if counting else ScoreShard.State.SCORED
        sizes = [(size_of(shard), (shard.state != over) == counting) for shard in shards]
        done = sum(size for size, is_done in sizes if is_done)
        spent = seconds_of(run, now) - run.stages.get("counting", 0.0)
        if done and spent > 0:
            rate = done / spent
            total = sum(size for size, _ in sizes)
            # Scoring takes about as long as counting.
            left = (total - done + (total if counting else 0)) / rate
    at_work = sum(
        1 for shard in shards if shard.lease_until is not None and shard.lease_until > now
    )
    return Progress(label, pieces, 2 * len(shards), rate, left, at_work if run.state in OPEN else 0)


def size_of(shard: ScoreShard) -> int:
    """Accounts in a shard: scored ones, before that those whose ids it spans."""
    return int(shard.report.get("accounts", shard.report.get("expected", 0)))


def stages_of(run: ScoreRun, shards: list[ScoreShard]) -> list[dict[str, Any]]:
    """The run's own stages: {"label", "state": "done" | "now" | "waiting" | "stopped", "seconds"}."""
    publishing = bool(shards) and all(s.state == ScoreShard.State.SCORED for s in shards)
    here = 3 if run.state == ScoreRun.State.DONE else 2 if publishing else 1
    if run.state == ScoreRun.State.COUNTING or (here < 3 and not run.stages.get("counting")):
        here = 0
    words = []
    for place, name in enumerate(("counting", "scoring", "publishing")):
        state = "done" if place < here else "waiting"
        if place == here:
            state = "now" if run.state in OPEN else "stopped"
        words.append(
            {"label": name.capitalize(), "state": state, "seconds": _said(run.stages.get(name))}
        )
    return words


def _said(seconds: float | None) -> str:
    return "" if seconds is None else display.duration(seconds)


def findings(run: ScoreRun, plans: dict[int, ScorecardVersion]) -> list[dict[str, Any]]:
    """Per version: warnings, clipped values by measure, and where the tiers were cut."""
    found = []
    for pk in run.plan:
        report, version = run.report.get(str(pk)), plans.get(pk)
        if report is None or version is None:
            continue
        labels = {measure.key: measure.label for measure in published_spec(pk).measures}
        clipped = {
            labels.get(key, key): count for key, count in report.get("clipped", {}).items() if count
        }
        cuts = report.get("cuts")
        found.append(
            {
                "version": version,
                "warnings": report.get("warnings", []),
                "clipped": sorted(clipped.items(), key=lambda pair: -pair[1]),
                # Quartiles of the predicted revenue, stored in minor units.
                "revised": report.get("revised"),
                "cuts": [display.compact(cut / per_unit()) for cut in cuts] if cuts else None,
            }
        )
    return found
