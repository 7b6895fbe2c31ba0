"""SQLite and PostgreSQL give the same metrics of the same facts."""

import os
import subprocess
import sys
from datetime import date, timedelta
from io import StringIO

import pandas as pd
import pytest
from django.conf import settings
from django.db import connection

from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.read import frame
from tests.scoring.metrics import book

DAY = date(2026, 11, 20)
_ON_SQLITE = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from accounts.models import Account
from tests.scoring.metrics.test_databases import whole
make = lambda: Account.objects.create(external_id=str(Account.objects.count()), name="A")
print(whole([make() for _ in range(3)]).to_json(orient="values", double_precision=12))
"""


def whole(accounts):
    for days in (420, 60):
        book.facts(accounts, DAY - timedelta(days=days), DAY, seed=days, n=10)
    keys = [key for key, metric in CATALOGUE.items() if metric.is_derived]
    ids = [account.pk for account in accounts]
    rows = frame(keys, as_of=DAY, first_id=min(ids), last_id=max(ids))
    return rows[keys].reset_index(drop=True)


@pytest.mark.skipif(connection.vendor == "sqlite", reason="compares with SQLite")
def test_both_databases_give_the_same(make_account):
    here = whole([make_account(arr_amount=None) for _ in range(3)])
    done = subprocess.run(
        [sys.executable, "-c", _ON_SQLITE],
        cwd=settings.BASE_DIR,
        env=os.environ
        | {"DATABASE_URL": "sqlite://:memory:", "DJANGO_SETTINGS_MODULE": "csm.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    there = pd.read_json(StringIO(done.stdout), orient="values", dtype=float)
    there.columns = here.columns
    pd.testing.assert_frame_equal(here, there, rtol=1e-9)
