"""An admin brings a file in: chooses it, corrects a column, tries it out, loads it, mends what was refused."""

from urllib.parse import urlsplit

import pytest
from django.db import connection
from playwright.sync_api import expect

from accounts.models import Account, ImportRun

FILE = (
    "Customer No,Company name,Sector,Yearly figure,Renewal\n"
    'C-1,Quiet Quarries,Mining,"1,200",2027-03-01\n'
    "C-2,Rapid Rivers,Energy,plenty,2027-04-01\n"
)


@pytest.fixture
def _readers_do_not_lock(db):
    """The test database lives in memory, where a reader would lock the loading thread out at once."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA read_uncommitted = 1")


@pytest.fixture
def chosen(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text(FILE)
    return path


@pytest.fixture
def check(admin, visit, accessibility):
    """Look at the address a page shows in a page of its own: axe tries styles the policy refuses."""

    def look(page) -> None:
        other = visit(urlsplit(page.url).path, admin)
        assert not accessibility(other)
        other.close()

    return look


@pytest.mark.usefixtures("_readers_do_not_lock", "long_work")
def test_a_file_is_tried_loaded_and_undone(book, admin, visit, chosen, check):
    page = visit("/imports/new/", admin)
    page.set_input_files("#id_file", chosen)
    page.fill("#id_source", "ledger")
    page.get_by_role("button", name="Go on to the columns").click()
    expect(page.locator("h1")).to_have_text("customers.csv", timeout=20_000)
    if page.locator("#id_feed").input_value() != "accounts":
        page.select_option("#id_feed", "accounts")
        page.get_by_role("button", name="Read it like this").click()

    page.get_by_label("Customer No is read as").select_option("external_id")
    page.get_by_label("Yearly figure is read as").select_option("arr")
    page.get_by_role("button", name="Read it like this").click()
    expect(page.locator("td.has-fault")).to_contain_text("plenty", timeout=20_000)
    check(page)

    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#tried")).to_contain_text("Would create", timeout=20_000)
    expect(page.locator("#tried")).to_contain_text("Quiet Quarries")
    check(page)
    assert not Account.objects.filter(source="ledger").exists()

    page.get_by_role("button", name="Load", exact=True).click()
    expect(page.get_by_role("heading", name="Rejected rows")).to_be_visible(timeout=20_000)
    check(page)
    run = ImportRun.objects.get()
    assert (run.state, run.created_count, run.rows_rejected) == ("done", 1, 1)
    assert Account.objects.get(source="ledger").arr_amount == 120_000
    with page.expect_download() as download:
        page.get_by_role("link", name="Rows to mend").click()
    assert "Rapid Rivers" in download.value.path().read_text("utf-8-sig")

    page.get_by_role("link", name="Undo", exact=True).click()
    expect(page.locator("main")).to_contain_text("deletes")
    check(page)
    page.get_by_role("button", name="Undo the import").click()
    expect(page.get_by_text("is undone")).to_be_visible()
    assert not Account.objects.filter(source="ledger").exists()
    assert not page.problems
