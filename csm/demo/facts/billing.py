"""Contracts and their changes, invoices and payments. ARR of the companies is in major units."""

from typing import Any

import numpy as np
import pandas as pd

from accounts.models import ChangeKind, Invoice, Payment, Subscription, SubscriptionEvent
from csm.demo.companies import add_years
from csm.demo.facts.ledger import BILLING, Ledger
from csm.demo.facts.table import next_id, store
from csm.demo.facts.usage import use
from csm.demo.facts.words import CHURN_REASONS, PRODUCTS
from csm.demo.facts.world import World, grade
from csm.demo.histories import days_ago
from csm.lib.money import per_unit

_QUARTER = 92
_INVOICES = 5
_TERM = 30
_LARGEST = 200_000


def write_subscriptions(ledger: Ledger) -> None:
    """One to three products per account whose ARR adds up to the account's."""
    world = ledger.world
    rng = world.rng(13)
    rows = np.flatnonzero((world.story != "silent") & (world.since > 0))
    count = 1 + (rng.random(len(rows)) < 0.45) + (rng.random(len(rows)) < 0.15)
    row = np.repeat(rows, count)
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    arr = np.round(world.companies["arr"].to_numpy(dtype=float)[row] * per_unit())
    seats = np.maximum(np.round(use(world).seats[row] * np.where(place == 0, 1, 0.4)), 1)
    share = np.where(place == 0, 1 - 0.2 * (np.repeat(count, count) - 1), 0.2)
    amount = np.floor(arr * share)
    # The main product takes what rounding leaves.
    rest = arr[place == 0] - np.add.reduceat(amount, np.flatnonzero(place == 0))
    amount[place == 0] += rest
    left = world.churned[row]
    reason = np.array(CHURN_REASONS, dtype=object)[
        rng.integers(0, len(CHURN_REASONS), world.size)[row]
    ]
    began = np.where(place == 0, world.since[row], (world.since[row] * 0.7).astype(int))
    began = np.where(began > left + 5, began, world.since[row])
    ends = days_ago(world.companies["renewal_on"], world.plan.as_of)[row].astype(float)
    named = np.array([day is not None for day in world.companies["renewal_on"]])[row]
    ids = next_id(Subscription) + np.arange(len(row))
    gone = left >= 0
    store(
        Subscription,
        {
            "id": ids,
            **ledger.facts(BILLING, "subscriptions", row, "SUB"),
            "product": np.array(PRODUCTS, dtype=object)[place],
            "seats": seats,
            "arr_amount": amount,
            "started_on": world.on(began),
            "ends_on": world.on(np.where(named, ends, np.nan)),
            "ended_on": world.on(np.where(gone, left, np.nan)),
            "end_reason": np.where(gone, reason, ""),
        },
    )
    events = _events(world, rng, row, place, began, amount, seats, reason)
    at = events["at"].to_numpy()
    store(
        SubscriptionEvent,
        {
            **ledger.facts(BILLING, "subscription_events", row[at], "CHG"),
            "subscription": ids[at],
            "kind": events["kind"].to_numpy(dtype=object),
            "on": world.on(events["ago"].to_numpy()),
            "arr_amount": events["amount"].to_numpy(),
            "arr_change": events["change"].to_numpy(),
            "seats": events["seats"].to_numpy(),
            "reason": events["reason"].to_numpy(dtype=object),
        },
    )


def _events(
    world: World,
    rng: np.random.Generator,
    row: np.ndarray,
    place: np.ndarray,
    began: np.ndarray,
    amount: np.ndarray,
    seats: np.ndarray,
    reason: np.ndarray,
) -> pd.DataFrame:
    """Columns at (place of the subscription), kind, ago, amount after, change, seats, reason."""
    n = len(row)
    story = world.story[row]
    everything = np.arange(n)
    mean = np.select(
        [story == "growing", np.isin(story, ["declining", "churned"])], [0.22, -0.12], 0.03
    )
    growth = np.clip(mean + 0.06 * rng.standard_normal(n), -0.4, 0.6)
    when = 20 + rng.integers(0, 300, n)
    changes = (
        (place == 0) & (np.abs(growth) > 0.02) & (when < began - 20) & (when > world.churned[row])
    )
    before = np.where(changes, np.round(amount / (1 + growth)), amount)
    parts = [
        _part(everything, ChangeKind.NEW, began, before, before, seats, ""),
        _part(
            everything[changes],
            np.where(growth[changes] > 0, ChangeKind.UPSELL.value, ChangeKind.DOWNSELL.value),
            when[changes],
            amount[changes],
            (amount - before)[changes],
            seats[changes],
            np.where(growth[changes] > 0, "More seats", "Fewer seats"),
        ),
    ]
    renewed = _renewed(world)[row]
    fits = (
        ~np.isnan(renewed) & (renewed < began - 1) & (renewed > world.churned[row]) & (renewed >= 0)
    )
    then = np.where(changes & (renewed > when), before, amount)
    parts.append(
        _part(everything[fits], ChangeKind.RENEWAL, renewed[fits], then[fits], 0, seats[fits], "")
    )
    gone = world.churned[row] >= 0
    parts.append(
        _part(
            everything[gone],
            ChangeKind.CHURN,
            world.churned[row][gone],
            0,
            -amount[gone],
            0,
            reason[gone],
        )
    )
    frame = pd.concat(parts, ignore_index=True)
    return frame.sort_values(["at", "ago"], ascending=[True, False], kind="stable")


def _part(
    at: np.ndarray, kind: Any, ago: Any, amount: Any, change: Any, seats: Any, reason: Any
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at": at,
            "kind": kind.value if isinstance(kind, ChangeKind) else kind,
            "ago": np.asarray(ago, dtype=float),
            "amount": amount,
            "change": change,
            "seats": seats,
            "reason": reason,
        }
    )


def _renewed(world: World) -> np.ndarray:
    """Days ago of the last renewal, a year before the next; NaN where that is not known."""
    found = np.full(world.size, np.nan)
    for at, day in enumerate(world.companies["renewal_on"]):
        if day is not None:
            found[at] = (world.plan.as_of - add_years(day, -1)).days
    return found


def _firsts(world: World) -> np.ndarray:
    """Days ago of the first days of the months up to as_of, newest first."""
    month = world.as_of.astype("datetime64[M]")
    months = month - np.arange(3 * _INVOICES).astype("timedelta64[M]")
    return (world.as_of - months.astype("datetime64[D]")).astype(int)


def write_invoices(ledger: Ledger) -> None:
    """An invoice a quarter, paid late or not at all where things go badly, and the money that came in."""
    world = ledger.world
    rng = world.rng(14)
    rows = np.flatnonzero((world.story != "silent") & (world.since > 0))
    # Billing runs on the first of a month, for a third of the book each.
    turn = rng.integers(0, 3, len(rows))
    firsts = _firsts(world)
    issued = firsts[turn[:, None] + 3 * np.arange(_INVOICES)[None, :]].ravel()
    account = np.repeat(rows, _INVOICES)
    # New customers get their first one with the contract.
    fresh = rows[world.since[rows] < _QUARTER]
    account, issued = np.r_[account, fresh], np.r_[issued, world.since[fresh]]
    keep = world.alive(account, issued)
    order = np.lexsort((-issued[keep], account[keep]))
    account, issued = account[keep][order], issued[keep][order]
    n = len(account)
    health = world.health(account, np.maximum(issued - _TERM, 0))
    late = rng.random(n) < 1 - grade(health, [0.55, 0.74, 0.88, 0.97, 0.995])
    due = issued - _TERM
    paid = due + rng.integers(0, 22, n)
    paid = np.where(late, due - rng.integers(2, 50, n), paid)
    paid = np.where(paid >= 0, np.minimum(paid, issued), np.nan).astype(float)
    # What an account that left still owed is owed.
    owed = (world.churned[account] >= 0) & (due < world.churned[account]) & (rng.random(n) < 0.3)
    paid[owed] = np.nan
    arr = np.round(world.companies["arr"].to_numpy(dtype=float)[account] * per_unit())
    # Beyond that, a year is paid in instalments.
    amount = np.floor(np.where(np.isnan(arr), 15_000 * per_unit(), arr) / 4)
    amount = np.minimum(amount, _LARGEST * per_unit())
    ids = next_id(Invoice) + np.arange(n)
    store(
        Invoice,
        {
            "id": ids,
            **ledger.facts(BILLING, "invoices", account, "INV"),
            "number": [f"{number:06d}" for number in range(1, n + 1)],
            "issued_on": world.on(issued),
            "due_on": world.on(due),
            "paid_on": world.on(paid),
            "amount": amount,
        },
    )
    half = rng.random(n) < 0.04
    settled = np.flatnonzero(~np.isnan(paid))
    partly = np.flatnonzero(half & ~np.isnan(paid) & (issued - 5 > np.nan_to_num(paid)))
    some = np.isin(settled, partly)
    last = amount[settled] - np.where(some, np.floor(amount[settled] / 2), 0)
    of = np.r_[settled, partly]
    store(
        Payment,
        {
            **ledger.facts(BILLING, "payments", account[of], "PAY"),
            "invoice": ids[of],
            "on": world.on(np.r_[paid[settled], issued[partly] - 4.0]),
            "amount": np.r_[last, np.floor(amount[partly] / 2)],
        },
    )
