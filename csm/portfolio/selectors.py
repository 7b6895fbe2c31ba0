"""The book of accounts every portfolio page, chart, export and count starts from."""

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.access import in_scope
from accounts.models import Account
from accounts.selectors import customers
from csm.lib.dates import today
from scoring.models import ScoreRun
from scoring.selectors import newest_run, with_health

# The lowest band of an account's scorecard. Unknown (-1) is never at risk and never healthy.
HIGH_RISK = Q(health__band=0)
# Amounts in another currency than the book's are counted as unknown in a sum, never added up.
IN_CURRENCY = Q(currency=settings.DEFAULT_CURRENCY)


def book(user: Any, scope: str, run: ScoreRun | None = None) -> QuerySet[Account]:
    """Current customers in the scope `user` asked for ("mine", "team", "all"), with their health.

    `run` is the night shown; pass it when the page has it already. Without any night the customers of today.
    """
    return with_health(customers_in(user, scope, run or newest_run()))


def customers_in(user: Any, scope: str, run: ScoreRun | None) -> QuerySet[Account]:
    """The accounts of `book` before health is joined to them: what a count of all of them needs."""
    return customers(in_scope(user, scope), run.as_of if run else today())
