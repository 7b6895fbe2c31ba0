"""Accounts that changed owner elsewhere, by an import or a program: their open work follows, once.

What a manager gives away in the workbench moves at once (`assignments`) and leaves a hand-over; an owner who
came without one is noticed by the night, and by day when facts of the account came in.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Subquery
from django.urls import reverse

from accounts.access import may_write
from accounts.models import Account, OwnerPeriod
from playbooks.models import Alert, Clock, Handover, Intervention, InterventionTask, Notice
from playbooks.services import attention, notices
from playbooks.services.assignment_plans import Plan, count
from playbooks.services.assignments import move_work

# Older changes are history: their work has found its people.
_LOOK_BACK: Final = timedelta(days=30)
_CHUNK: Final = 500
_REASON: Final = "The account changed owner."

# Account → its owner before.
_Before = dict[int, int]


def follow(*, on: date, at: datetime, account_ids: Collection[int] | None = None) -> int:
    """Move open work of the last owner to the new one and make the hand-over; how many accounts.

    Each change of owner is followed once: what is given back on purpose stays. With `account_ids` only
    those accounts. Statements grow with new owners and chunks of accounts.
    """
    found = _changed(on, account_ids)
    people = get_user_model().objects.filter(is_active=True).in_bulk(list(found))
    done: dict[Any, _Before] = {to: found[pk] for pk, to in people.items() if may_write(to)}
    for to, before in done.items():
        for chunk in _chunks(before):
            _hand_over(to, chunk, on=on, at=at)
    _tell(done, on=on, at=at)
    return sum(map(len, done.values()))


def _changed(on: date, account_ids: Collection[int] | None) -> dict[int, _Before]:
    """Accounts with a new owner nobody handed them over to: new owner → account → last owner."""
    handed = Handover.objects.filter(
        account=OuterRef("account"), to=OuterRef("owner"), on__gte=OuterRef("valid_from")
    )
    before = OwnerPeriod.objects.filter(
        account=OuterRef("account"), valid_to=OuterRef("valid_from")
    ).exclude(owner=OuterRef("owner"))
    periods = OwnerPeriod.objects.filter(
        valid_from__gt=on - _LOOK_BACK,
        valid_from__lte=on,
        valid_to=None,
        owner=F("account__owner"),
        account__merged_into=None,
    )
    if account_ids is not None:
        periods = periods.filter(account__in=account_ids)
    rows = (
        periods.annotate(previous=Subquery(before.values("owner")[:1]))
        .filter(~Exists(handed), previous__isnull=False)
        .order_by("account")
        .values_list("owner", "account", "previous")
    )
    found: dict[int, _Before] = defaultdict(dict)
    for owner, account, previous in rows:
        found[owner][account] = previous
    return found


def _chunks(before: _Before) -> Iterator[_Before]:
    items = list(before.items())
    for start in range(0, len(items), _CHUNK):
        yield dict(items[start : start + _CHUNK])


@transaction.atomic
def _hand_over(to: Any, before: _Before, *, on: date, at: datetime) -> None:
    locked = Account.objects.select_for_update(of=("self",)).filter(pk__in=list(before), owner=to)
    mine = set(locked.order_by("pk").values_list("pk", flat=True))
    # Two that look at once: the second finds the first one's.
    mine -= set(
        Handover.objects.filter(account__in=mine, to=to, on=on).values_list("account", flat=True)
    )
    if not mine:
        return
    found = Plan(account_ids=mine)
    for name, model, states, whose in (
        ("interventions", Intervention, Intervention.OPEN_STATES, "owner_id"),
        ("alerts", Alert, Alert.OPEN_STATES, "owner_id"),
        ("clocks", Clock, Clock.OPEN_STATES, "owner_id"),
        ("tasks", InterventionTask, InterventionTask.UNDONE_STATES, "assignee_id"),
    ):
        rows: Any = model._default_manager.filter(account__in=mine, state__in=states)
        theirs = rows.order_by("pk").select_for_update(of=("self",))
        moved = {
            pk: who
            for pk, account_id, who in theirs.values_list("pk", "account_id", whose)
            if who in (None, before[account_id])
        }
        setattr(found, name, moved)
    move_work(found, to, by=None, at=at, on=on, batch=uuid4(), reason=_REASON)
    Handover.objects.bulk_create(
        Handover(account_id=pk, previous_id=before[pk], to=to, on=on, at=at) for pk in sorted(mine)
    )
    attention.refresh(mine, at=at)


def _tell(done: dict[Any, _Before], *, on: date, at: datetime) -> None:
    """Each new owner once, and each last one."""
    tellings = []
    lost: dict[int, set[int]] = defaultdict(set)
    for to, before in done.items():
        tellings.append(_telling(to.pk, f"{count(before, 'account')} came to you", before, on))
        for account, previous in before.items():
            lost[previous].add(account)
    for user_id, accounts in lost.items():
        text = f"{count(accounts, 'account')} of yours went to others"
        tellings.append(_telling(user_id, text, accounts, on))
    notices.tell(tellings, at=at)


def _telling(user_id: int, title: str, accounts: Collection[int], on: date) -> notices.Telling:
    only = next(iter(accounts)) if len(accounts) == 1 else None
    return notices.Telling(
        user_id=user_id,
        kind=Notice.Kind.HANDOVER,
        title=title,
        body="Open plans, tasks and alerts of the last owner went along.",
        url=reverse("handover", args=[only]) if only else reverse("handovers"),
        about=f"owners:{on}:{title}"[:120],
        account_id=only,
    )
