"""Deals: what was won, what is open, and how it moved. Amounts of the readings are in major units."""

from typing import Any

import numpy as np
import pandas as pd

from accounts.models import DealKind, DealStatus, Opportunity, OpportunityState
from csm.demo.facts.ledger import CRM, Ledger
from csm.demo.facts.table import next_id, store
from csm.demo.facts.world import World, grade
from csm.demo.histories import days_ago
from csm.lib.money import per_unit

_STAGES = np.array(["Discovery", "Proposal", "Negotiation", "Won", "Lost"], dtype=object)
_WON, _LOST = 3, 4


def settle(world: World) -> None:
    """Since the systems were connected, open pipeline moves in some weeks only, as deals do.

    Changes the weekly figures in place, so that they are what the deals written later add up to.
    """
    grid = world.grid
    rng = world.rng(5)
    pipeline, won = grid.whole["current_pipeline_amount"], grid.whole["total_won_amount"]
    first = _first_week(world)
    floor = _second(world)
    moves = rng.random(pipeline.shape) < 0.4
    for week in range(1, pipeline.shape[1]):
        # Nor do deals move of which the export has ceased to tell.
        settled = world.dealt & ((first < week) | ~world.fed)
        moved = moves[:, week] & (pipeline[:, week] > 0) & (world.fed | grid.told[:, week])
        kept = np.where(moved, np.maximum(pipeline[:, week], floor), pipeline[:, week - 1])
        pipeline[settled, week] = kept[settled]
        ended = (world.story == "stale") & ~grid.told[:, week]
        won[ended, week] = won[ended, week - 1]
    told = grid.metrics["current_pipeline_amount"]
    told[...] = np.where(np.isnan(told), np.nan, pipeline)


def _first_week(world: World) -> np.ndarray:
    """The place of the first weekly reading since the systems were connected."""
    return np.argmax(world.grid.ago <= world.plan.connected + 7, axis=1)


def _second(world: World) -> np.ndarray:
    """The amount of the second open deal, which never moves; 0 for accounts with one."""
    rng = world.rng(6)
    pipeline = world.grid.whole["current_pipeline_amount"]
    then = pipeline[np.arange(world.size), _first_week(world)]
    return np.where(rng.random(world.size) < 0.5, np.round(0.35 * then, -2), 0.0)


def write(ledger: Ledger) -> None:
    world = ledger.world
    rng = world.rng(7)
    parts = [*_won(world, rng), *_open(world, rng), _lost(world, rng)]
    deals = pd.concat(parts, ignore_index=True)
    deals = deals[deals["opened"] <= world.since[deals["row"]]]
    deals = deals[deals["opened"] > world.churned[deals["row"]]].reset_index(drop=True)
    states = _states(world, deals)
    last = states.drop_duplicates("deal", keep="last").set_index("deal").sort_index()
    row = deals["row"].to_numpy()
    first = next_id(Opportunity)
    ids = first + np.arange(len(deals))
    status = last["status"].to_numpy()
    health = world.health(row, np.zeros(len(row)))
    chance = np.where(status == "won", 1.0, np.where(status == "lost", 0.0, 0.0))
    open_ = status == "open"
    chance = np.where(open_, grade(health, [0.1, 0.3, 0.5, 0.75, 0.9]).round(2), chance)
    kind = deals["kind"].to_numpy()
    columns: dict[str, Any] = ledger.facts(CRM, "opportunities", row, "OPP")
    store(
        Opportunity,
        {
            "id": ids,
            **columns,
            "name": [f"{word.capitalize()} deal" for word in kind],
            "kind": kind,
            "stage": _STAGES[last["stage"].to_numpy()],
            "status": status,
            "amount": last["amount"].to_numpy() * per_unit(),
            "probability": chance,
            "opened_on": world.on(deals["opened"].to_numpy()),
            "expected_close_on": world.on(
                np.where(open_, -rng.integers(5, 120, len(row)), np.nan_to_num(deals["closed"]))
            ),
            "closed_on": world.on(np.where(open_, np.nan, last["ago"].to_numpy())),
        },
    )
    at = states["deal"].to_numpy()
    store(
        OpportunityState,
        {
            "account": ledger.ids[row[at]],
            "opportunity": ids[at],
            "valid_from": world.on(states["ago"].to_numpy()),
            "valid_to": world.on(states["until"].to_numpy()),
            "stage": _STAGES[states["stage"].to_numpy()],
            "status": states["status"].to_numpy(),
            "kind": kind[at],
            "amount": states["amount"].to_numpy() * per_unit(),
        },
    )


def _deals(**columns: Any) -> pd.DataFrame:
    """row, kind, opened and closed (days ago, NaN open), amount, won; `first` marks the moving deal."""
    return pd.DataFrame({"closed": np.nan, "won": False, "moves": False, **columns})


def _won(world: World, rng: np.random.Generator) -> list[pd.DataFrame]:
    """What was won before the systems were connected in one to three deals, then each week's own."""
    won = world.grid.whole["total_won_amount"]
    week0 = _first_week(world)
    rows = np.flatnonzero(world.dealt)
    before = won[rows, week0[rows]]
    rows, before = rows[before > 0], before[before > 0]
    since, oldest = world.since[rows], np.minimum(world.plan.connected + 14, world.since[rows])
    more = (since > oldest + 60) & (rng.random(len(rows)) < 0.6)
    share = np.where(more, 0.3 + 0.4 * rng.random(len(rows)), 1.0)
    opening = np.round(before * share, -2)
    later = oldest + (rng.random(len(rows)) * (since - oldest)).astype(int)
    started = np.where(more, since, np.minimum(since, np.maximum(since, oldest)))
    base = _deals(
        row=rows, kind=DealKind.NEW.value, opened=started, closed=started, amount=opening, won=True
    )
    rest = _deals(
        row=rows[more],
        kind=np.where(
            rng.random(more.sum()) < 0.5, DealKind.RENEWAL.value, DealKind.EXPANSION.value
        ),
        opened=later[more],
        closed=later[more],
        amount=(before - opening)[more],
        won=True,
    )
    weeks = np.arange(1, won.shape[1])
    gain = np.diff(won, axis=1) * (weeks[None, :] > week0[:, None]) * world.dealt[:, None]
    row, week = np.nonzero(gain > 0)
    ago = world.grid.ago[row, week + 1] + rng.integers(0, 7, len(row))
    keep = world.alive(row, ago)
    row, week, ago = row[keep], week[keep], ago[keep]
    closed = _deals(
        row=row,
        kind=DealKind.EXPANSION.value,
        opened=ago,
        closed=ago,
        amount=gain[row, week],
        won=True,
    )
    return [base, rest, closed]


def _open(world: World, rng: np.random.Generator) -> list[pd.DataFrame]:
    rows = np.flatnonzero(world.dealt)
    week0 = _first_week(world)[rows]
    pipeline = world.grid.whole["current_pipeline_amount"][rows]
    second = np.minimum(_second(world)[rows], pipeline[np.arange(len(rows)), week0])
    # A deal that begins with the first week that has any.
    later = np.cumsum(pipeline > 0, axis=1) > 0
    later &= np.arange(pipeline.shape[1])[None, :] >= week0[:, None]
    later &= world.grid.ago[rows] <= world.since[rows][:, None]
    begin = np.where(later.any(axis=1), np.argmax(later & (pipeline > 0), axis=1), week0)
    ago = world.grid.ago[rows, begin]
    early = np.minimum(world.since[rows], world.plan.connected + rng.integers(20, 110, len(rows)))
    opened = np.where(begin == week0, np.maximum(early, np.minimum(ago, world.since[rows])), ago)
    end = np.where(world.churned[rows] >= 0, world.churned[rows], np.nan).astype(float)
    some = pipeline.max(axis=1) > 0
    due = days_ago(world.companies["renewal_on"], world.plan.as_of)[rows]
    named = np.array([day is not None for day in world.companies["renewal_on"]])[rows]
    near = named & (due > -150) & (due <= 0)
    main = _deals(
        row=rows, kind=DealKind.EXPANSION.value, opened=opened, closed=end, amount=0.0, moves=True
    )[some]
    two = _deals(
        row=rows,
        kind=np.where(near, DealKind.RENEWAL.value, DealKind.EXPANSION.value),
        opened=np.minimum(
            world.since[rows], world.plan.connected + rng.integers(15, 90, len(rows))
        ),
        closed=end,
        amount=second,
    )[second > 0]
    return [main, two]


def _lost(world: World, rng: np.random.Generator) -> pd.DataFrame:
    rows = np.flatnonzero(world.dealt & (rng.random(world.size) < 0.25))
    closed = rng.integers(5, 150, len(rows))
    amount = np.nan_to_num(world.companies["arr"].to_numpy(dtype=float)[rows], nan=15_000)
    found = _deals(
        row=rows,
        kind=DealKind.EXPANSION.value,
        opened=closed,
        closed=closed,
        amount=np.round(amount * rng.uniform(0.05, 0.3, len(rows)), -2),
    )
    return found[world.alive(rows, closed)]


def _states(world: World, deals: pd.DataFrame) -> pd.DataFrame:
    """States by deal and oldest first: deal, ago, until, stage, status, amount (major units)."""
    number = np.arange(len(deals))
    row = deals["row"].to_numpy()
    opened, closed = deals["opened"].to_numpy(), deals["closed"].to_numpy(dtype=float)
    won = deals["won"].to_numpy(dtype=bool)
    moves = deals["moves"].to_numpy(dtype=bool)
    amount = deals["amount"].to_numpy(dtype=float)
    pipeline = world.grid.whole["current_pipeline_amount"]
    second = np.zeros(world.size)
    still = ~moves & ~won & (np.isnan(closed) | (closed == world.churned[row]))
    second[row[still]] = amount[still]
    week0 = _first_week(world)
    weeks = np.clip((world.grid.ago[row, 0] - opened) // 7, 0, pipeline.shape[1] - 1)
    weeks = np.maximum(weeks, week0[row])
    start = np.where(moves, pipeline[row, weeks] - second[row], amount)
    ended = closed == opened
    first = pd.DataFrame(
        {
            "deal": number,
            "ago": opened,
            "stage": np.where(ended, np.where(won, _WON, _LOST), 0),
            "status": np.where(ended, np.where(won, "won", "lost"), "open").astype(object),
            "amount": start,
        }
    )
    at = np.full(world.size, -1)
    at[row[moves]] = number[moves]
    change = np.zeros(pipeline.shape, dtype=bool)
    change[:, 1:] = np.diff(pipeline, axis=1) != 0
    change &= (np.arange(pipeline.shape[1])[None, :] > week0[:, None]) & (at >= 0)[:, None]
    account, week = np.nonzero(change)
    ago = world.grid.ago[account, week]
    keep = world.alive(account, ago) & (ago < opened[at[account]])
    account, week, ago = account[keep], week[keep], ago[keep]
    moved = pd.DataFrame(
        {
            "deal": at[account],
            "ago": ago,
            "stage": np.minimum((opened[at[account]] - ago) // 35, 2),
            "status": DealStatus.OPEN.value,
            "amount": pipeline[account, week] - second[account],
        }
    )
    gone = ~np.isnan(closed) & ~ended
    finished = pd.DataFrame(
        {
            "deal": number[gone],
            "ago": closed[gone].astype(int),
            "stage": _LOST,
            "status": DealStatus.LOST.value,
            "amount": np.nan,
        }
    )
    frame = pd.concat([first, moved, finished], ignore_index=True)
    frame = frame.sort_values(["deal", "ago"], ascending=[True, False], kind="stable")
    frame = frame.drop_duplicates(["deal", "ago"], keep="last")
    frame["amount"] = frame.groupby("deal")["amount"].ffill()
    return frame.assign(until=frame.groupby("deal")["ago"].shift(-1))
