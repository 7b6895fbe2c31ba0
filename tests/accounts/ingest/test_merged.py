"""Accounts that somebody merges before, during and after an import: nothing is lost, nothing comes twice."""

from datetime import date, timedelta

import pytest

from accounts.ingest import run as running
from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import undo
from accounts.models import Account, AccountAlias, ImportRun, Reading, Ticket, Usage
from accounts.trust import merge

from .conftest import DAY


def account(external_id):
    return Account.objects.get(external_id=external_id)


def merged(kept, other):
    return merge.merge(account(kept), account(other), on=DAY, by=None)


def test_an_import_whose_accounts_are_merged_cannot_be_undone(load):
    load("id,name\nY,Yew\n", feed="accounts")
    load("ticket_id,account_id,opened_on\nT1,Y,2026-11-01\n", feed="tickets")
    run = ImportRun.objects.get(pk=load("id,name\nX,Oak\n", feed="accounts").run_id)
    done = merged("X", "Y")
    with pytest.raises(UndoRefused, match="Yew was merged into Oak: undo that merge first"):
        undo(run, by=None)
    assert Ticket.objects.get().account == account("X")
    merge.undo(done, by=None)
    assert undo(run, by=None).accounts_deleted == 1
    assert Ticket.objects.get().account == account("Y")


def test_a_merge_during_an_import_of_usage_counts_from_the_next_chunk(load, monkeypatch):
    load("id,name\nX,Oak\nY,Yew\n", feed="accounts")
    monkeypatch.setattr(running, "_USAGE_ROWS", 100)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(200)]
    text = "account_id,on,measure,value\n" + "".join(f"Y,{day},logins,1\n" for day in days)
    chunks = []

    def progress(done, size):
        if not chunks:
            merged("X", "Y")
        chunks.append(Usage.objects.filter(account=account("X")).count())

    load(text, feed="usage", progress=progress)
    assert chunks == [100, 200]
    assert not Usage.objects.filter(account=account("Y")).exists()


def figures(external_id):
    return list(
        Reading.objects.filter(account__external_id=external_id)
        .order_by("on", "source")
        .values_list("on", "source", "metrics")
    )


@pytest.mark.parametrize("order", ["XY", "YX"])
def test_rows_of_a_merged_account_go_to_the_one_that_was_kept(load, order):
    rows = {"X": "X,Oak,Retail,2,\n", "Y": "Y,Yew,Media,9,3\n"}
    text = "id,name,industry,nps,csat\n" + "".join(rows[name] for name in order)
    load(text, as_of=DAY - timedelta(days=2))
    merged("X", "Y")
    first = account("X").updated_at
    result = load(text)
    assert (result.created, result.readings_created) == (0, 1)
    assert any("merged into another" in warning for warning in result.warnings)
    assert [on for on, *_ in figures("Y")] == [DAY - timedelta(days=2)]  # it stayed behind
    assert figures("X")[-1][2] == {"nps_score": 2.0, "csat_score": 3.0}
    assert (account("X").name, account("X").industry) == ("Oak", "Retail")
    assert (account("Y").name, account("X").updated_at) == ("Yew", first)
    again = load(text)
    assert (again.updated, again.readings_changed) == (0, 0)
    undo(ImportRun.objects.get(pk=result.run_id), by=None)
    assert [on for on, *_ in figures("X")] == [DAY - timedelta(days=2)]


def test_an_id_that_is_an_alias_makes_no_account(load):
    load("id,name,nps\nX,Oak,2\n", source="crm")
    AccountAlias.objects.create(source="billing", external_id="B7", account=account("X"))
    for nps in (5, 6):
        result = load(f"id,name,nps\nB7,Oak & Co,{nps}\n", source="billing")
        assert (result.created, result.updated) == (0, 1)
    assert (Account.objects.get().name, Account.objects.get().external_id) == ("Oak", "X")
    assert [(source, told["nps_score"]) for _, source, told in figures("X")] == [
        ("billing", 6.0),
        ("crm", 2.0),
    ]
