"""One good row of a file, on its way into the database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(slots=True)
class Row:
    """`attributes` is keyed by model field; what the file left blank is absent.

    `external_id` is the row's own id (of an account, the account's), `account_id` what the file calls its
    account. `on` is the day the row speaks of. `fill` holds values for fields that are blank so far,
    `extra` what goes to another table, `metrics` what goes to a reading. `cells` are the cells as read.
    """

    number: int
    external_id: str
    on: date
    attributes: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    account_id: str = ""
    fill: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row: created, updated, unchanged, held or rejected; `row_id` where it has one."""

    status: str
    row_id: int | None = None
    changes: Mapping[str, tuple[Any, Any]] | None = None
