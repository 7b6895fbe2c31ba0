"""Asking for lists of accounts and reading what they show."""

from datetime import date
from urllib.parse import urlencode

from scoring.models import AccountHealth

# The night of the book of `conftest`.
NIGHT = date(2026, 11, 20)


def names(response):
    """The accounts of the list in their order."""
    return [row.name for row in response.context["rows"]]


def ask(client, user, path="/portfolio/", **params):
    client.force_login(user)
    return client.get(f"{path}?{urlencode({'scope': 'all', **params}, doseq=True)}")


def health(account, **values):
    AccountHealth.objects.filter(account=account).update(**values)
