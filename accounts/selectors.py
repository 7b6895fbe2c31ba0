"""Reads of accounts that any page or night may need."""

from datetime import date

from django.db.models import Q, QuerySet

from accounts.models import Account


def customers(accounts: QuerySet[Account], as_of: date) -> QuerySet[Account]:
    """Those of `accounts` that had not churned by `as_of`."""
    return accounts.filter(Q(churned_on=None) | Q(churned_on__gt=as_of))
