"""Queries per page: the same with 3 and with 30 accounts, as committed, never above 20.

After a change that is meant: `RECORD=1 make test`, look at the difference, commit it.
"""

import json
import os
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scoring.selectors import newest_run
from tests.pages import admin_pages, pages

COMMITTED = Path(__file__).with_name("query_counts.json")
RECORD = bool(os.environ.get("RECORD"))


def count(client, manager, admin, account) -> dict[str, int]:
    client.force_login(manager)
    counts = each(client, pages(account, newest_run()))
    client.force_login(admin)
    return counts | each(client, admin_pages())


def each(client, addresses: dict[str, str]) -> dict[str, int]:
    counts = {}
    for name, url in addresses.items():
        client.get(url)  # what is remembered per process is not a query per page
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        counts[name] = len(queries)
    return counts


def test_queries_do_not_grow_with_the_book(
    book, manager, admin, make_account, score_book, north, owner, client
):
    few = count(client, manager, admin, book[0])
    more = [make_account(team=north, owner=owner) for _ in range(27)]
    score_book({account: {"total_activities_30d": n} for n, account in enumerate(more)})
    many = count(client, manager, admin, book[0])
    assert few == many
    if RECORD:
        COMMITTED.write_text(json.dumps(few, indent=2) + "\n")
    assert few == json.loads(COMMITTED.read_text())
    assert max(few.values()) <= 20


DAILY = [
    "home",
    "portfolio",
    "at risk",
    "account",
    "account health",
    "alerts",
    "tasks",
    "calendar",
    "clocks",
    "plans",
    "plan",
]


@pytest.mark.parametrize("name", DAILY)
def test_the_daily_pages_take_few(name):
    # Home counts the day's work as well; a plan shows all that hangs on it.
    assert json.loads(COMMITTED.read_text())[name] <= {"home": 11, "plan": 16}.get(name, 8)
