"""What was agreed in the success plan, and how far it is."""

import numpy as np
import pandas as pd

from accounts.models import Goal, GoalKind, GoalProgress
from csm.demo.facts.ledger import SUCCESS, Ledger
from csm.demo.facts.table import next_id, store
from csm.demo.facts.world import World, grade

# kind, title, unit, days from agreement to due, baseline, target
_PLAN = (
    (GoalKind.MILESTONE, "First value reached", "", 30, None, None),
    (GoalKind.MILESTONE, "Onboarding completed", "", 60, None, None),
    (GoalKind.MILESTONE, "Second department live", "", 150, None, None),
    (GoalKind.GOAL, "Reports built without help", "%", 90, 10.0, 80.0),
    (GoalKind.GOAL, "Manual work replaced", "hours", 270, 0.0, 400.0),
    (GoalKind.KPI, "Time to close the books", "days", 240, 12.0, 6.0),
    (GoalKind.KPI, "Orders handled per person", "orders", 240, 100.0, 140.0),
    (GoalKind.ROI, "Return on the subscription", "%", 360, 0.0, 150.0),
)
_OLDEST = 330


def write(ledger: Ledger) -> None:
    world = ledger.world
    rng = world.rng(15)
    rows = np.flatnonzero(world.fed & (world.since > 3))
    goals = _goals(world, rng, rows)
    row, code = goals["row"].to_numpy(), goals["code"].to_numpy()
    ids = next_id(Goal) + np.arange(len(goals))

    def each(place: int) -> np.ndarray:
        return np.array([entry[place] for entry in _PLAN], dtype=object)[code]

    baseline, target = (each(place).astype(float) for place in (4, 5))
    store(
        Goal,
        {
            "id": ids,
            **ledger.facts(SUCCESS, "goals", row, "GOAL"),
            "kind": np.array([entry[0].value for entry in _PLAN], dtype=object)[code],
            "title": each(1),
            "unit": each(2),
            "agreed_on": world.on(goals["agreed"].to_numpy()),
            "due_on": world.on(goals["due"].to_numpy()),
            "achieved_on": world.on(goals["achieved"].to_numpy()),
            "baseline": baseline,
            "target": target,
        },
    )
    told = _progress(world, rng, goals, baseline, target)
    at = told["goal"].to_numpy()
    store(
        GoalProgress,
        {
            "account": ledger.ids[row[at]],
            "goal": ids[at],
            "on": world.on(told["ago"].to_numpy()),
            "actual": told["actual"].to_numpy().round(2),
            "import_run": ledger.run(SUCCESS, "goals"),
        },
    )


def _goals(world: World, rng: np.random.Generator, rows: np.ndarray) -> pd.DataFrame:
    """row, code of `_PLAN`, agreed, due and achieved in days ago (achieved NaN: not yet)."""
    row = np.repeat(rows, len(_PLAN))
    code = np.tile(np.arange(len(_PLAN)), len(rows))
    began = np.minimum(world.since[rows], 180 + rng.integers(0, _OLDEST - 180, len(rows)))
    agreed = np.repeat(began, len(_PLAN))
    length = np.array([entry[3] for entry in _PLAN])[code]
    due = agreed - np.round(length * rng.uniform(0.8, 1.1, len(row))).astype(int)
    seen = np.maximum(np.maximum(due, 0), world.churned[row])
    health = np.clip(world.health(row, seen) + 0.05 * rng.standard_normal(len(row)), 0, 1)
    milestone = code < 3
    well = grade(health, [0.25, 0.55, 0.75, 0.93, 0.99])
    well = np.where(milestone, well, grade(health, [0.08, 0.3, 0.58, 0.84, 0.97]))
    early = np.minimum(due + rng.integers(0, 15, len(row)), agreed)
    late = due - rng.integers(3, 40, len(row))
    draw = rng.random((2, len(row)))
    achieved = np.where(draw[0] < well, early, np.where(draw[1] < 0.4, late, np.nan))
    # Returns and indicators are read off their figures.
    achieved[(achieved < 0) | (code >= 5)] = np.nan
    achieved[achieved <= world.churned[row]] = np.nan
    return pd.DataFrame(
        {"row": row, "code": code, "agreed": agreed, "due": due, "achieved": achieved}
    )


def _progress(
    world: World,
    rng: np.random.Generator,
    goals: pd.DataFrame,
    baseline: np.ndarray,
    target: np.ndarray,
) -> pd.DataFrame:
    """goal (place in `goals`), ago, actual: now and then, newest within the last weeks."""
    row, agreed = goals["row"].to_numpy(), goals["agreed"].to_numpy()
    number = np.flatnonzero(goals["code"].to_numpy() >= 3)
    kept = rng.random(len(goals)) < grade(
        world.health(row, np.zeros(len(row))), [0.25, 0.5, 0.8, 0.95, 1]
    )
    parts = []
    for turn, ago in enumerate((12, 74, 136)):
        day = np.maximum(world.churned[row[number]], 0) + ago + row[number] % 14
        health = world.health(row[number], day) + 0.06 * rng.standard_normal(len(number))
        returns = goals["code"].to_numpy()[number] == len(_PLAN) - 1
        reached = np.where(
            returns,
            grade(health, [0.15, 0.36, 0.9, 1.9, 3.2])
            * np.exp(0.1 * rng.standard_normal(len(number))),
            grade(health, [-0.25, 0.02, 0.45, 0.9, 1.15]) + 0.12 * rng.standard_normal(len(number)),
        )
        actual = baseline[number] + reached * (target - baseline)[number]
        # Who does not look after their plan has no current figure, only old ones.
        there = (day < agreed[number]) & (kept[number] | (turn == 2) | returns)
        parts.append(
            pd.DataFrame({"goal": number, "ago": day, "actual": np.maximum(actual, 0)})[there]
        )
    return pd.concat(parts, ignore_index=True)
