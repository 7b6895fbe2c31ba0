"""What the data-quality pages show, each in a constant number of queries."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, F, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Account, Freeze, HeldRow, LookAlike, Watermark
from accounts.selectors import customers
from accounts.trust import duplicates
from accounts.trust.freshness import Fresh, freshness

# Silent first, then by how much it matters.
_ORDER = {"silent": 0, "late": 1, "fresh": 2, "irregular": 3}


@dataclass(frozen=True)
class Quality:
    """The overview, without what is counted over all accounts: see `counted.Counts`."""

    as_of: date
    feeds: list[Fresh]
    overdue: list[Fresh]
    frozen: list[Freeze]
    sources: int
    look_alikes: int
    searched_at: datetime | None
    held: int
    held_accounts: int


def overview(user: Any, as_of: date) -> Quality:
    """Everything the overview shows of rows and feeds; six queries however large the book."""
    fresh = freshness(as_of)
    feeds = [each for each in fresh if not each.measure]
    # One statement: counts as sub-queries beside the one row there surely is.
    held = HeldRow.objects.filter(state=HeldRow.State.WAITING).order_by().values("state")
    marks = Watermark.objects.filter(key=duplicates.MARK)
    one = LookAlike.objects.order_by().annotate(one=Value(1)).values("one")
    waiting = (
        get_user_model()
        .objects.filter(pk=user.pk)
        .values(
            rows=Coalesce(Subquery(held.annotate(n=Count("pk")).values("n")), 0),
            ids=Coalesce(
                Subquery(held.annotate(n=Count("account_external_id", distinct=True)).values("n")),
                0,
            ),
            pairs=Coalesce(Subquery(one.annotate(n=Count("pk")).values("n")), 0),
            searched_at=Subquery(marks.values("at")[:1]),
        )
        .get()
    )
    overdue = [each for each in fresh if each.state in ("late", "silent") and each.watched]
    # A measure says nothing more where its whole feed is as late.
    whole = {(*each.key, each.state) for each in overdue if not each.measure}
    overdue = [each for each in overdue if not each.measure or (*each.key, each.state) not in whole]
    overdue.sort(key=lambda each: (_ORDER[each.state], each.source, each.feed, each.measure))
    return Quality(
        as_of=as_of,
        feeds=feeds,
        overdue=overdue,
        frozen=open_freezes(),
        sources=len({each.source for each in fresh}),
        look_alikes=waiting["pairs"],
        searched_at=waiting["searched_at"],
        held=waiting["rows"],
        held_accounts=waiting["ids"],
    )


def open_freezes() -> list[Freeze]:
    """Freezes no admin has lifted, newest first."""
    return list(Freeze.objects.filter(lifted_on=None).select_related("opened_by"))


def freezes_of(source: str) -> QuerySet[Freeze]:
    """Every freeze of a source, newest first."""
    return Freeze.objects.filter(source=source).select_related("opened_by", "lifted_by")


def pairs() -> QuerySet[LookAlike]:
    """Pairs that look alike, both accounts still there, surest first."""
    return (
        LookAlike.objects.filter(first__merged_into=None, second__merged_into=None)
        .select_related("first__owner", "second__owner")
        .order_by("-score", "pk")
    )


def unowned(accounts: QuerySet[Account], as_of: date) -> QuerySet[Account]:
    """Current customers nobody looks after, the largest first."""
    return (
        customers(accounts, as_of)
        .filter(owner=None)
        .select_related("team")
        .order_by(F("arr_amount").desc(nulls_last=True), "name", "pk")
    )
