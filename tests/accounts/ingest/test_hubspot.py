"""The shapes HubSpot comes in: warehouse sync (real sample files) and the export of its pages."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, AccountAlias, Activity, Contact, HeldRow, Opportunity, Ticket
from tests.accounts.ingest.samples import HUBSPOT

pytestmark = pytest.mark.django_db


def test_companies_of_a_warehouse_sync(load):
    result = load(HUBSPOT("company_data.csv"), feed="accounts", mapping="hubspot")
    assert (result.rows_read, result.created, result.rejected) == (24, 24, 0)
    assert result.source == "hubspot"
    assert Account.objects.filter(source="hubspot").count() == 24
    assert Account.objects.get(external_id="2182162682").country == "United States"


@pytest.mark.parametrize(
    ("feed", "name", "rows"),
    [
        ("contacts", "contact_data.csv", 22),
        ("opportunities", "deal_data.csv", 44),
        ("tickets", "ticket_data.csv", 25),
        ("activities", "engagement_call_data.csv", 1),
        ("activities", "engagement_email_data.csv", 1),
        ("activities", "engagement_meeting_data.csv", 100),
    ],
)
def test_what_names_no_company_is_left_out_with_a_notice(load, feed, name, rows):
    result = load(HUBSPOT(name), feed=feed, mapping="hubspot")
    assert (result.loaded, result.rejected) == (0, 0)
    assert sum(str(rows) in text and "left out" in text for text in result.warnings) == 1


def test_links_beside_the_file_name_the_company_of_a_deal(write, load):
    load(HUBSPOT("company_data.csv"), feed="accounts", mapping="hubspot")
    write(
        "company_id,deal_id,_fivetran_deleted\n"
        "2182162682,1244495215,false\n2319384765,1244495215,false\n"
        "2319384765,1075671446,TRUE\n2319384765.0,1075671446,false\n",
        "deal_company_data.csv",
    )
    deals = write(HUBSPOT("deal_data.csv").read_bytes(), "deal_data.csv")
    result = load(deals, feed="opportunities", mapping="hubspot")
    assert (result.created, result.rejected) == (2, 0)
    found = Opportunity.objects.values_list("external_id", "account__external_id")
    assert dict(found) == {"1244495215": "2182162682", "1075671446": "2319384765"}
    assert any("1 id has several rows in deal_company_data.csv" in w for w in result.warnings)
    assert any("42 rows were left out" in w for w in result.warnings)


def test_links_may_be_named(write, load):
    load(HUBSPOT("company_data.csv"), feed="accounts", mapping="hubspot")
    links = write("ticket_id,company_id\n307034542,2182162682\n", "anything.csv")
    result = load(
        HUBSPOT("ticket_data.csv"),
        feed="tickets",
        mapping="hubspot",
        files={"ticket_company": links},
    )
    assert result.created == 1
    ticket = Ticket.objects.get()
    assert (ticket.external_id, str(ticket.opened_on)) == ("307034542", "2021-02-16")


def test_meetings_are_meetings_although_their_file_does_not_say_so(write, load):
    load(HUBSPOT("company_data.csv"), feed="accounts", mapping="hubspot")
    links = write("engagement_id,company_id\n3416212491,2182162682\n", "links.csv")
    load(
        HUBSPOT("engagement_meeting_data.csv"),
        feed="activities",
        mapping="hubspot",
        files={"engagement_company": links},
    )
    meeting = Activity.objects.get()
    assert (meeting.kind, str(meeting.on)) == ("meeting", "2019-09-26")


COMPANIES = """Record ID,Company name,Company owner,Create Date,Last Activity Date,Industry,\
Country/Region,Merged Company IDs
5001,Acme,Jo Doe,2024-01-05 14:22,2026-10-01 09:30,Software,Germany,4001;4002
5002,Globex,,2024-02-01 08:00,,,,
"""
CONTACTS = """Record ID,First Name,Last Name,Email,Associated Company IDs,Job Title,Create Date
76340251;46897301,Ada,Byron,ada@example.test,5001;5002,CTO,2024-03-01 10:00
9,Bob,,bob@example.test,,,2024-03-01 10:00
10,Cyd,Ray,cyd@example.test,4002,,2024-03-02 10:00
"""


def test_the_export_of_its_pages(write, load):
    result = load(write(COMPANIES), feed="accounts", mapping="hubspot")
    assert (result.created, result.rejected) == (2, 0)
    acme = Account.objects.get(external_id="5001")
    assert (acme.name, acme.industry, str(acme.last_touch_on), acme.owner) == (
        "Acme",
        "Software",
        "2026-10-01",
        None,
    )
    assert any("Company owner" in w and "Jo Doe" in w for w in result.warnings)
    assert set(AccountAlias.objects.values_list("external_id", "account__external_id")) == {
        ("4001", "5001"),
        ("4002", "5001"),
    }
    result = load(write(CONTACTS, "contacts.csv"), feed="contacts", mapping="hubspot")
    assert (result.created, result.rejected, HeldRow.objects.count()) == (2, 0, 0)
    ada = Contact.objects.get(email="ada@example.test")
    assert (ada.external_id, ada.name, ada.account.external_id, ada.title) == (
        "76340251",
        "Ada Byron",
        "5001",
        "CTO",
    )
    # 4002 was merged into 5001.
    assert Contact.objects.get(email="cyd@example.test").account == acme
    assert any("1 row was left out" in warning for warning in result.warnings)


def test_links_are_named_in_a_shell(write, db):
    call_command("import_feed", "accounts", HUBSPOT("company_data.csv"), mapping="hubspot")
    links = write("ticket_id,company_id\n307034542,2182162682\n", "anything.csv")
    deals = ["import_feed", "tickets", str(HUBSPOT("ticket_data.csv")), "--mapping", "hubspot"]
    call_command(*deals, "--with", f"ticket_company={links}")
    assert Ticket.objects.count() == 1
    with pytest.raises(CommandError, match="NAME=FILE"):
        call_command(*deals, "--with", str(links))
