"""The book of accounts every portfolio page, chart, export and count starts from."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.access import in_scope, seen_by
from accounts.models import Account
from accounts.selectors import customers
from csm.lib.dates import today
from scoring.models import AccountHealth, DailyRollup, NightTotal, ScoreRun
from scoring.selectors import newest_run, with_health

# The lowest band of an account's scorecard. Unknown (-1) is never at risk and never healthy.
HIGH_RISK = Q(health__band=0)
# The place in the queue: with open work on the account, else by its health alone.
URGENCY = Coalesce(F("work__priority"), F("health__priority"))
# Amounts in another currency than the book's are counted as unknown in a sum, never added up.
IN_CURRENCY = Q(currency=settings.DEFAULT_CURRENCY)
# What `decorated` adds and lists are sorted by.
_KEYS = {"urgency": URGENCY, "band_score": Coalesce(F("health__score"), -1.0)}


def sorted_by(key: str, *, few: bool) -> F | Coalesce:
    """`key` to sort by; of `few` accounts as a value no index holds.

    PostgreSQL would walk all of a million in order until as many as are wanted belong to the book.
    """
    return Coalesce(F(key), F(key)) if few else F(key)


# What the charts over time show.
HISTORY_DAYS = 180


def book(user: Any, scope: str, run: ScoreRun | None = None) -> QuerySet[Account]:
    """Current customers in the scope `user` asked for ("mine", "team", "all"), with their health.

    `run` is the night shown; pass it when the page has it already. Without any night the customers of today.
    """
    return with_health(customers_in(user, scope, run or newest_run()))


def customers_in(user: Any, scope: str, run: ScoreRun | None) -> QuerySet[Account]:
    """The accounts of `book` before health is joined to them: what a count of all of them needs."""
    return customers(in_scope(user, scope), run.as_of if run else today())


def starting_from(
    user: Any, scope: str, run: ScoreRun | None, churned: str | None
) -> QuerySet[Account]:
    """The accounts a list starts from: customers, unless `churned` ("yes", "all") asks for others."""
    if churned not in ("yes", "all"):
        return customers_in(user, scope, run)
    accounts = in_scope(user, scope)
    if churned == "all":
        return accounts
    return accounts.filter(churned_on__lte=run.as_of) if run else accounts.exclude(churned_on=None)


def decorated(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """With what lists show and sort by. Joined last: a count of what no health filters reads one table."""
    # Ties within a band need a number: unknown scores stand below all others.
    return with_health(accounts).annotate(**_KEYS)


def with_keys(accounts: QuerySet[Account], keys: Iterable[str]) -> QuerySet[Account]:
    """`accounts` with just the aliases of `decorated` among `keys`."""
    columns = {field.name for field in AccountHealth._meta.concrete_fields}
    return accounts.annotate(
        **{
            key: _KEYS[key] if key in _KEYS else F(f"health__{key}")
            for key in keys
            if key in _KEYS or key in columns
        }
    )


def past_nights(
    user: Any, scope: str, run: ScoreRun, days: int = HISTORY_DAYS
) -> QuerySet[DailyRollup]:
    """Roll-up rows of the `days` nights up to that of `run` in its own series, within the scope.

    A roll-up remembers the owner and team of its night: an account that changed hands counts for whoever
    had it then.
    """
    return DailyRollup.objects.filter(
        seen_by(user, scope), _up_to(run.as_of, days), run__scorecard=run.scorecard_id
    )


def past_totals(
    seen: Q, as_of: date, scorecard: int | None, days: int = HISTORY_DAYS
) -> QuerySet[NightTotal]:
    """`past_nights` without industries and sizes: a few rows a night where `seen` is everything.

    `seen` is a condition on owner and team, as of `accounts.access.seen_by`.
    """
    return NightTotal.objects.filter(
        seen, _up_to(as_of, days), is_whole=not seen, scorecard=scorecard
    )


def _up_to(as_of: date, days: int) -> Q:
    return Q(as_of__gt=as_of - timedelta(days=days), as_of__lte=as_of)
