"""Imports that broke off: they end as if nothing had happened, and remember how to read the file."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from accounts.ingest import load as loading
from accounts.ingest import run as running
from accounts.models import Account, ImportRun, Opportunity

from .conftest import DAY


def test_imports_killed_in_the_middle_of_a_chunk_end_like_undisturbed_ones(tmp_path):
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'book.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "csm.settings",
        "PYTHONPATH": str(Path(__file__).resolve().parents[3]),
    }
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("killed_import.py"), tmp_path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for told in json.loads(done.stdout.splitlines()[-1]).values():
        assert told["between"] == [signal.SIGKILL, "running", 200]
        assert told["same"] == {"facts": True, "told": True, "errors": True}
        # Every fiftieth row and one id twice; a sixth of the rest waits.
        assert told["rejected"] == 12
        assert told["held"] > 80


@pytest.fixture
def breaking(monkeypatch):
    """Make the second chunk of 100 fail; returns what mends it."""
    monkeypatch.setattr(running, "_CHUNK_ROWS", 100)
    apply, calls = loading.apply, []

    def fail(planned, run):
        calls.append(run)
        if len(calls) == 2:
            raise ValueError("the cable was pulled")
        apply(planned, run)

    monkeypatch.setattr(loading, "apply", fail)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("as_file", [True, False])
def test_a_resumed_import_reads_the_file_as_it_began(write, load, tmp_path, breaking, as_file):
    Account.objects.bulk_create(
        Account(external_id=str(i), name=f"A{i}", source="crm") for i in range(250)
    )
    links = write("Deal,Customer\n" + "".join(f"d{i},{i}\n" for i in range(250)), "elsewhere.csv")
    spec = (
        "source: erp\ncolumns: {Deal: external_id, Titel: name, Wert: amount, Ende: expected_close_on}\n"
        "set: {opened_on: 1/2/2026, stage: Open}\n"
        "join: {name: links, file: links.csv, 'on': {Deal: Deal}, take: {Customer: account_id}}\n"
    )
    mapping = write(spec, "erp.yaml")
    if not as_file:
        mapping = yaml.safe_load(spec)
    text = "Deal;Titel;Wert;Ende\n" + "".join(f"d{i};T;1,5;1/12/2026\n" for i in range(250))
    path, errors = write(text, "deals.csv"), tmp_path / "errors.csv"
    how = {
        "feed": "opportunities",
        "mapping": mapping,
        "account_source": "crm",
        "date_order": "dmy",
        "decimal": ",",
        "files": {"links": links},
        "errors_path": errors,
    }
    with pytest.raises(ValueError, match="cable"):
        load(path, **how)
    if as_file:
        # What the mapping was counts, not what has become of its file.
        mapping.unlink()
    run = ImportRun.objects.get(feed="opportunities")
    assert (run.state, run.position) == ("failed", 100)
    result = running.import_file("opportunities", path, run=run)
    assert (result.created, result.rejected, result.held, result.source) == (250, 0, 0, "erp")
    first, *_, last = Opportunity.objects.order_by("pk")
    assert [f.amount for f in (first, last)] == [150, 150]
    assert {str(f.expected_close_on) for f in (first, last)} == {"2026-12-01"}
    assert str(last.opened_on) == "2026-02-01"
    assert {f.account.source for f in (first, last)} == {"crm"}
    assert (result.mapping, result.as_of) == (run.mapping, DAY)


@pytest.mark.django_db(transaction=True)
def test_what_is_given_again_counts(write, load, breaking):
    path = write("id,name,renewal\n" + "".join(f"{i},A{i},2/1/2026\n" for i in range(250)))
    with pytest.raises(ValueError, match="cable"):
        load(path, feed="accounts", date_order="dmy")
    load(path, feed="accounts", date_order="mdy", run=ImportRun.objects.get())
    assert str(Account.objects.get(external_id="1").renewal_on) == "2026-01-02"
    assert str(Account.objects.get(external_id="249").renewal_on) == "2026-02-01"
