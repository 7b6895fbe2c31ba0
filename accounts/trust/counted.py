"""What data quality counts over all accounts: with the page, or of a large book once in the background."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, Self

from django.contrib.auth import get_user_model
from django.db.models import Count, Q, QuerySet

from accounts.access import visible_to
from accounts.models import Account, ImportRun
from accounts.selectors import customers
from accounts.trust import contradictions
from csm.lib.remembered import Figure, rows_asked_for, told

# Books of up to so many accounts are counted while the page is made.
LIVE: Final = 20_000
# Of a large book so many accounts are listed per contradiction.
LISTED: Final = 1_000


@dataclass(frozen=True)
class Counts:
    """Of the accounts a colleague may see. `listed` are ids per rule, in name order, of a large book only."""

    customers: int
    unowned: int
    contradictions: dict[str, int]
    listed: dict[str, list[int]] = field(default_factory=dict)

    @property
    def contradicting(self) -> int:
        """Findings of all rules; an account may contradict several."""
        return sum(self.contradictions.values())


@dataclass
class OfQuality(Figure[Counts]):
    """Contradictions and missing owners of a large book, anew after every import."""

    user: Any
    as_of: date

    @property
    def args(self) -> list[Any]:
        return [self.user.pk, self.as_of.isoformat()]

    @classmethod
    def asked(cls, *args: Any) -> Self:
        user, as_of = args
        return cls(get_user_model().objects.get(pk=user), date.fromisoformat(as_of))

    def depends_on(self) -> list[Any]:
        imports = ImportRun.objects.filter(finished_at__isnull=False).order_by("-pk")
        newest = imports.values_list("pk", flat=True).first()
        return [rows_asked_for(visible_to(self.user)), self.as_of, newest]

    def count(self) -> Counts:
        accounts = visible_to(self.user)
        found, listed = {}, {}
        # A rule at a time: each reads the table it asks about once, where one statement for all asks
        # every table about every account.
        for key, rule in contradictions.RULES.items():
            rows = contradictions.accounts_of(rule, accounts, self.as_of)
            ids = list(rows.values_list("pk", flat=True)[: LISTED + 1])
            found[key] = len(ids) if len(ids) <= LISTED else rows.count()
            listed[key] = ids[:LISTED]
        return Counts(*_owned(accounts, self.as_of), contradictions=found, listed=listed)


def _owned(accounts: QuerySet[Account], as_of: date) -> tuple[int, int]:
    found = customers(accounts, as_of).aggregate(
        every=Count("pk"), unowned=Count("pk", filter=Q(owner=None))
    )
    return found["every"], found["unowned"]


def is_large() -> bool:
    """Whether there are more accounts than are counted while a page is made."""
    return Account.objects.order_by("pk").values("pk")[LIVE : LIVE + 1].exists()


def counts_for(
    user: Any, as_of: date, *, at: datetime, large: bool | None = None
) -> tuple[Counts | None, datetime | None]:
    """The counts with the time they were made; no time: just now; neither: they are being made."""
    if not (is_large() if large is None else large):
        accounts = visible_to(user)
        found = contradictions.counts(accounts, as_of)
        return Counts(*_owned(accounts, as_of), contradictions=found), None
    remembered = told(OfQuality(user, as_of), at=at)
    return (remembered.value, remembered.at) if remembered else (None, None)
