"""Figures of effect per playbook and per trigger, ready to be kept as JSON and shown.

A row: {"key", "name", "runs", "open", "completed", "cancelled", "median_days", "met": [hits, n],
"after": {"30" | "60" | "90": {"due", "known", "mean", "arr": [kept, started, n], "effect": {…}, "kept":
[treated share, untreated share, n]}}}. `met`: plans that closed because their exit test held, of those closed
and not cancelled. `due`: plans old enough, `known` those whose change is known, `mean` points. `arr`: minor
units. `effect`: the fields of `playbooks.effect.Effect`. Unknown is None.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from playbooks.effect import LEVEL, estimate, shares_kept
from playbooks.models import Alert, Intervention, Playbook, Trigger
from playbooks.selectors.targets import targets
from playbooks.selectors.treatments import HORIZONS, LOOKBACK_DAYS
from playbooks.selectors.untreated import Comparison, comparison

BY_HAND = "by-hand"
Mask = npt.NDArray[np.bool_]


def report(as_of: date) -> dict[str, Any]:
    """{"playbooks": rows, "triggers": rows, "targets": …, "method": {…}} as of a night; reads, writes nothing.

    The first row of either list is of all plans together. Seconds, not milliseconds: for the night.
    """
    book = comparison(as_of)
    return {
        "method": {
            "level": LEVEL,
            "lookback_days": LOOKBACK_DAYS,
            "plans": len(book.treated),
            "looked_at": book.looked_at,
            "accounts_compared": int(book.pool["account"].nunique()),
            "treated_later": int(book.pool.loc[book.pool["later"], "account"].nunique()),
        },
        "playbooks": [_row(book, *group) for group in _playbooks(book.treated)],
        "triggers": [_row(book, *group) for group in _triggers(book.treated)],
        "targets": targets(as_of, book.treated),
    }


Group = tuple[str, str, Mask]


def _playbooks(treated: pd.DataFrame) -> Iterable[Group]:
    yield "all", "All plans", np.ones(len(treated), dtype=np.bool_)
    whose = treated["playbook"].to_numpy(np.int64)
    used = Playbook.objects.filter(pk__in=np.unique(whose).tolist()).order_by("position", "key")
    for pk, key, name in used.values_list("pk", "key", "name"):
        yield key, name, whose == pk
    if (whose == 0).any():
        yield BY_HAND, "Plans written by hand", whose == 0


def _triggers(treated: pd.DataFrame) -> Iterable[Group]:
    """Plans that answer an alert of a trigger; a plan answering several counts with each of them."""
    plans = treated["plan"].to_numpy(np.int64)
    first = int(plans.min()) if len(plans) else 0
    answered = (
        Alert.objects.filter(intervention__gte=first)
        .order_by()
        .values_list("trigger_id", "intervention_id")
        .distinct()
    )
    links = pd.DataFrame(list(answered), columns=["trigger", "plan"])
    yield "all", "All plans that answer an alert", np.isin(plans, links["plan"].to_numpy())
    used = Trigger.objects.filter(pk__in=links["trigger"].unique().tolist())
    for pk, key, name in used.order_by("position", "key").values_list("pk", "key", "name"):
        mine = np.isin(plans, links.loc[links["trigger"] == pk, "plan"].to_numpy())
        if mine.any():
            yield key, name, mine


def _row(book: Comparison, key: str, name: str, rows: Mask) -> dict[str, Any]:
    plans = book.treated[rows]
    cancelled = plans["outcome"] == Intervention.Outcome.CANCELLED
    completed = plans[plans["closed"] & ~cancelled]
    met = int((completed["outcome"] == Intervention.Outcome.RECOVERED).sum())
    return {
        "key": key,
        "name": name,
        "runs": len(plans),
        "open": int((~plans["closed"]).sum()),
        "completed": len(completed),
        "cancelled": int(cancelled.sum()),
        "median_days": _figure(completed["days"].median()),
        "met": [met, len(completed)],
        "after": {str(days): _after(book, plans, rows, days) for days in HORIZONS},
    }


def _after(book: Comparison, plans: pd.DataFrame, rows: Mask, days: int) -> dict[str, Any]:
    changes = plans[f"change_{days}"]
    judged = plans[plans[f"kept_{days}"].notna() & plans["arr"].notna()]
    found = estimate(book.treated, book.pool, book.matches, outcome=f"change_{days}", rows=rows)
    ours, theirs, n = shares_kept(
        book.treated, book.pool, book.matches, kept=f"kept_{days}", rows=rows
    )
    return {
        "due": int(plans[f"due_{days}"].sum()),
        "known": int(changes.notna().sum()),
        "mean": _figure(changes.mean()),
        "arr": [
            int((judged["arr"] * judged[f"kept_{days}"]).sum()),
            int(judged["arr"].sum()),
            len(judged),
        ],
        "effect": {
            field: _figure(value) if isinstance(value, float) else value
            for field, value in asdict(found).items()
        },
        "kept": [_figure(ours), _figure(theirs), n],
    }


def _figure(value: Any) -> float | None:
    """A finite number with four digits after the point; None for what is not known."""
    return round(float(value), 4) if value is not None and np.isfinite(value) else None
