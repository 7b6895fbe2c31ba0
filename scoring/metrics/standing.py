"""Who is a customer on a day, in which stage of their life and with which owner: from dated history.

Where an account has lifecycle events, its stage is that of the newest by the day, none before the first;
churned and won back later, it is no customer in between. Where it has owner periods, its owner is that of
the day's period, nobody between them. Without history the account's own record speaks, as last told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import connection

from accounts.models import LifecycleStage
from scoring.metrics.facts import day_of, within


@dataclass(frozen=True)
class Stage:
    """Where an account stood: `on` is the day it entered the stage; both empty before its first event."""

    stage: str = ""
    on: date | None = None

    def is_gone(self, churned_on: date | None, as_of: date) -> bool:
        """Whether the account has churned by the day, by its events and its record together."""
        if self.stage == LifecycleStage.CHURNED:
            return True
        if churned_on is None or churned_on > as_of:
            return False
        return self.on is None or self.on <= churned_on


@dataclass(frozen=True)
class History:
    """Of the accounts that have events their stage, of those that have owner periods their owner."""

    stages: dict[int, Stage]
    owners: dict[int, int | None]


_HISTORY = """
SELECT account_id, "on", NULL, stage, NULL, 0, id FROM accounts_lifecycleevent
WHERE {accounts}
UNION ALL
SELECT account_id, valid_from, valid_to, NULL, owner_id, 1, id FROM accounts_ownerperiod
WHERE {accounts}
ORDER BY 1, 2, 7
"""


def history(as_of: date, first_id: int, last_id: int, only: Sequence[int] = ()) -> History:
    """What dated history says of the accounts of the range, or `only` these of it; one query."""
    stages: dict[int, Stage] = {}
    owners: dict[int, int | None] = {}
    with connection.cursor() as cursor:
        accounts = within("account_id", first_id, last_id, only)
        cursor.execute(_HISTORY.format(accounts=accounts))
        for account_id, start, end, stage, owner_id, is_owner, _ in cursor.fetchall():
            since = day_of(start)
            if is_owner:
                if since <= as_of and (end is None or day_of(end) > as_of):
                    owners[account_id] = owner_id
                else:
                    owners.setdefault(account_id, None)
            elif since <= as_of:
                stages[account_id] = Stage(stage, since)
            else:
                stages.setdefault(account_id, Stage())
    return History(stages, owners)
