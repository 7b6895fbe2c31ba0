"""What the data-quality pages show, each in a constant number of queries."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, F, Q, QuerySet

from accounts.models import Account, Freeze, HeldRow, LookAlike, Watermark
from accounts.selectors import customers
from accounts.trust import contradictions, duplicates
from accounts.trust.freshness import Fresh, freshness

# Silent first, then by how much it matters.
_ORDER = {"silent": 0, "late": 1, "fresh": 2, "irregular": 3}


@dataclass(frozen=True)
class Quality:
    """The overview. Counts are of accounts `user` may see, rows and feeds of all."""

    as_of: date
    feeds: list[Fresh]
    overdue: list[Fresh]
    frozen: list[Freeze]
    sources: int
    customers: int
    unowned: int
    look_alikes: int
    searched_at: datetime | None
    held: int
    held_accounts: int
    contradictions: dict[str, int]

    @property
    def contradicting(self) -> int:
        return sum(self.contradictions.values())


def overview(accounts: QuerySet[Account], as_of: date) -> Quality:
    """Everything the overview counts; thirteen queries however large the book."""
    fresh = freshness(as_of)
    feeds = [each for each in fresh if not each.measure]
    people = customers(accounts, as_of).aggregate(
        n=Count("pk"), unowned=Count("pk", filter=Q(owner=None))
    )
    waiting = HeldRow.objects.filter(state=HeldRow.State.WAITING).aggregate(
        rows=Count("pk"), accounts=Count("account_external_id", distinct=True)
    )
    mark = Watermark.objects.filter(key=duplicates.MARK).first()
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
        customers=people["n"],
        unowned=people["unowned"],
        look_alikes=LookAlike.objects.count(),
        searched_at=mark.at if mark else None,
        held=waiting["rows"],
        held_accounts=waiting["accounts"],
        contradictions=contradictions.counts(accounts, as_of),
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
