"""STUB: telling people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True)
class Telling:
    """One thing to tell one colleague; `about` names it, so that nobody is told twice."""

    user_id: int
    kind: str
    title: str
    url: str
    about: str
    body: str = ""
    account_id: int | None = None
    severity: int | None = None


def tell(tellings: Sequence[Telling], *, at: datetime) -> int:
    """Write notices and the deliveries each colleague and webhook wants; returns how many are new."""
    return 0


def night(*, as_of: date, at: datetime, opened: Collection[int]) -> None:
    """After a night: tell owners of the alerts it opened (ids), of tasks due, of overflow."""
