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

from scoring.metrics import catalogue
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
    with pytest.MonkeyPatch.context() as patched:
        # A process reads its own metrics anew every ten seconds: now and then some page here met that.
        patched.setattr(catalogue, "_FRESH_SECONDS", 3600)
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
        16,
        "eight when remembered; cold the choices, the cuts and a statement a table of facts besides",
    ),
    "data quality": (12, "five of them are the profile of the feeds, for admins only"),
    "metric": (
        12,
        "the catalogue's definitions, profiles and readers, and four reads of how fresh its feeds are",
    ),
    "metrics": (
        11,
        "the same of every metric",
    ),
    "metrics filtered": (
        11,
        "the same of every metric",
    ),
    "team": (
        9,
        "accounts, work, alerts and absences of everybody, and what was given away lately",
    ),
    "assign": (
        12,
        "what would move, and the load and the experience of everyone who could have it",
    ),
    "hand-over": (
        18,
        "the whole of an account on one page, to be printed: fourteen kinds of rows, a table each",
    ),
    "plan": (
        15,
        "nine kinds of rows hang on a plan, one of them notes with whom they mention",
    ),
    "trigger": (
        10,
        "three measures of its alerts, each along an index of its own; alerts, replays, changes",
    ),
    "playbook dry run": (
        18,
        "asked of the code that starts plans: the account's figures, roles, absences, hours",
    ),
}


def most_of(name: str) -> int:
    return MORE.get(name, (MOST, ""))[0]


@pytest.mark.parametrize("name", json.loads(COMMITTED.read_text()))
def test_a_page_takes_few(name):
    assert json.loads(COMMITTED.read_text())[name] <= most_of(name)
