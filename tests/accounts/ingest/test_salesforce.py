"""The shapes Salesforce comes in: Data Loader (real sample files), reports, warehouse syncs."""

from datetime import date

import pytest

from accounts.models import (
    Account,
    Activity,
    Contact,
    HeldRow,
    Opportunity,
    OpportunityState,
    Reading,
    Ticket,
)
from tests.accounts.ingest.samples import SALESFORCE

pytestmark = pytest.mark.django_db


def test_accounts_and_opportunities_of_data_loader(load):
    result = load(SALESFORCE("accountData.csv"), feed="accounts", mapping="salesforce")
    assert (result.rows_read, result.created, result.rejected) == (423, 423, 0)
    assert (result.source, result.encoding) == ("salesforce", "cp1252")
    assert not Account.objects.exclude(owner=None).exists()
    assert [text for text in result.warnings if "OWNERID" in text]
    figures = [reading.metrics for reading in Reading.objects.all()]
    assert sum("annual_revenue" in told for told in figures) == 2
    assert sum("number_of_employees" in told for told in figures) == 7
    result = load(SALESFORCE("opportunityData.csv"), feed="opportunities", mapping="salesforce")
    assert (result.rows_read, result.created, result.held, result.rejected) == (38, 38, 0, 0)
    deal = Opportunity.objects.get(external_id="006x0000001YtCrAAK")
    assert deal.account.external_id == "001x0000002xLD0AAM"
    assert (deal.status, deal.amount, deal.stage) == ("won", 50_000_000, "Closed Won")
    assert (deal.probability, deal.expected_close_on) == (1.0, date(2005, 11, 9))
    assert OpportunityState.objects.filter(opportunity=deal).count() == 1
    again = load(SALESFORCE("opportunityData.csv"), feed="opportunities", mapping="salesforce")
    assert (again.unchanged, again.created, again.updated) == (38, 0, 0)


REPORT = (
    "\ufeffMy accounts\n\n"
    "Account ID,Account Name,Account Owner,Type,Billing Country,Employees,Annual Revenue,Last Activity\n"
    '001x0000002xLCV,Gravity,Jo Doe,Customer,Germany,"1,200","USD 1,200,000.00",10/25/2026\n'
    "001x0000002xLCW,BX,Jo Doe,Customer,,,,11/2/2026\n\n"
    "Grand Totals (2 records),,,,,,,\n"
    "Confidential Information - Do Not Distribute\n"
    '"Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved."\n'
)
CONTACTS = """Id,IsDeleted,AccountId,FirstName,LastName,Email,Title,OwnerId,CreatedDate
003x00000000001AAA,false,001x0000002xLCVAA2,Ada,Byron,ada@example.test,CTO,005x0000000fNSiAAM,2020-01-02T03:04:05.000Z
003x00000000002AAA,true,001x0000002xLCVAA2,Gone,Person,gone@example.test,,005x0000000fNSiAAM,2020-01-02T03:04:05.000Z
003x00000000003AAA,false,,No,Body,no@example.test,,005x0000000fNSiAAM,2020-01-02T03:04:05.000Z
"""
TASKS = """id,account_id,who_id,subject,activity_date,type,task_subtype,call_disposition,is_deleted
00Tx01,001x0000002xLCVAA2,003x00000000001AAA,Intro,2026-10-01,Call,Call,Left Message,false
00Tx02,001x0000002xLCVAA2,,Prepare,2026-10-02,,Task,,false
00Tx03,001x0000002xLCVAA2,,Offer,2026-10-03,Email,Email,,false
"""
EVENTS = """ID,ACCOUNTID,WHOID,SUBJECT,STARTDATETIME,ENDDATETIME
00Ux01,001x0000002xLCV,,Kickoff,2026-10-05T09:00:00.000Z,2026-10-05T10:00:00.000Z
"""
CASES = """Case Number,Case ID,Account ID,Subject,Priority,Status,Date/Time Opened,Date/Time Closed,Escalated
00001,500x01,001x0000002xLCV,Broken,High,Closed,"10/13/2026, 3:04 PM","10/14/2026, 9:00 AM",1
00002,500x02,001x0000002xLCW,Slow,Whenever,New,"10/20/2026, 3:04 PM",,0
Grand Totals (2 records)
"""


def test_reports_and_warehouse_syncs(write, load):
    result = load(write(REPORT), feed="accounts", mapping="salesforce")
    assert (result.created, result.rejected) == (2, 0)
    gravity = Account.objects.get(external_id="001x0000002xLCVAA2")
    assert (gravity.account_type, gravity.country) == ("Customer", "Germany")
    assert gravity.last_touch_on == date(2026, 10, 25)
    assert Account.objects.get(name="BX").last_touch_on == date(2026, 11, 2)
    assert Reading.objects.get(account=gravity).metrics == {
        "annual_revenue": 1_200_000.0,
        "number_of_employees": 1200,
    }
    assert any("3 lines of the report's footer" in text for text in result.warnings)

    result = load(write(CONTACTS, "contacts.csv"), feed="contacts", mapping="salesforce")
    assert (result.created, result.rejected) == (1, 0)
    assert Contact.objects.get().known_on == date(2020, 1, 2)
    left = [text for text in result.warnings if "left out" in text]
    assert left == [
        "1 row was left out: IsDeleted says true.",
        "1 row was left out: no account is named; export the associations too, or load the file again "
        "with a table that names it (--with NAME=FILE).",
    ]

    result = load(write(TASKS, "tasks.csv"), feed="activities", mapping="salesforce")
    assert (result.created, result.rejected) == (3, 0)
    load(write(EVENTS, "events.csv"), feed="activities", mapping="salesforce")
    kinds = dict(Activity.objects.values_list("external_id", "kind"))
    assert kinds == {"00Tx01": "call", "00Tx02": "other", "00Tx03": "email", "00Ux01": "meeting"}
    call = Activity.objects.get(external_id="00Tx01")
    assert (call.outcome, call.contact.name) == ("unanswered", "Ada Byron")

    result = load(write(CASES, "cases.csv"), feed="tickets", mapping="salesforce")
    assert (result.created, result.rejected) == (2, 0)
    broken, slow = Ticket.objects.order_by("external_id")
    assert (broken.severity, broken.opened_on, broken.closed_on) == (
        "high",
        date(2026, 10, 13),
        date(2026, 10, 14),
    )
    assert broken.escalated_on is not None
    assert slow.severity == ""
    assert any("Priority" in text and "Whenever" in text for text in result.warnings)
    assert not HeldRow.objects.exists()
