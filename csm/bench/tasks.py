"""The tasks of `child`: each measures one group of targets in the database its process was given."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.core.management import call_command

from csm.bench import data, night

Say = Callable[[str], None]


def prepare(accounts: int, newest: str, scorecard: str, say: Say) -> dict[str, Any]:
    """Migrate and fill."""
    call_command("migrate", verbosity=0)
    say(f"Writing {accounts:,} accounts …")
    data.fill(accounts, dt.date.fromisoformat(newest), scorecard)
    return {"accounts": accounts}


def compare(newest: str, only: list[str], rounds: int, say: Say) -> dict[str, Any]:
    """T1, T2, T3, T5, T9."""
    return night.measure(dt.date.fromisoformat(newest), only=set(only), rounds=rounds, say=say)
