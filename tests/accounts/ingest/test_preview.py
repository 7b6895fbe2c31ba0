import pytest

from accounts.ingest.errors import UnreadableFile
from accounts.ingest.preview import preview, suggest_feed
from tests.accounts.ingest.samples import HUBSPOT, SALESFORCE

FILE = (
    "Support cases\n\n"
    "Ticket ID,Account ID,Opened,Prioritty,Priority,Colour,Health Score\n"
    "1,A-1,03/04/2026,x,high,red,7\n"
    "2,A-1,05/04/2026,y,whenever,blue,8\n"
    "\nTotal,,,,,,15\n"
)


@pytest.mark.django_db
def test_a_preview_says_what_each_column_is_and_what_stands_in_the_way(write):
    seen = preview(write(FILE), "tickets")
    assert (seen.encoding, seen.delimiter, seen.header_row) == ("utf-8", ",", 3)
    guesses = {guess.header: guess for guess in seen.guesses}
    assert guesses["Account ID"].target == "account_id"
    assert guesses["Account ID"].confidence == 1
    assert (guesses["Ticket ID"].target, guesses["Ticket ID"].confidence) == ("external_id", 0.9)
    assert guesses["Ticket ID"].samples == ("1", "2")
    assert guesses["Health Score"].target == "ignore"
    assert "never an input" in guesses["Health Score"].why
    assert (guesses["Colour"].target, guesses["Colour"].confidence) == ("", 0)
    assert seen.ambiguous == {"Opened": ["03/04/2026", "05/04/2026"]}
    assert not seen.can_load
    assert [row.number for row in seen.rows] == [4, 5]
    opened, priority = seen.rows[1].cells[2], seen.rows[1].cells[4]
    assert "day or month first" in opened.fault
    assert (priority.text, priority.value) == ("whenever", "")
    assert "Accepted: critical" in priority.remedy
    assert len(seen.notices) == 2

    told = preview(write(FILE), "tickets", date_order="dmy")
    assert told.can_load
    assert told.rows[0].cells[2].value == "2026-04-03"


@pytest.mark.django_db
def test_a_name_like_a_known_one_is_proposed_but_not_taken(write):
    (_, _, _, guess) = preview(
        write("ticket_id,account_id,opened_at,Prioritty\n1,A,2026-01-01,high\n"), "tickets"
    ).guesses
    assert (guess.target, guess.proposal) == ("", "severity")
    assert 0 < guess.confidence < 0.9


@pytest.mark.django_db
def test_a_preview_lists_all_that_is_missing_and_clashes(write):
    seen = preview(write("id,ticket_id,subject\n1,2,x\n"), "tickets")
    assert seen.missing[0] == "key column (the account's id)"
    assert "column of these: opened_on" in seen.missing[1]
    assert any("both mean external_id" in fault for fault in seen.faults)


@pytest.mark.django_db
def test_dates_below_the_rows_shown_decide_the_order(write):
    body = "".join(f"{n},A,03/04/2026\n" for n in range(50))
    path = write(f"ticket_id,account_id,opened\n{body}50,A,04/25/2026\n")
    seen = preview(path, "tickets")
    assert seen.rows[0].cells[2].value == "2026-03-04"
    assert preview(path, "tickets", scan=False).ambiguous


@pytest.mark.django_db
def test_queries_of_a_preview_do_not_grow(write, django_assert_max_num_queries):
    path = write("id,name\n" + "".join(f"{n},X\n" for n in range(1000)))
    with django_assert_max_num_queries(5):
        assert len(preview(path, "accounts").rows) == 20


@pytest.mark.django_db
def test_what_is_no_table_is_refused(write):
    with pytest.raises(UnreadableFile):
        preview(write(b""), "accounts")


@pytest.mark.parametrize(
    ("header", "feed"),
    [
        ("account_id,name,industry,arr", "accounts"),
        ("id,account_id,subject,priority,created_at", "tickets"),
        ("deal_id,company_id,stage,amount,created_at,close_date", "opportunities"),
        ("account_id,date,measure,value", "usage"),
        ("account_id,date,metric,value", "metrics"),
        ("invoice_id,customer_id,due_date,amount,paid_at", "invoices"),
        ("contact_id,account_id,email,first_name,job_title", "contacts"),
        ("subscription_id,customer_id,plan,seats,start_date", "subscriptions"),
        ("colour,shape", "accounts"),
    ],
)
def test_the_feed_is_guessed_from_the_headers(header, feed):
    assert suggest_feed(header.split(",")) == feed


@pytest.mark.parametrize(
    ("mapping", "path", "feed"),
    [
        ("salesforce", lambda: SALESFORCE("accountData.csv"), "accounts"),
        ("salesforce", lambda: SALESFORCE("opportunityData.csv"), "opportunities"),
        ("hubspot", lambda: HUBSPOT("contact_data.csv"), "contacts"),
        ("hubspot", lambda: HUBSPOT("deal_data.csv"), "opportunities"),
        ("hubspot", lambda: HUBSPOT("ticket_data.csv"), "tickets"),
        ("hubspot", lambda: HUBSPOT("engagement_meeting_data.csv"), "activities"),
    ],
)
def test_the_feed_of_a_crms_file_is_guessed(mapping, path, feed):
    header = path().read_text(encoding="cp1252").splitlines()[0].replace('"', "").split(",")
    assert suggest_feed(header, mapping) == feed
