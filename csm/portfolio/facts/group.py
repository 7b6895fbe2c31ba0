"""The company group an account belongs to, with its health rolled up."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from accounts.access import visible_to
from accounts.models import Account
from scoring.engine.spec import UNKNOWN_BAND
from scoring.models import AccountHealth

# A group larger than this is shown by its first members and counted whole.
SHOWN = 50


@dataclass(frozen=True)
class Group:
    """Members a person may see: the parent and its children, whichever of them the page is about.

    `score` is the mean of the members' scores weighted by their ARR, over those with both; None where
    there is none. `lowest` counts members in the lowest band. ARR in minor units, known for `arr_known`.
    """

    parent: Account | None
    members: list[Account]
    size: int
    score: float | None
    scored: int
    lowest: int
    unknown: int
    arr_amount: int | None
    arr_known: int


def group_of(request: HttpRequest, account: Account) -> Group | None:
    """The group of an account of `account_with_health`, or None when it stands alone. At most one query."""
    if account.parent_id is None and not getattr(account, "has_children", True):
        return None
    root = account.parent_id or account.pk
    members = list(
        visible_to(request.user)
        .filter(Q(pk=root) | Q(parent_id=root), churned_on=None)
        .select_related("health", "owner")
        .order_by("name", "pk")
    )
    if len(members) < 2:
        return None
    healths = [health for each in members if (health := _health(each)) is not None]
    weighed = [
        (health.score, each.arr_amount)
        for each in members
        if (health := _health(each)) is not None
        and health.score is not None
        and health.band != UNKNOWN_BAND
        and each.arr_amount
    ]
    total = sum(arr for _, arr in weighed)
    known = [each.arr_amount for each in members if each.arr_amount is not None]
    return Group(
        parent=next((each for each in members if each.pk == root), None),
        members=members[:SHOWN],
        size=len(members),
        score=sum(score * arr for score, arr in weighed) / total if total else None,
        scored=len(weighed),
        lowest=sum(health.band == 0 for health in healths),
        unknown=sum(health.band == UNKNOWN_BAND for health in healths),
        arr_amount=sum(known) if known else None,
        arr_known=len(known),
    )


def _health(account: Account) -> AccountHealth | None:
    found: Any = getattr(account, "health", None)
    return found
