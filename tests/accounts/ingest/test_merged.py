"""Accounts that somebody merges before, during and after an import: nothing is lost, nothing comes twice."""

from datetime import date, timedelta

import pytest

from accounts.ingest import run as running
from accounts.ingest.errors import UndoRefused
from accounts.ingest.undo import undo
from accounts.models import Account, ImportRun, Ticket, Usage
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
