"""The sums of a replay: one range of accounts lived through its nights, and ranges put together."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from django.db import connection

from accounts.models import LifecycleEvent, SubscriptionEvent
from accounts.models.account import LifecycleStage
from accounts.models.subscription import ChangeKind
from playbooks.models import Alert
from playbooks.rules import Labels, Rule, Scope, evidences, judge
from playbooks.services import readings
from playbooks.simulation import Ints, Simulation, Turns
from scoring.models import ScoreRun

# Days within which churn or contraction counts as following an alert.
HORIZONS: Final = (30, 90, 180)
# Accounts named on the page of a replay, the newest first; per night and range so many are looked at closely.
EXAMPLES: Final = 200
_PER_NIGHT: Final = 8
# The first night fires for whatever held already; a week later that has passed.
_WEEK: Final = 7


def empty(nights: Sequence[date]) -> dict[str, Any]:
    """The sums before any range: counts, by night, by owner and week, by what followed."""
    return {
        "ranges_done": 0,
        "nights": len(nights),
        "scored_nights": 0,
        "fired": 0,
        "first_night": 0,
        "accounts": 0,
        "in_scope": 0,
        "cleared": 0,
        "open_at_end": 0,
        "judged": 0,
        "unknown": 0,
        "churned": 0,
        "contracted": 0,
        # Horizon in days → [followed, old enough]; of alerts, and of every account-night in scope.
        "precision": {str(days): [0, 0] for days in HORIZONS},
        "base": {str(days): [0, 0] for days in HORIZONS},
        # Days until churn or contraction → alerts.
        "leads": {},
        "open_overlap": 0,
        "same_overlap": 0,
        # Trigger id → accounts of this replay with an open alert of it.
        "overlaps": {},
        "by_night": [[night.isoformat(), 0] for night in nights],
        # Owner id ("" nobody) → alerts by week of the span.
        "owners": {},
        "examples": [],
    }


def added(sums: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The sums of two sets of accounts together."""
    found: dict[str, Any] = {}
    for key, value in sums.items():
        other = more[key]
        if key in ("nights", "scored_nights"):
            found[key] = max(value, other)
        elif key == "examples":
            rows = sorted([*value, *other], key=lambda row: (row["on"], row["account_id"]))
            found[key] = rows[::-1][:EXAMPLES]
        elif key == "by_night":
            pairs = zip(value, other, strict=True)
            found[key] = [[day, n + m] for (day, n), (_, m) in pairs]
        elif isinstance(value, dict):
            found[key] = {
                name: _plus(value.get(name), other.get(name)) for name in {**value, **other}
            }
        else:
            found[key] = value + other
    return found


def _plus(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return one if other is None else other
    if isinstance(one, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    return one + other


def finished(sums: dict[str, Any]) -> dict[str, Any]:
    """The sums as the page reads them: the work's own marks are gone."""
    return {key: value for key, value in sums.items() if key != "ranges_done"}


def of_range(
    draft: Mapping[str, Any],
    *,
    trigger_id: int | None,
    nights: Sequence[date],
    runs: Mapping[date, ScoreRun],
    first_id: int,
    last_id: int,
    beat: Callable[[int], None],
    labels: Labels | None = None,
) -> dict[str, Any]:
    """Live a range of accounts through `nights`; `beat` is called with the number of nights done.

    Metrics are those of each past night, made of dated facts; scores come from its snapshots, and of a night
    nobody scored they are unknown.
    """
    rule, exit_rule = Rule.parse(draft["rule"]), Rule.maybe(draft["exit_rule"])
    rules = [rule, exit_rule] if exit_rule else [rule]
    scope = Scope.parse(draft["scope"])
    sums = empty(nights)
    turns, churns = _turns(first_id, last_id, nights[-1])
    life: Simulation | None = None
    known: Ints = np.zeros(0, dtype=np.int64)
    fired: list[tuple[Ints, int]] = []
    for number, night in enumerate(nights):
        run = runs.get(night)
        frame = readings.read(rules, as_of=night, first_id=first_id, last_id=last_id, run=run)
        inside = scope.matches(frame)
        everybody = frame.index.to_numpy(dtype=np.int64)
        ids = everybody[inside]
        sums["scored_nights"] += run is not None
        truth = judge(rule, frame)
        over = judge(exit_rule, frame) if exit_rule else (truth == 0).astype(np.int8)
        life = life or Simulation(
            _everybody(first_id, last_id), draft["cooldown_days"], draft["exit_days"]
        )
        opened, cleared = life.step(night.toordinal(), everybody, truth, over, inside)
        known = np.union1d(known, ids)
        fired.append((opened, night.toordinal()))
        sums["judged"] += int((truth[inside] >= 0).sum())
        sums["unknown"] += int((truth[inside] < 0).sum())
        sums["cleared"] += cleared
        sums["by_night"][number][1] = len(opened)
        _count_owners(sums, frame, opened, nights[0], night, nights[-1])
        _count_base(sums, turns, ids, night, nights[-1])
        close = frame.loc[opened[:_PER_NIGHT]]
        told = evidences(rule, close, labels) if len(close) else []
        sums["examples"] += [
            {"account_id": int(pk), "on": night.isoformat(), "evidence": rows}
            for pk, rows in zip(close.index, told, strict=True)
        ]
        beat(number + 1)
    sums["fired"] = sum(len(ids) for ids, _ in fired)
    sums["first_night"] = len(fired[0][0])
    sums["in_scope"] = len(known)
    sums["open_at_end"] = int(life.is_open.sum()) if life else 0
    _count_followed(sums, fired, turns, churns, nights[-1])
    _count_overlaps(sums, fired, first_id, last_id, trigger_id)
    sums["examples"] = _with_ends(sums["examples"], turns, churns)[-EXAMPLES:]
    return sums


def _everybody(first_id: int, last_id: int) -> Ints:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounts_account WHERE id BETWEEN %s AND %s ORDER BY id",
            [first_id, last_id],
        )
        return np.array([pk for (pk,) in cursor.fetchall()], dtype=np.int64)


_TURNS: Final = """
SELECT id, churned_on, 1 FROM accounts_account
    WHERE id BETWEEN %(first)s AND %(last)s AND churned_on IS NOT NULL
UNION ALL SELECT account_id, "on", 1 FROM {lifecycle}
    WHERE account_id BETWEEN %(first)s AND %(last)s AND stage = %(churned)s
UNION ALL SELECT account_id, "on", 0 FROM {events}
    WHERE account_id BETWEEN %(first)s AND %(last)s
      AND (kind IN (%(downsell)s, %(churn)s) OR arr_change < 0)
"""


def _turns(first_id: int, last_id: int, until: date) -> tuple[Turns, Turns]:
    """Churns and contractions of a range up to a day; and the churns alone."""
    sql = _TURNS.format(
        lifecycle=LifecycleEvent._meta.db_table, events=SubscriptionEvent._meta.db_table
    )
    values: dict[str, str | int] = {
        "first": first_id,
        "last": last_id,
        "churned": LifecycleStage.CHURNED.value,
        "downsell": ChangeKind.DOWNSELL.value,
        "churn": ChangeKind.CHURN.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = [
            (pk, (day if isinstance(day, date) else date.fromisoformat(day)).toordinal(), churn)
            for pk, day, churn in cursor.fetchall()
        ]
    found = np.array([row for row in rows if row[1] <= until.toordinal()], dtype=np.int64)
    found = found.reshape(-1, 3)
    churn = found[found[:, 2] == 1]
    return Turns.of(found[:, 0], found[:, 1]), Turns.of(churn[:, 0], churn[:, 1])


def _count_owners(
    sums: dict[str, Any], frame: pd.DataFrame, opened: Ints, first: date, night: date, last: date
) -> None:
    if not len(opened):
        return
    weeks = (last - first).days // _WEEK + 1
    week = (night - first).days // _WEEK
    owners = frame.loc[opened, "owner_id"].to_numpy(dtype=np.float64, na_value=np.nan)
    for owner, n in zip(
        *np.unique(np.nan_to_num(owners, nan=0).astype(np.int64), return_counts=True), strict=True
    ):
        row = sums["owners"].setdefault(str(owner or ""), [0] * weeks)
        row[week] += int(n)


def _count_base(sums: dict[str, Any], turns: Turns, ids: Ints, night: date, last: date) -> None:
    """How often something follows any account-night in scope: what a share of alerts is compared with."""
    old = [days for days in HORIZONS if (last - night).days >= days]
    if not old:
        return
    day = np.full(len(ids), night.toordinal())
    lead = turns.next_after(ids, day) - day
    for days in old:
        sums["base"][str(days)][0] += int(((lead > 0) & (lead <= days)).sum())
        sums["base"][str(days)][1] += len(ids)


def _count_followed(
    sums: dict[str, Any], fired: Sequence[tuple[Ints, int]], turns: Turns, churns: Turns, last: date
) -> None:
    ids = np.concatenate([each for each, _ in fired])
    days = np.concatenate([np.full(len(each), day) for each, day in fired])
    lead = turns.next_after(ids, days) - days
    churn = churns.next_after(ids, days) - days
    longest = max(HORIZONS)
    hit = (lead > 0) & (lead <= longest)
    gone = (churn > 0) & (churn <= longest)
    sums["accounts"] = len(np.unique(ids))
    sums["churned"] = len(np.unique(ids[gone]))
    sums["contracted"] = len(np.setdiff1d(ids[hit], ids[gone]))
    leads: dict[str, int] = defaultdict(int)
    for each in lead[hit].tolist():
        leads[str(each)] += 1
    sums["leads"] = dict(leads)
    for horizon in HORIZONS:
        old = days <= last.toordinal() - horizon
        sums["precision"][str(horizon)] = [
            int((old & (lead > 0) & (lead <= horizon)).sum()),
            int(old.sum()),
        ]


def _count_overlaps(
    sums: dict[str, Any],
    fired: Sequence[tuple[Ints, int]],
    first_id: int,
    last_id: int,
    trigger_id: int | None,
) -> None:
    accounts = set(np.unique(np.concatenate([each for each, _ in fired])).tolist())
    opened = Alert.objects.filter(
        state__in=Alert.OPEN_STATES, account__gte=first_id, account__lte=last_id
    )
    by_trigger: dict[int, set[int]] = defaultdict(set)
    for trigger, account in opened.order_by().values_list("trigger_id", "account_id"):
        if account in accounts:
            by_trigger[trigger].add(account)
    if trigger_id is not None:
        sums["same_overlap"] = len(by_trigger.pop(trigger_id, ()))
    sums["open_overlap"] = len(set().union(*by_trigger.values()))
    sums["overlaps"] = {str(pk): len(each) for pk, each in by_trigger.items()}


def _with_ends(rows: list[dict[str, Any]], turns: Turns, churns: Turns) -> list[dict[str, Any]]:
    """Examples with the day their account churned or contracted afterwards; None where neither has."""
    ids = np.array([row["account_id"] for row in rows], dtype=np.int64)
    days = np.array([date.fromisoformat(row["on"]).toordinal() for row in rows], dtype=np.int64)
    for row, turn, churn in zip(
        rows,
        turns.next_after(ids, days).tolist(),
        churns.next_after(ids, days).tolist(),
        strict=True,
    ):
        row["churned_on"] = date.fromordinal(churn).isoformat() if churn else None
        row["contracted_on"] = (
            date.fromordinal(turn).isoformat() if turn and turn != churn else None
        )
    return rows
