"""CSV of the lists: exactly what the page shows, safe in a spreadsheet, recorded."""

import csv
import io
from urllib.parse import urlencode

import pytest

from accounts.models import AuditEvent
from csm.lib.spreadsheet import guarded
from csm.portfolio import exports, totals


def read(response):
    text = b"".join(response.streaming_content).decode("utf-8")
    assert text.startswith("\ufeff"), "Excel needs the mark"
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def export(client, user, path="/portfolio.csv", **params):
    client.force_login(user)
    return read(client.get(f"{path}?{urlencode({'scope': 'all', **params}, doseq=True)}"))


def page(client, user, path="/portfolio/", **params):
    client.force_login(user)
    response = client.get(f"{path}?{urlencode({'scope': 'all', 'per': 100, **params}, doseq=True)}")
    return [row.name for row in response.context["rows"]]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"sort": "-score"},
        {"sort": "arr", "churned": "all"},
        {"band": ["Low", "Medium"], "sort": "-account"},
        {"owner": "nobody"},
        {"q": "o", "page": 2},
        {"change": "down7"},
        {"renewal": 90},
        {"score_min": "nonsense"},
    ],
)
def test_the_file_holds_the_list_as_filtered_and_sorted(client, book, owner, params):
    assert [row["name"] for row in export(client, owner, **params)] == page(client, owner, **params)


@pytest.mark.parametrize("tab", ["", "unknown"])
def test_the_queue_exports_its_own_tab(client, book, owner, tab):
    rows = export(client, owner, "/at-risk.csv", tab=tab)
    assert [row["name"] for row in rows] == page(client, owner, "/at-risk/", tab=tab)
    assert all(row["why" if tab else "reason"] for row in rows)


def test_an_outsider_takes_nothing_out(client, book, outsider):
    for path in ("/portfolio.csv", "/at-risk.csv"):
        for scope in ("mine", "team", "all"):
            assert export(client, outsider, path, scope=scope) == []


def test_a_visitor_is_sent_to_the_log_in(client, book):
    assert client.get("/portfolio.csv")["Location"].startswith("/login/")


@pytest.mark.parametrize("start", list("=+-@") + ["\t", "\r", "\n"])
def test_no_cell_starts_a_formula(client, book, owner, start):
    text = f"{start}cmd|' /C calc'!A0"
    book[0].name = book[0].external_id = book[0].industry = text
    book[0].save()
    owner.first_name = f"{start}Eve"
    owner.save()
    row = next(row for row in export(client, owner) if "calc" in row["name"])
    assert row["name"] == row["account_id"] == row["industry"] == f"'{text}"
    # Around a full name blanks are taken off, a sign is not.
    assert row["owner"][0] in "'E"
    assert guarded("plain = text") == "plain = text"


def test_figures_stay_figures_and_unknown_stays_empty(client, book, owner):
    rows = {row["name"]: row for row in export(client, owner)}
    assert rows["Healthy Hats"]["arr"] == "120000.00"
    assert rows["Nobody's Nuts"]["arr"] == rows["Nobody's Nuts"]["owner"] == ""
    assert rows["Middling Mills"]["renewal_on"] == "2026-12-20"
    assert rows["Healthy Hats"]["as_of"] == "2026-11-20"
    assert 0 <= float(rows["Healthy Hats"]["score"]) <= 100


def test_every_export_is_recorded_with_its_filter(client, book, owner):
    export(client, owner, band="Low", sort="-arr")
    log = AuditEvent.objects.get(kind="export")
    assert (log.by, log.kind, log.what) == (owner, "export", "exported portfolio")
    assert "band=Low" in log.detail["query"]
    assert "sort=-arr" in log.detail["query"]
    assert log.detail["rows"] == len(page(client, owner, band="Low"))


@pytest.fixture
def long_list(client, owner, make_account, monkeypatch):
    """40 accounts, more than anybody counts here, sent ten at a time."""
    for number in range(40):
        make_account(f"Account {number:02d}", owner=owner)
    monkeypatch.setattr(exports, "_SENT", 10)
    monkeypatch.setattr(totals.counted, "__defaults__", (20,))
    client.force_login(owner)


def trail():
    return [
        (event.what, event.detail.get("rows"))
        for event in AuditEvent.objects.filter(kind="export").order_by("pk")
    ]


def test_a_long_list_is_sent_in_pieces_and_its_rows_counted_on_the_way(client, long_list):
    response = client.get("/portfolio.csv")
    assert trail() == [("exported portfolio", None)]
    pieces = list(response.streaming_content)
    assert len(pieces) == 5
    assert len(b"".join(pieces).splitlines()) == 41
    assert trail()[1:] == [("exported portfolio, to the end", 40)]


def test_a_download_that_breaks_off_is_noted(client, long_list):
    response = client.get("/portfolio.csv")
    next(response.streaming_content), next(response.streaming_content)
    response._iterator.close()
    assert trail()[1:] == [("exported portfolio, broken off", 10)]
