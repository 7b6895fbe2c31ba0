"""The demo book as plain data: companies and what was reported of them. No database here."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from accounts.models import LifecycleStage
from csm.demo.companies import companies
from csm.demo.facts.deals import settle
from csm.demo.facts.touches import Touches, touches
from csm.demo.facts.world import World, build
from csm.demo.histories import Readings, histories
from csm.demo.plan import Plan

__all__ = ["LABEL", "SOURCE", "Book", "Plan", "generate"]

SOURCE = "demo"
LABEL = "generated demo book"


@dataclass(frozen=True)
class Book:
    """`companies` as in `csm.demo.companies` plus lifecycle_stage and last_touch_on."""

    plan: Plan
    companies: pd.DataFrame
    readings: Readings
    world: World
    touches: Touches
    # What the CSM thinks of the renewal, by reading; None where nobody said.
    likelihood: np.ndarray


def generate(plan: Plan) -> Book:
    """The whole book in memory; about 1 s for 10,000 accounts and 180 days."""
    frame = companies(plan.accounts, plan.days, plan.seed, plan.as_of)
    world = build(plan, frame, histories(frame, plan.days, plan.seed, plan.as_of))
    # Facts first: since the systems were connected, the weekly readings count what they hold.
    touched = touches(world)
    settle(world)
    readings = world.grid.readings(plan.as_of)
    frame["last_touch_on"] = pd.Series(_last_touch(len(frame), readings), dtype=object)
    chance = np.random.default_rng([plan.seed, 21]).random(len(frame))
    rows: Iterable[Any] = frame.itertuples()
    stages = [
        _stage(row.customer_since, row.churned_on, row.renewal_on, plan.as_of)
        if draw >= 0.01
        else ""
        for row, draw in zip(rows, chance, strict=True)
    ]
    frame["lifecycle_stage"] = stages
    return Book(plan, frame, readings, world, touched, _likelihood(world, readings))


def _likelihood(world: World, readings: Readings) -> np.ndarray:
    """Recorded since the systems were connected, for nearly every account they know."""
    rng = world.rng(20)
    rows, ago = readings.account, (world.as_of - readings.on).astype(int)
    health = world.health(rows, ago) + 0.05 * rng.standard_normal(world.size)[rows]
    words = np.array(["Unlikely", "Unsure", "Likely", "Very likely"], dtype=object)
    found = words[np.searchsorted([0.34, 0.52, 0.8], health)]
    asked = world.fed & (rng.random(world.size) < 0.96)
    found[~(asked[rows] & (ago <= world.plan.connected + 7))] = None
    return found


def _last_touch(n: int, readings: Readings) -> list[dt.date | None]:
    """The last activity the newest reading tells of; None where nothing was ever reported."""
    found: list[dt.date | None] = [None] * n
    if not len(readings.account):
        return found
    newest = np.flatnonzero(np.diff(readings.account, append=n))
    newest = newest[~np.isnan(readings.metrics["days_since_last_activity"][newest])]
    days = readings.metrics["days_since_last_activity"][newest].astype("timedelta64[D]")
    for row, day in zip(readings.account[newest], readings.on[newest] - days, strict=True):
        found[row] = day.item()
    return found


def _stage(
    since: dt.date, churned: dt.date | None, renewal: dt.date | None, as_of: dt.date
) -> LifecycleStage:
    if churned is not None:
        return LifecycleStage.CHURNED
    age = (as_of - since).days
    if age < 90:
        return LifecycleStage.ONBOARDING
    if renewal is not None and (renewal - as_of).days <= 90:
        return LifecycleStage.RENEWAL
    return LifecycleStage.ADOPTION if age < 300 else LifecycleStage.GROWTH
