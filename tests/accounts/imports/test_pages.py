"""From the file to the facts and back, through the pages."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.imports import jobs
from accounts.models import Account, HeldRow, ImportRun, SavedMapping, Ticket
from tests.accounts.imports.files import HEADER, rows

BAD = HEADER + (
    "C-1,One,Retail,100,2027-01-31,4\n"
    "C-2,Two,Retail,a lot,2027-01-31,4\n"
    "C-3,=HYPERLINK(),Retail,-5,2027-02-31,4\n"
)


def text_of(response) -> str:
    return b"".join(response.streaming_content).decode("utf-8-sig")


def test_a_dry_run_says_what_loading_then_does(upload, load, client):
    run = load(upload(rows(30)), **{"try": "1"})
    assert run.state == "uploaded"
    assert not Account.objects.exists()
    tried = run.options["tried"]
    assert (tried["rows_read"], tried["created"], tried["rejected"]) == (30, 30, 0)
    page = client.get(f"/imports/{run.pk}/mapping/").content.decode()
    assert "Would create" in page
    assert "Customer 1" in page

    run = load(run)
    assert (run.state, run.rows_read, run.created_count) == ("done", 30, 30)
    assert Account.objects.filter(source="crm").count() == 30
    # Again: the very same rows change nothing.
    twice = load(upload(rows(30)))
    assert (twice.created_count, twice.updated_count, twice.unchanged_count) == (0, 0, 30)
    page = client.get(f"/imports/{run.pk}/").content.decode()
    assert "accounts.csv" in page


def test_rejected_rows_come_back_to_be_mended_and_load(upload, load, client):
    run = load(upload(BAD))
    assert (run.created_count, run.rows_rejected) == (1, 2)
    page = client.get(f"/imports/{run.pk}/").content.decode()
    assert "a lot" in page

    mended = list(csv.reader(io.StringIO(text_of(client.get(f"/imports/{run.pk}/rejected.csv")))))
    assert mended[0][:6] == HEADER.strip().split(",")
    assert [row[0] for row in mended[1:]] == ["C-2", "C-3"]
    assert mended[2][1] == "'=HYPERLINK()"
    assert mended[2][3] == "-5"
    assert mended[1][6] == "3"
    assert "arr" in mended[1][7]
    errors = list(csv.reader(io.StringIO(text_of(client.get(f"/imports/{run.pk}/errors.csv")))))
    assert [row[0] for row in errors[1:]] == ["3", "4", "4"]

    mended[1][3], mended[2][3], mended[2][4] = "200", "5", "2027-02-28"
    out = io.StringIO()
    csv.writer(out).writerows(mended)
    again = load(upload(out.getvalue()))
    assert (again.created_count, again.rows_rejected) == (2, 0)


def test_a_wrong_guess_is_corrected_and_remembered(upload, load, form, client):
    strange = "Nr;Kunde;Jahresumsatz\nK1;Eins;1.234,50\nK2;Zwei;2.000,00\n"
    run = upload(strange, "kunden.csv", feed="accounts")
    page = client.get(f"/imports/{run.pk}/mapping/")
    assert "message-error" in page.content.decode()
    refused = client.post(f"/imports/{run.pk}/start/", form(run))
    assert refused["Location"] == f"/imports/{run.pk}/mapping/"

    said = form(run) | {
        "target-0": "external_id",
        "target-1": "name",
        "target-2": "arr",
        "decimal": ",",
        "name": "kunden",
        "keep": "1",
    }
    client.post(f"/imports/{run.pk}/mapping/save/", said)
    assert SavedMapping.objects.get().name == "kunden"
    load(run)
    assert sorted(Account.objects.values_list("name", "arr_amount")) == [
        ("Eins", 123_450),
        ("Zwei", 200_000),
    ]
    # The next file of this shape needs nothing by hand.
    again = load(upload(strange.replace("2.000", "3.000"), feed="accounts", mapping="kunden"))
    assert (again.updated_count, again.unchanged_count) == (1, 1)


def test_ambiguous_dates_are_asked_for(upload, load, client):
    head = "account_id,name,renewal_date\n"
    run = upload(head + "C-1,One,03/04/2027\nC-2,Two,05/06/2027\n", feed="accounts")
    assert "03/04/2027" in client.get(f"/imports/{run.pk}/mapping/").content.decode()
    load(run, date_order="dmy")
    assert Account.objects.get(external_id="C-1").renewal_on.isoformat() == "2027-04-03"


def test_rows_of_unknown_accounts_are_held_and_shown(upload, load, client):
    load(upload(rows(1)))
    tickets = "ticket_id,account_id,opened_on,severity\nT1,C-00001,2026-11-01,high\n"
    run = load(upload(tickets + "T2,C-00002,2026-11-02,low\n", "tickets.csv", feed="tickets"))
    assert (run.created_count, run.rows_held, run.rows_rejected) == (1, 1, 0)
    assert HeldRow.objects.get().account_external_id == "C-00002"
    assert Ticket.objects.count() == 1
    assert "not there yet" in client.get(f"/imports/{run.pk}/").content.decode()


def test_undo_does_what_its_page_says_and_the_file_can_be_loaded_again(upload, load, client):
    load(upload(rows(3)))
    run = load(upload(rows(4).replace("Customer 2", "Second")))
    page = client.get(f"/imports/{run.pk}/undo/").context["preview"]
    assert (1, "account") in page.deleted
    assert (1, "account") in page.restored
    client.post(f"/imports/{run.pk}/undo/")
    run.refresh_from_db()
    assert run.state == "undone"
    assert Account.objects.count() == 3
    assert Account.objects.get(external_id="C-00002").name == "Customer 2"

    response = client.post(f"/imports/{run.pk}/again/")
    again = load(ImportRun.objects.get(pk=int(response["Location"].split("/")[2])))
    assert (again.created_count, again.updated_count) == (1, 1)


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "empty.csv", "empty"),
        (b"PK\x03\x04" + bytes(4000), "book.xlsx", "Excel"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "picture.csv", "binary"),
        (b"a,b\n" * 30_000, "long.csv", "larger than"),
    ],
)
def test_what_is_no_table_is_refused_and_not_kept(
    content, name, says, client, admin, settings, tmp_path
):
    settings.IMPORT_MAX_BYTES = 100_000
    client.force_login(admin)
    fields = {"feed": "", "mapping": "", "source": "", "as_of": "2026-11-20"}
    response = client.post("/imports/upload/", fields | {"file": SimpleUploadedFile(name, content)})
    assert response.status_code == 422
    assert says in response.content.decode()
    assert str(tmp_path) not in response.content.decode()
    assert not ImportRun.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_others_find_nothing(upload, load, people, client):
    run = load(upload(BAD))
    waiting = upload(rows(2))
    addresses = [
        f"/imports/{run.pk}/",
        f"/imports/{run.pk}/undo/",
        f"/imports/{run.pk}/rejected.csv",
        f"/imports/{run.pk}/errors.csv",
        f"/imports/{waiting.pk}/mapping/",
        "/imports.csv",
    ]
    actions = [
        "/imports/upload/",
        f"/imports/{waiting.pk}/start/",
        f"/imports/{waiting.pk}/mapping/save/",
        f"/imports/{waiting.pk}/discard/",
        f"/imports/{run.pk}/undo/",
        f"/imports/{run.pk}/again/",
    ]
    for who, user in people.items():
        client.force_login(user)
        for url in addresses:
            assert client.get(url).status_code == (200 if who == "admin" else 404), (who, url)
        if who != "admin":
            assert {client.post(url).status_code for url in actions} == {404}
    run.refresh_from_db()
    assert run.state == "done"


def test_query_counts_do_not_grow(upload, load, client, django_assert_max_num_queries):
    runs = [load(upload(BAD, source=f"s{n}")) for n in range(6)]
    waiting = upload(rows(30))
    for url, most in {
        "/imports/": 8,
        f"/imports/{runs[0].pk}/": 8,
        f"/imports/{runs[0].pk}/undo/": 8,
        f"/imports/{waiting.pk}/mapping/": 13,
    }.items():
        client.get(url)
        with django_assert_max_num_queries(most):
            assert client.get(url).status_code == 200


def test_a_discarded_upload_leaves_nothing(upload, client, tmp_path):
    run = upload(rows(2))
    client.post(f"/imports/{run.pk}/discard/")
    assert not ImportRun.objects.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_import_that_is_loaded_is_not_loaded_again(upload, load, client):
    run = load(upload(rows(2)))
    with pytest.raises(jobs.ImportRefused):
        jobs.queue(run)
    assert jobs.work(run.pk) is None
