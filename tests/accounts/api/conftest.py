"""Programs that call the API with a token of one of the cast."""

import itertools
from datetime import date

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import Activity, Contact, Reading, Ticket, Usage, UsageMeasure
from csm.models import ApiToken

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def token(db):
    """A token of `user` as text."""

    def make(user, *scopes):
        return ApiToken.objects.create(
            user, name="test", scopes=sorted(scopes or ("facts:read", "facts:write"))
        )[1]

    return make


@pytest.fixture
def api(token):
    """A client with a token of `user`; `post` sends JSON."""

    class Program(Client):
        def post(self, path, data=None, content_type="application/json", **more):
            return super().post(path, data, content_type, **more)

    def make(user, *scopes):
        headers = {"authorization": f"Bearer {token(user, *scopes)}"}
        return Program(headers=headers, raise_request_exception=False)

    return make


@pytest.fixture
def make_facts():
    """A few facts of an account; returns one of each kind that was made, by feed."""
    numbers = itertools.count(1)

    def make(account):
        def own():
            return {"account": account, "source": "desk", "external_id": f"D{next(numbers)}"}

        measure = UsageMeasure.objects.get_or_create(key="logins", defaults={"label": "Log-ins"})[0]
        return {
            "contacts": Contact.objects.create(name="Ann", known_on=DAY, **own()),
            "activities": Activity.objects.create(kind="call", on=DAY, **own()),
            "tickets": Ticket.objects.create(opened_on=DAY, severity="high", **own()),
            "usage": Usage.objects.create(account=account, measure=measure, on=DAY, value=3),
            "metrics": Reading.objects.create(
                account=account, on=date(2026, 11, 1), metrics={"nps_score": 7}
            ),
            "accounts": account,
        }

    return make
