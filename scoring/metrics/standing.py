"""Who is a customer on a day, in which stage of their life and with which owner: from dated history.

Where an account has lifecycle events, its stage is that of the newest by the day, none before the first;
churned and won back later, it is no customer in between. Where it has owner periods, its owner is that of
the day's period, nobody between them. Without history the account's own record speaks, as last told.
"""

from dataclasses import dataclass
from datetime import date

from accounts.models import LifecycleEvent, LifecycleStage, OwnerPeriod


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


def stages(as_of: date, first_id: int, last_id: int) -> dict[int, Stage]:
    """The stage on the day of every account of the range that has lifecycle events."""
    events = LifecycleEvent.objects.filter(
        account_id__gte=first_id, account_id__lte=last_id
    ).order_by("account_id", "on", "id")
    found: dict[int, Stage] = {}
    for account_id, on, stage in events.values_list("account_id", "on", "stage"):
        if on <= as_of:
            found[account_id] = Stage(stage, on)
        else:
            found.setdefault(account_id, Stage())
    return found


def owners(as_of: date, first_id: int, last_id: int) -> dict[int, int | None]:
    """The owner on the day of every account of the range that has owner periods."""
    periods = OwnerPeriod.objects.filter(
        account_id__gte=first_id, account_id__lte=last_id
    ).order_by()
    rows = periods.values_list("account_id", "owner_id", "valid_from", "valid_to")
    found: dict[int, int | None] = {}
    for account_id, owner_id, valid_from, valid_to in rows:
        if valid_from <= as_of and (valid_to is None or valid_to > as_of):
            found[account_id] = owner_id
        else:
            found.setdefault(account_id, None)
    return found
