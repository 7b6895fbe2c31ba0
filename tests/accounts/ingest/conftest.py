"""Files to import, written on the spot."""

from datetime import date
from pathlib import Path

import pytest

from accounts.ingest.run import import_file
from accounts.models import Account, ImportChange, ImportRun, Reading

DAY = date(2026, 11, 20)
HEADER = "account_id,account_name,total_contacts,contacts_with_email,annual_revenue"


@pytest.fixture
def write(tmp_path):
    """Write `content` (text as UTF-8, or bytes) to a file and return its path."""

    def make(content, name="accounts.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return make


@pytest.fixture
def load(write, db):
    """Import text, bytes or a path through `account_metrics` as of `DAY`."""

    def run(content, *, feed="account_metrics", **options):
        path = content if isinstance(content, Path) else write(content)
        return import_file(feed, path, **({"as_of": DAY} | options))

    return run


@pytest.fixture
def contents(db):
    """Every row an import could touch, to compare before and after."""

    def read():
        return [
            list(model.objects.order_by("pk").values())
            for model in (Account, Reading, ImportRun, ImportChange)
        ]

    return read
