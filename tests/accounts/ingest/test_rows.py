from datetime import date

import pytest

from accounts.ingest.errors import UnknownFeed
from accounts.ingest.rows import load_rows
from accounts.models import Account, Activity, Contact, HeldRow, ImportRun, Reading, Ticket, Usage

DAY = date(2026, 11, 20)


def send(feed, rows, **options):
    return load_rows(feed, rows, **({"source": "api", "by": None, "as_of": DAY} | options))


@pytest.fixture
def book(db):
    return send("accounts", [{"external_id": "1", "name": "A"}, {"external_id": "2", "name": "B"}])


def test_each_row_says_what_became_of_it(book):
    assert [(r.index, r.status, r.id) for r in book] == [
        (0, "created", Account.objects.get(external_id="1").pk),
        (1, "created", Account.objects.get(external_id="2").pk),
    ]
    rows = [
        {"external_id": "c1", "account_id": "1", "name": "Ann", "is_champion": True},
        {"external_id": "c2", "account_id": "9", "name": "Bo"},
        {"external_id": "c3", "account_id": "1", "nam": "Cy"},
        {"external_id": "c4", "account_id": 1, "left_on": "soon"},
        {"account_id": "1", "name": "Di"},
        {"external_id": "c1", "account_id": "1"},
        {"external_id": "c5", "account_id": "1", "name": {}},
    ]
    results = send("contacts", rows)
    statuses = ["created", "held", *["rejected"] * 5]
    assert [result.status for result in results] == statuses
    assert results[0].id == Contact.objects.get().pk
    assert [result.errors[0].row for result in results[2:]] == [3, 4, 5, 6, 7]
    assert "name" in results[2].errors[0].remedy
    run = ImportRun.objects.latest("pk")
    assert (run.state, run.rows_read, run.rows_held, run.rows_rejected) == ("done", 7, 1, 5)
    assert [r.status for r in send("contacts", rows[:1])] == ["unchanged"]
    rows[0]["name"] = "Anna"
    assert [r.status for r in send("contacts", rows[:1])] == ["updated"]
    send("accounts", [{"external_id": "9", "name": "Nine"}])
    assert Contact.objects.get(external_id="c2").account.name == "Nine"


def test_values_of_json_mean_what_they_say(book):
    send("accounts", [{"external_id": "1", "arr": 12.5, "tags": ["x", "y"], "churn_flag": False}])
    account = Account.objects.get(external_id="1")
    assert (account.arr_amount, account.tags, account.churn_flag) == (1250, ["x", "y"], False)
    send("accounts", [{"external_id": "1", "arr": None, "metric:nps_score": 40}])
    account.refresh_from_db()
    assert account.arr_amount == 1250
    assert Reading.objects.get().metrics == {"nps_score": 40}
    assert (
        send("usage", [{"account_id": "1", "on": "2026-11-01", "measure:new_one": 3}])[0].id is None
    )
    assert Usage.objects.get().measure.key == "new_one"


def test_accounts_of_others_are_as_unknown(book):
    mine = Account.objects.filter(external_id="1")
    rows = [
        {"account_id": "1", "kind": "call", "on": "2026-11-01"},
        {"account_id": "2", "kind": "call", "on": "2026-11-01"},
        {"account_id": "3", "kind": "call", "on": "2026-11-01"},
    ]
    results = send("activities", rows, accounts=mine)
    assert [r.status for r in results] == ["created", "rejected", "rejected"]
    assert results[1].errors[0].reason == results[2].errors[0].reason
    assert not HeldRow.objects.exists()
    changed = [{"external_id": "2", "name": "Z"}, {"external_id": "5", "name": "New"}]
    assert {r.status for r in send("accounts", changed, accounts=mine)} == {"rejected"}
    assert set(Account.objects.values_list("name", flat=True)) == {"A", "B"}


def test_a_row_cannot_be_taken_from_a_colleagues_account(book):
    row = {"external_id": "a1", "account_id": "2", "kind": "call", "on": "2026-11-01"}
    send("activities", [row])
    mine = Account.objects.filter(external_id="1")
    assert send("activities", [row | {"account_id": "1"}], accounts=mine)[0].status == "rejected"
    assert Activity.objects.get().account.external_id == "2"


def test_a_dry_run_and_an_unknown_feed_write_nothing(book):
    runs = ImportRun.objects.count()
    row = {"account_id": "1", "on": "2026-11-01", "measure": "brand_new", "value": 3}
    assert send("usage", [row], dry_run=True)[0].status == "created"
    with pytest.raises(UnknownFeed):
        send("contact", [{}])
    assert ImportRun.objects.count() == runs
    assert not Usage.objects.exists()


def test_true_is_no_id(admin, make_account):
    make_account("Acme", external_id="A-1")
    rows = [{"external_id": True, "account_id": "A-1", "opened_on": "2026-11-01"}]
    (result,) = load_rows("tickets", rows, source="desk", by=admin)
    assert result.status == "rejected"
    assert result.errors[0].column == "external_id"
    assert not Ticket.objects.exists()
