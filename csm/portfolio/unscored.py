"""Where the accounts are that have no current health: a list sorted by a column of health ends with them.

A night scores every customer, so there are few: customers from a day to come, those who left before the first
night, and what came since the newest. Looking for them among a million takes a quarter of a second. That is
done once in a while; in between those found are asked for by key, and beside them every account younger than
all that were scored. Only an account that counts as a customer again and is not scored then waits for the next
look.
"""

from dataclasses import dataclass
from typing import Final

from django.core.cache import cache
from django.db import connection
from django.db.models import Max, Q

from accounts.models import Account
from accounts.selectors import customers
from scoring.models import AccountHealth, ScoreRun

# More are not kept one by one, only where they begin.
_KEPT: Final = 500
_SECONDS: Final = 120


@dataclass(frozen=True)
class Unscored:
    """The accounts without health: `ids`, or where there are more those from the first of them on; and all
    beyond `newest`, the youngest account that was scored.
    """

    ids: tuple[int, ...]
    newest: int

    @property
    def condition(self) -> Q:
        """What all of them meet, and few others."""
        if len(self.ids) > _KEPT:
            return Q(pk__gte=self.ids[0])
        younger = Q(pk__gt=self.newest)
        return Q(pk__in=self.ids) | younger if self.ids else younger


def unscored(run: ScoreRun | None, *, churned: bool) -> Unscored:
    """Those among the customers of the night, or with `churned` among all. Two queries when not remembered."""
    key = f"unscored:{run.pk}:{run.finished_at}:{churned}".replace(" ", "_") if run else ""
    found: Unscored | None = cache.get(key) if key else None
    if found is None:
        found = _looked_for(run, churned)
        if key:
            cache.set(key, found, _SECONDS)
    return found


def _looked_for(run: ScoreRun | None, churned: bool) -> Unscored:
    newest = AccountHealth.objects.aggregate(newest=Max("account_id"))["newest"] or 0
    accounts = Account.objects.filter(pk__lte=newest, merged_into=None, health=None)
    if not churned and run is not None:
        accounts = customers(accounts, run.as_of)
    ids = tuple(accounts.order_by("pk").values_list("pk", flat=True)[: _KEPT + 1])
    return Unscored(ids, newest)


def condition(run: ScoreRun | None, *, churned: bool) -> Q:
    """For `Pages`: where accounts without health are; SQLite has to look anyway."""
    if connection.vendor != "postgresql":
        return Q()
    return unscored(run, churned=churned).condition
