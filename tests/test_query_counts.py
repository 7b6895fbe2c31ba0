"""Queries per page: the same with 3 and with 30 accounts, as committed, at most 8 unless a reason is named.

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
    if RECORD:
        COMMITTED.write_text(json.dumps(few, indent=2, sort_keys=True) + "\n")
    if connection.vendor == "postgresql":
        # It estimates and guesses where SQLite counts: what is written down is SQLite's.
        assert {name: n for name, n in many.items() if n > few[name]} == {}
        return
    assert few == many
    assert few == json.loads(COMMITTED.read_text())


MOST = 8
# What is remembered is forgotten before a page is counted here: some of these take fewer in the day's work.
MORE = {
    "insights": (
        20,
        "figures of seven kinds and a statement a table of facts, the latter remembered",
    ),
    "data quality": (13, "six of them are the profile of the feeds, for admins only"),
    "sources": (9, "the profile of the feeds, for admins only"),
    "metric": (13, "every table the metric is read from, shown beside it"),
    "metrics": (12, "every table metrics are read from"),
    "metrics filtered": (12, "every table metrics are read from"),
    "team": (14, "seven kinds of work, each grouped by colleague"),
    "assign": (20, "the team's work, and four kinds of things that would move"),
    "hand-over": (19, "the whole of an account on one page"),
    "plan": (16, "a plan shows all that hangs on it"),
    "trigger": (12, "its measures, its versions, its alerts and replays"),
    "playbook dry run": (18, "a recipe, and all of an account it asks about"),
}


@pytest.mark.parametrize("name", json.loads(COMMITTED.read_text()))
def test_a_page_takes_few(name):
    most, _ = MORE.get(name, (MOST, ""))
    assert json.loads(COMMITTED.read_text())[name] <= most
