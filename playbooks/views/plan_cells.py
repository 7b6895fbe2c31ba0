"""Tasks, KPIs, risks and clocks of a plan, prepared for its pages."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from django.utils import timezone

from csm.lib import display, markup
from playbooks.models import (
    Clock,
    Intervention,
    InterventionKpi,
    InterventionTask,
    Risk,
    TargetKind,
)
from playbooks.services.exits import held_days
from playbooks.services.intervention_tasks import State
from scoring import wording

_TONES = {
    State.WAITING: "unknown",
    State.OPEN: "fair",
    State.TO_APPROVE: "fair",
    State.DONE: "good",
    State.SKIPPED: "unknown",
}
# Likelihood × impact from which on a risk is called so.
_HIGH, _MEDIUM = 15, 8


def figure(metric: str, value: float | None, currency: str) -> str | None:
    """A KPI's value with its unit; None when it is unknown."""
    if value is None:
        return None
    return (
        display.number(value, 1) if metric == "score" else wording.figure(metric, value, currency)
    )


def kpi(row: InterventionKpi, currency: str, on: date) -> dict[str, Any]:
    """Baseline, target and current of a KPI; `share` 0–100 of the way from baseline to target."""
    falls = row.target_kind == TargetKind.AT_MOST or (
        row.target_kind == TargetKind.CHANGE
        and row.target is not None
        and row.baseline is not None
        and row.target < row.baseline
    )
    reached = None
    if row.target is not None and row.current is not None:
        reached = row.current <= row.target if falls else row.current >= row.target
    share = 100 if reached else None
    if reached is False and row.baseline is not None and row.baseline != row.target:
        way = (row.current - row.baseline) / (row.target - row.baseline)  # type: ignore[operator]
        share = round(100 * min(max(way, 0), 0.99))
    return {
        "label": row.label,
        "baseline": figure(row.metric, row.baseline, currency),
        "baseline_on": row.baseline_on,
        "target": figure(row.metric, row.target, currency),
        "sign": "≤" if falls else "≥",
        "current": figure(row.metric, row.current, currency),
        "current_on": row.current_on,
        "due_on": row.due_on,
        "late": bool(row.due_on and row.due_on < on and not reached),
        "reached": reached,
        "share": share,
    }


def task(
    row: InterventionTask, blockers: Sequence[str], on: date, *, may: bool, manager: bool
) -> dict[str, Any]:
    """A task with what may be done to it; `blockers` are the titles it waits for."""
    ended = row.state in (State.DONE, State.SKIPPED)
    late = not ended and row.due_on is not None and row.due_on < on
    return {
        "row": row,
        "tone": _TONES[State(row.state)],
        "ended": ended,
        "late": late,
        "days_late": (on - row.due_on).days if late and row.due_on else 0,
        "waits_for": blockers[-1] if row.state == State.WAITING and blockers else "",
        "done_at": timezone.localtime(row.done_at) if row.done_at else None,
        "may_finish": may and row.state == State.OPEN,
        "may_skip": may and not ended,
        "may_undo": may and row.state in (State.DONE, State.SKIPPED, State.TO_APPROVE),
        "may_judge": manager and row.state == State.TO_APPROVE,
        "may_edit": may and not ended,
    }


def tasks(
    rows: Sequence[InterventionTask],
    on: date,
    *,
    mine: Collection[int],
    is_open: bool,
    manager: bool,
) -> list[dict[str, Any]]:
    """Tasks in their order; `mine` are the ids the reader may act on."""
    found, blockers = [], list[str]()
    for row in rows:
        may = is_open and row.pk in mine
        found.append(task(row, blockers, on, may=may, manager=is_open and manager))
        if row.blocks and row.state not in (State.DONE, State.SKIPPED):
            blockers.append(row.title)
    return found


def risk(row: Risk) -> dict[str, Any]:
    """A risk with its weight, likelihood × impact (1–25), in a word and a tone."""
    weight = row.likelihood * row.impact
    tone, word = (
        ("poor", "High")
        if weight >= _HIGH
        else ("fair", "Medium")
        if weight >= _MEDIUM
        else ("good", "Low")
    )
    return {
        "row": row,
        "weight": weight,
        "sign": markup.band(f"{word} · {weight}", tone, plain=True),
        "over": row.state != Risk.State.OPEN,
    }


def exit_test(plan: Intervention, sentence: str) -> dict[str, Any]:
    """Where the exit test stands: nights held of nights wanted."""
    held = held_days(plan)
    state = "none" if not sentence else "unchecked"
    if sentence and plan.exit_checked_on is not None:
        state = {True: "holds", False: "fails", None: "unknown"}[plan.exit_holds]
    return {
        "sentence": sentence,
        "state": state,
        "held": min(held, plan.exit_days),
        "of": plan.exit_days,
        "since": plan.exit_since,
        "checked_on": plan.exit_checked_on,
    }


def clock(row: Clock, now: datetime) -> dict[str, Any]:
    """A clock in words: its state, and by when."""
    due = timezone.localtime(row.due_at)
    late = row.state == Clock.State.BROKEN or (
        row.state == Clock.State.RUNNING and row.due_at < now
    )
    tone = {
        Clock.State.RUNNING: "fair",
        Clock.State.BROKEN: "poor",
        Clock.State.MET: "good",
    }.get(Clock.State(row.state), "unknown")
    return {
        "row": row,
        "sign": markup.band(row.get_state_display(), "poor" if late else tone, plain=True),
        "due": f"{due:%-d %b %Y, %H:%M}",
    }
