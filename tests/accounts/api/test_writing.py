"""What programs write: through the validation of files, to accounts they may change, once."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.utils import timezone

from accounts.api import idempotency, writing
from accounts.api.resources import RESOURCES
from accounts.models import Account, HeldRow, IdempotentRequest, ImportRun, Invoice, Payment, Ticket

# A row of each feed beyond ids, as a program sends it.
ROWS = {
    "contacts": {"external_id": "C1", "name": "Ann", "is_champion": True},
    "opportunities": {"external_id": "O1", "opened_on": "2026-11-02", "amount": "1234.50"},
    "activities": {"external_id": "V1", "kind": "call", "on": "2026-11-02", "sentiment": -0.5},
    "tickets": {"external_id": "T1", "opened_on": "2026-11-02", "severity": "high"},
    "usage": {"on": "2026-11-02", "measure": "logins", "value": 12},
    "features": {"external_id": "F1", "feature": "reports", "on": "2026-11-02", "uses": 3},
    "surveys": {"external_id": "S1", "kind": "nps", "sent_on": "2026-11-02", "score": 9},
    "invoices": {"external_id": "I1", "issued_on": "2026-11-02", "amount": 99.95},
    "subscriptions": {"external_id": "B1", "started_on": "2026-11-02", "arr_amount": 12000},
    "subscription_events": {"external_id": "E1", "kind": "renewal", "on": "2026-11-02"},
    "goals": {"external_id": "G1", "title": "Live", "agreed_on": "2026-11-02"},
    "lifecycle": {"external_id": "L1", "stage": "Growth", "on": "2026-11-02"},
    "metrics": {"on": "2026-11-02", "metric": "nps_score", "value": 30},
}


def send(program, feed, *rows, source="generic", **more):
    return program.post(
        f"/api/v1/{feed}/", {"source": source, "rows": list(rows), **more.pop("body", {})}, **more
    )


def status_of(response):
    assert response.status_code in (200, 207), response.content
    return [result["status"] for result in response.json()["results"]]


def test_every_feed_is_here():
    assert {resource.key for resource in RESOURCES} == {*ROWS, "accounts", "payments"}


@pytest.mark.parametrize("feed", ROWS)
def test_a_row_is_created_then_unchanged_and_reads_back(feed, book, owner, api):
    program = api(owner)
    row = ROWS[feed] | {"account_id": book[0].external_id}
    first = send(program, feed, row)
    assert status_of(first) == ["created"], first.content
    assert status_of(send(program, feed, row)) == ["unchanged"]
    listed = program.get(f"/api/v1/{feed}/", {"account": book[0].pk, "source": "generic"}).json()
    if feed == "metrics":
        assert {"nps_score": 30} in [each["metrics"] for each in listed["results"]]
        return
    (back,) = listed["results"]
    if (made := first.json()["results"][0]["id"]) is not None:
        assert back["id"] == made
    for name, value in row.items():
        told = float(back[name]) if name in ("amount", "arr_amount") else back[name]
        assert told == (float(value) if name in ("amount", "arr_amount") else value), name
    # What is read may be sent again as it is.
    columns = next(r for r in RESOURCES if r.key == feed).feed.by_target
    again = {name: value for name, value in back.items() if name in columns}
    assert status_of(send(program, feed, again)) == ["unchanged"]


def test_one_bad_row_does_not_stop_the_others_and_says_why(book, owner, api):
    good = ROWS["tickets"] | {"account_id": book[0].external_id}
    answer = send(
        api(owner),
        "tickets",
        good,
        good | {"external_id": "T2", "severity": "terrible", "opened_on": "2026-13-01"},
        {"account_id": book[0].external_id},
        good | {"external_id": "T4"},
    )
    assert answer.status_code == 207
    body = answer.json()
    assert [r["status"] for r in body["results"]] == ["created", "rejected", "rejected", "created"]
    assert [r["index"] for r in body["results"]] == [0, 1, 2, 3]
    assert body["counts"] == {
        "created": 2, "updated": 0, "unchanged": 0, "held": 0, "rejected": 2
    }  # fmt: skip
    faults = {fault["column"]: fault for fault in body["results"][1]["errors"]}
    assert set(faults) == {"severity", "opened_on"}
    assert faults["severity"]["value"] == "terrible"
    assert faults["severity"]["reason"]
    assert faults["severity"]["remedy"]
    assert Ticket.objects.count() == 2
    run = ImportRun.objects.get(file_name="API")
    assert (run.started_by, run.created_count, run.rows_rejected) == (owner, 2, 2)


def test_a_trial_says_what_would_happen_and_does_nothing(book, owner, api):
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    answer = send(api(owner), "tickets", row, body={"dry_run": True})
    assert status_of(answer) == ["created"]
    assert answer.json()["dry_run"] is True
    assert not Ticket.objects.exists()


@pytest.mark.parametrize("feed", [*ROWS, "accounts"])
def test_others_accounts_answer_like_unknown_ones(feed, book, outsider, owner, api, south):
    """An outsider, and a CSM for a colleague's account they may read: the very same words."""
    for user, theirs in ((outsider, book[0]), (owner, book[3])):
        program = api(user)
        key = "external_id" if feed == "accounts" else "account_id"
        row = ROWS.get(feed, {"name": "Stolen"})
        answers = []
        for external_id in (theirs.external_id, "nobody-has-this"):
            answer = send(program, feed, row | {key: external_id})
            text = answer.content.decode().replace(external_id, "ID")
            answers.append((answer.status_code, text))
            assert status_of(answer) == ["rejected"]
        assert answers[0] == answers[1]
    assert not HeldRow.objects.exists()
    assert Account.objects.count() == len(book)
    assert not Account.objects.filter(name="Stolen").exists()


def test_a_known_id_does_not_open_anothers_row(book, owner, colleague, api):
    """The row is a colleague's: neither changed nor moved to one's own account."""
    send(api(colleague), "tickets", ROWS["tickets"] | {"account_id": book[3].external_id})
    answer = send(
        api(owner),
        "tickets",
        ROWS["tickets"] | {"account_id": book[0].external_id, "severity": "low"},
    )
    assert status_of(answer) == ["rejected"]
    ticket = Ticket.objects.get()
    assert (ticket.account, ticket.severity) == (book[3], "high")


def test_a_payment_is_of_ones_own_invoice_only(book, owner, colleague, api):
    send(api(colleague), "invoices", ROWS["invoices"] | {"account_id": book[3].external_id})
    pay = {"external_id": "P1", "invoice_id": "I1", "on": "2026-11-05", "amount": 99.95}
    program = api(owner)
    for account in ({}, {"account_id": book[0].external_id}):
        theirs = send(program, "payments", pay | account)
        nobodys = send(program, "payments", pay | account | {"invoice_id": "I2"})
        assert status_of(theirs) == ["rejected"]
        assert theirs.content.replace(b"I1", b"I2") == nobodys.content
    assert not Payment.objects.exists()
    assert Invoice.objects.get().paid_on is None
    assert status_of(send(api(colleague), "payments", pay)) == ["created"]
    assert Invoice.objects.get().paid_on is not None


def test_contacts_of_others_are_not_referred_to(book, owner, colleague, api):
    send(api(colleague), "contacts", ROWS["contacts"] | {"account_id": book[3].external_id})
    row = ROWS["activities"] | {"account_id": book[0].external_id, "contact_id": "C1"}
    assert status_of(send(api(owner), "activities", row)) == ["created"]
    program = api(owner)
    (back,) = program.get("/api/v1/activities/").json()["results"]
    assert back["contact_id"] is None


@pytest.mark.parametrize(
    ("who", "expected"),
    [("owner", 200), ("manager", 200), ("admin", 200), ("colleague", 207), ("executive", 403)],
)
def test_roles_write_what_they_may_change(who, expected, people, book, api):
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    assert send(api(people[who]), "tickets", row).status_code == expected
    assert Ticket.objects.exists() is (expected == 200)


def test_only_admins_make_accounts_and_their_rows_wait_for_them(book, manager, admin, api):
    new = {"external_id": "NEW", "name": "Brand New"}
    ticket = ROWS["tickets"] | {"account_id": "NEW"}
    assert status_of(send(api(manager), "accounts", new)) == ["rejected"]
    assert status_of(send(api(admin), "tickets", ticket)) == ["held"]
    assert status_of(send(api(admin), "accounts", new)) == ["created"]
    assert Ticket.objects.get().account.name == "Brand New"


def test_a_thousand_rows_take_as_many_queries_as_ten(
    book, admin, api, django_assert_max_num_queries
):
    from django.test.utils import CaptureQueriesContext

    def rows(count, start):
        return [
            ROWS["tickets"]
            | {"external_id": f"T{start + n}", "account_id": book[n % 5].external_id}
            for n in range(count)
        ]

    program, counts = api(admin), []
    for count in (10, 1000):
        with CaptureQueriesContext(connection) as queries:
            assert send(program, "tickets", *rows(count, count)).status_code == 200
        counts.append(len(queries))
    # Long lists of values go in batches, so a few more are allowed, not one per row.
    assert counts[1] <= counts[0] + 10


@pytest.mark.parametrize(
    ("column", "value", "allowed"),
    [
        ("name", "Renamed", {"owner", "manager", "admin"}),
        ("owner", "colleague", {"manager", "admin"}),
        ("team", "North", {"admin"}),
        ("merged_ids", ["A-OLD"], {"admin"}),
        ("parent_id", "A0002", {"admin"}),
    ],
)
def test_who_may_say_what_of_an_account(column, value, allowed, book, people, make_account, api):
    row = {"external_id": book[0].external_id, column: value}
    for who in ("owner", "manager", "admin"):
        good = {"external_id": book[1].external_id, "country": "Chile"}
        statuses = status_of(send(api(people[who]), "accounts", row, good))
        # Each after the other: the second to say it changes nothing.
        assert (statuses[0] != "rejected") is (who in allowed), who
        assert (statuses[1] != "rejected") is (who != "owner" or book[1].owner == people[who])


def test_ids_of_others_cannot_be_joined_to_ones_own(book, owner, api):
    row = {"external_id": f"{book[0].external_id};{book[3].external_id}", "name": "Both"}
    assert status_of(send(api(owner), "accounts", row)) == ["rejected"]


# Idempotency


def with_key(key):
    return {"headers": {"idempotency-key": key}}


def test_the_same_request_again_gets_the_same_answer(book, owner, colleague, api):
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    program = api(owner)
    first = send(program, "tickets", row, **with_key("k1"))
    again = send(program, "tickets", row, **with_key("k1"))
    assert status_of(first) == status_of(again) == ["created"]
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert ImportRun.objects.filter(file_name="API").count() == 1
    other = send(program, "tickets", row | {"severity": "low"}, **with_key("k1"))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = send(program, "activities", row, **with_key("k1"))
    assert elsewhere.status_code == 422
    # Keys are each person's own.
    assert send(api(colleague), "tickets", row, **with_key("k1")).status_code == 207


@pytest.mark.parametrize("key", ["", "a b", "x" * 121, "ü"])
def test_a_key_that_cannot_be_kept_is_refused(key, book, owner, api):
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    assert send(api(owner), "tickets", row, **with_key(key)).status_code == 400
    assert not Ticket.objects.exists()


def test_a_refused_request_leaves_its_key_free(book, owner, api):
    program = api(owner)
    assert send(program, "tickets", **with_key("k1")).status_code == 400
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    assert status_of(send(program, "tickets", row, **with_key("k1"))) == ["created"]


def test_rows_and_answer_are_kept_together_or_not_at_all(book, owner, api, monkeypatch):
    row = ROWS["tickets"] | {"account_id": book[0].external_id}
    monkeypatch.setattr(IdempotentRequest, "save", None)
    program = api(owner)
    failed = send(program, "tickets", row, **with_key("k1"))
    assert failed.status_code == 500
    assert not Ticket.objects.exists()
    assert not IdempotentRequest.objects.filter(status__isnull=False).exists()


def test_old_answers_are_forgotten(owner):
    for days in (6, 8):
        row = IdempotentRequest.objects.create(user=owner, key=f"d{days}", digest="x", status=200)
        IdempotentRequest.objects.filter(pk=row.pk).update(at=timezone.now() - timedelta(days=days))
    assert idempotency.prune() == 1
    assert IdempotentRequest.objects.get().key == "d6"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_write_once(make_account, owner, north, api, monkeypatch):
    """The second is told to wait while the first works, and gets its answer afterwards."""
    account = make_account(owner=owner, team=north)
    row = ROWS["tickets"] | {"account_id": account.external_id}
    working, go_on = threading.Event(), threading.Event()
    load = writing.load_rows

    def slowly(*args, **kwargs):
        working.set()
        assert go_on.wait(10)
        return load(*args, **kwargs)

    monkeypatch.setattr(writing, "load_rows", slowly)
    answers = {}
    programs = {"first": api(owner), "second": api(owner)}

    def call(name):
        try:
            answers[name] = send(programs[name], "tickets", row, **with_key("k1"))
        finally:
            connections.close_all()

    first = threading.Thread(target=call, args=("first",))
    first.start()
    assert working.wait(10)
    mark_seen = cache.get(
        f"api-idempotent:{owner.pk}:{idempotency.hashlib.sha256(b'k1').hexdigest()}"
    )
    refused = send(programs["second"], "tickets", row, **with_key("k1"))
    go_on.set()
    first.join(20)
    assert mark_seen == 1
    assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_flight")
    assert refused["Retry-After"] == "1"
    assert status_of(answers["first"]) == ["created"]
    call("second")
    assert answers["second"]["Idempotency-Replayed"] == "true"
    assert answers["second"].json() == answers["first"].json()
    assert Ticket.objects.count() == 1
