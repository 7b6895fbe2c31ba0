"""What other applications keep of accounts, and what they do when two become one.

They stand above this one and say so themselves when they start: nothing here knows them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Account

# (account kept, account merged, who, when)
MakeRoom = Callable[[Account, Account, Any, datetime], None]
Done = Callable[[list[int], datetime], None]


@dataclass(frozen=True)
class Follower:
    """Tables whose rows go with their `account`.

    `make_room` ends what both accounts may not have at once, before rows move; `done` is told the ids of the
    two accounts after rows moved, also when they moved back. Both run in the merge's transaction.
    """

    tables: tuple[type[Any], ...]
    make_room: MakeRoom
    done: Done


_known: dict[str, Follower] = {}


def follow(app: str, follower: Follower) -> None:
    """Let the rows of an application go with their accounts."""
    _known[app] = follower


def followers() -> list[Follower]:
    """Everybody who asked, in the order they asked."""
    return list(_known.values())


def tables() -> dict[str, type[Any]]:
    """The tables of all followers by "app.model"."""
    return {model._meta.label_lower: model for each in followers() for model in each.tables}
