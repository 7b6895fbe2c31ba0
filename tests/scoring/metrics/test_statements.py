"""What a range of accounts reads in one statement is what one statement an account reads, to the last bit."""

from datetime import date, timedelta

import numpy as np
import pytest
from django.db import connection

from accounts.models import Activity
from scoring.metrics import facts
from scoring.metrics.activity import ACTIVITIES
from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.derive import parts_of
from scoring.metrics.statements import side_by_side
from tests.scoring.metrics import book

DAY = date(2026, 11, 20)
CLOCK = facts.Clock(DAY)


def one_by_one(part, account, measures):
    """The aggregate as it is written, over the rows of one account and nothing else left out."""
    table = part.table
    query = facts._Query(DAY, account, account, measures)
    since = DAY - timedelta(days=max(part.days or 0, part.reach))
    window = f'x.account_id = {account} AND x."{table.on}" <= $as_of'
    window += f' AND x."{table.on}" > $since' if table.windowed else ""
    where = f" WHERE {table.where}" if table.where else ""
    inside = f'(SELECT * FROM {table.name} x WHERE {window} ORDER BY x."{table.on}", x.id) f{where}'
    if table.fold:
        inside = f"(SELECT {table.by}, {table.fold} FROM {inside} GROUP BY {table.by}) f"
    with connection.cursor() as cursor:
        sql = f"SELECT COUNT(*), {part.sql} FROM {inside}"
        cursor.execute(query.fill(sql, since=since, measures=[part.measure]))
        rows, value = cursor.fetchone()
    return np.nan if value is None or not rows else float(value)


@pytest.fixture
def accounts(make_account):
    made = [make_account() for _ in range(8)]
    for days in (420, 100, 30):
        book.facts(made, DAY - timedelta(days=days), DAY, seed=days, n=12)
    return [account.pk for account in made]


def test_an_aggregate_is_what_its_own_words_say(accounts):
    parts = [part for part in parts_of(CATALOGUE.values()) if not part.table.rows]
    newest = facts.newest(parts, CLOCK)
    measures = facts.measure_ids([part.measure for part in parts if part.measure])
    told = [part for part in parts if not part.measure or part.measure in measures]
    span = {"ids": np.array(accounts), "first_id": accounts[0], "last_id": accounts[-1]}
    found = facts.read(parts, clock=CLOCK, newest=newest, **span)
    few = facts.read(parts, clock=CLOCK, newest=newest, only=accounts, **span)
    assert len(told) > 60
    seen = 0
    for part in told:
        np.testing.assert_array_equal(found[part], few[part])
        plain = np.array([one_by_one(part, account, measures) for account in accounts])
        # Whether a count of nothing is 0 or unknown is a rule of its own.
        something = ~np.isnan(plain) & (plain != 0)
        np.testing.assert_array_equal(found[part][something], plain[something], str(part.sql))
        assert not np.nan_to_num(found[part][~something]).any()
        seen += something.any()
    assert seen > 50


@pytest.mark.skipif(connection.vendor == "sqlite", reason="one process reads")
def test_several_processes_read_whole_accounts(make_account):
    """Else a mean of floats would depend on which of them met which row."""
    rng = np.random.default_rng(7)
    accounts = [make_account().pk for _ in range(40)]
    Activity.objects.bulk_create(
        Activity(
            account_id=account,
            source="test",
            external_id=f"{account}-{number}",
            kind="call",
            on=DAY - timedelta(days=number % 80),
            sentiment=float(rng.uniform(-1, 1)),
        )
        for number in range(100)
        for account in accounts
    )
    parts = [part for part in parts_of(CATALOGUE.values()) if part.table == ACTIVITIES]
    wanted = ", ".join(part.sql for part in parts)
    query = facts._Query(DAY, accounts[0], accounts[-1], {})
    joined, lateral = (
        query.fill(ACTIVITIES.select(wanted, few=few), since=DAY - timedelta(days=90))
        for few in (False, True)
    )
    with side_by_side(), connection.cursor() as cursor:
        cursor.execute("ANALYZE accounts_account; ANALYZE accounts_activity")
        cursor.execute("SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {joined}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(joined)
        shared = sorted(cursor.fetchall())
        cursor.execute(lateral)
        assert shared == sorted(cursor.fetchall()), plan
    assert len(shared) == len(accounts)
    assert plan.index("Gather") < plan.index("Nested Loop"), plan
    assert plan.index("accounts_account a") < plan.index("accounts_activity f"), plan
