"""STUB: clocks start, are met, run out and are escalated."""

from collections.abc import Collection
from datetime import date, datetime
from typing import Any


def night(*, as_of: date, at: datetime) -> None:
    """Start the clocks the night's health calls for and drop those it no longer does. Set-based."""


def tick(*, at: datetime) -> int:
    """Break clocks that ran out and escalate, once per level; returns how many escalations were new."""
    return 0


def meet(key: str, account_ids: Collection[int], *, by: Any, at: datetime, outcome: str) -> int:
    """Stop open clocks of this rule (ClockRule.Key) on these accounts; returns how many."""
    return 0
