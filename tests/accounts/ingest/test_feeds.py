"""Every feed the same four ways: load, load again, change, take back."""

from datetime import date

import pytest

from accounts.ingest.feeds import FEEDS
from accounts.ingest.undo import undo
from accounts.models import (
    Account,
    Activity,
    Contact,
    ContactState,
    FeatureUse,
    Goal,
    GoalProgress,
    HeldRow,
    ImportChange,
    ImportRun,
    Invoice,
    LifecycleEvent,
    Opportunity,
    OpportunityState,
    OwnerPeriod,
    Payment,
    Reading,
    Source,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
    Usage,
)

BOOK = "id,name,customer_since\n1,A,2026-01-01\n2,B,\n"
DAY, LATER = date(2026, 11, 20), date(2026, 11, 21)
# Feed, file, the same with one change, and what has to be there first.
CASES = {
    "contacts": (
        "contact_id,account_id,first_name,last_name,email,champion,created_at\n"
        "c1,1,Ann,Lee,ann@a.test,yes,2026-02-01\nc2,2,Bo,,,no,\n",
        ("yes,2026", "no,2026"),
        (),
    ),
    "opportunities": (
        "id,account_id,name,stage,amount,created_date,close_date\n"
        "o1,1,Deal,Negotiation,1000,2026-03-01,2026-12-01\n"
        "o2,2,Old,Closed Won,500.50,2026-03-01,2026-06-01\n",
        ("Negotiation", "Closed Lost"),
        (),
    ),
    "activities": (
        "id,account_id,type,date,outcome\na1,1,Phone call,2026-11-01,connected\n"
        "a2,2,QBR,2026-10-01,\n",
        ("connected", "busy"),
        (),
    ),
    "tickets": (
        "id,account_id,priority,created_at,first_response_at,escalated\n"
        "t1,1,P1,2026-11-01T10:00:00Z,2026-11-01T11:30:00Z,yes\nt2,2,low,2026-11-02,,no\n",
        ("P1", "P2"),
        (),
    ),
    "usage": (
        "account_id,date,measure,value\n1,2026-11-01,logins,5\n2,2026-11-01,logins,6\n",
        ("logins,5", "logins,50"),
        (),
    ),
    "features": (
        "account_id,feature,first_used_on,last_used_on\n"
        "1,Report Builder,2026-05-01,2026-06-01\n2,Report Builder,2026-07-01,\n",
        ("2026-06-01", "2026-08-01"),
        (),
    ),
    "surveys": (
        "id,account_id,kind,sent_on,score\ns1,1,NPS,2026-09-01,9\ns2,2,NPS,2026-09-01,\n",
        (",9\n", ",3\n"),
        (),
    ),
    "invoices": (
        "id,account_id,issued_on,due_on,amount\ni1,1,2026-09-01,2026-10-01,100\n"
        "i2,2,2026-09-01,,200\n",
        ("2026-10-01,100", "2026-10-02,100"),
        (),
    ),
    "payments": (
        "id,invoice_id,date,amount\np1,i1,2026-09-20,60\np2,i1,2026-09-25,40\n",
        ("2026-09-20", "2026-09-21"),
        ("invoices",),
    ),
    "subscriptions": (
        "id,account_id,product,seats,arr,start_date,end_date\n"
        "b1,1,Pro,10,1200,2026-01-01,2026-12-31\nb2,2,Pro,5,600,2026-01-01,2027-01-31\n",
        ("Pro,10", "Pro,12"),
        (),
    ),
    "subscription_events": (
        "id,subscription_id,kind,date,arr_change\ne1,b1,Upgrade,2026-05-01,200\n"
        "e2,b2,cancelled,2026-10-01,-600\n",
        ("200", "250"),
        ("subscriptions",),
    ),
    "goals": (
        "id,account_id,kind,title,target,actual\ng1,1,KPI,Faster,10,4\ng2,2,milestone,Live,,\n",
        (",4\n", ",5\n"),
        (),
    ),
    "lifecycle": (
        "id,account_id,stage,date,reason\nl1,1,Adoption,2026-02-01,\nl2,2,Churned,2026-10-01,Price\n",
        ("Adoption", "Growth"),
        (),
    ),
    "metrics": (
        "account_id,date,metric,value\n1,2026-11-01,nps,40\n2,2026-11-01,total_contacts,6\n",
        (",40", ",41"),
        (),
    ),
}
TABLES = (
    Account,
    Activity,
    Contact,
    ContactState,
    FeatureUse,
    Goal,
    GoalProgress,
    HeldRow,
    Invoice,
    LifecycleEvent,
    Opportunity,
    OpportunityState,
    OwnerPeriod,
    Payment,
    Reading,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
    Usage,
)


def facts():
    """Every fact there is, as values without row numbers and stamps."""
    gone = {"id", "updated_at", "created_at", "settled_at", "state"}
    return {
        model.__name__: sorted(
            str({k: v for k, v in row.items() if k not in gone}) for row in model.objects.values()
        )
        for model in TABLES
    }


def counts(result):
    return (result.created, result.updated, result.unchanged, result.held, result.rejected)


def test_every_feed_of_facts_has_its_case():
    assert set(CASES) | {"accounts", "account_metrics"} == set(FEEDS)


@pytest.mark.parametrize("feed", CASES)
def test_load_again_change_undo(load, feed):
    text, (old, new), first = CASES[feed]
    load(BOOK, feed="accounts")
    for other in first:
        load(CASES[other][0], feed=other)
    empty = facts()

    loaded = load(text, feed=feed)
    assert counts(loaded) == (2, 0, 0, 0, 0)
    full = facts()
    assert full != empty
    assert counts(load(text, feed=feed)) == (0, 0, 2, 0, 0)
    assert facts() == full

    changed = load(text.replace(old, new), feed=feed, as_of=LATER)
    assert counts(changed)[:3] in {(0, 1, 1), (1, 0, 1)}
    assert facts() != full
    undo(ImportRun.objects.get(pk=changed.run_id), by=None)
    assert facts() == full
    undo(ImportRun.objects.get(pk=loaded.run_id), by=None)
    assert facts() == empty
    assert Source.objects.filter(key="generic").exists()


@pytest.mark.parametrize("feed", CASES)
def test_a_dry_run_of_any_feed_writes_nothing(load, feed):
    text, _, first = CASES[feed]
    load(BOOK, feed="accounts")
    for other in first:
        load(CASES[other][0], feed=other)
    before, changes = facts(), ImportChange.objects.count()
    dry = load(text, feed=feed, dry_run=True)
    assert counts(dry) == (2, 0, 0, 0, 0)
    assert dry.sample
    assert (facts(), ImportChange.objects.count()) == (before, changes)


def test_contact_states_hold_from_the_day_they_were_told(load):
    load(BOOK, feed="accounts")
    text = "id,account_id,name,champion,known_on\nc1,1,Ann,{},2026-02-01\n"
    load(text.format("yes"), feed="contacts", as_of=date(2026, 3, 1))
    load(text.format("no"), feed="contacts", as_of=date(2026, 9, 1))
    # An older file arrives last: it is true of its own time only.
    load(text.format("no"), feed="contacts", as_of=date(2026, 5, 1))
    periods = ContactState.objects.values_list("valid_from", "valid_to", "is_champion")
    assert list(periods) == [
        (date(2026, 2, 1), date(2026, 5, 1), True),
        (date(2026, 5, 1), date(2026, 9, 1), False),
        (date(2026, 9, 1), None, False),
    ]


def test_a_contact_was_active_no_earlier_than_it_was(load):
    load(BOOK, feed="accounts")
    load(
        "id,account_id,name,known_on,last_active_on\nc1,1,Ann,2026-02-01,2026-10-05\n",
        feed="contacts",
    )
    assert list(ContactState.objects.values_list("valid_from", "last_active_on")) == [
        (date(2026, 2, 1), None),
        (date(2026, 10, 5), date(2026, 10, 5)),
    ]


def test_a_deal_is_open_until_the_day_it_closed(load):
    load(BOOK, feed="accounts")
    load(CASES["opportunities"][0], feed="opportunities")
    won = OpportunityState.objects.filter(opportunity__external_id="o2")
    assert list(won.values_list("valid_from", "valid_to", "status")) == [
        (date(2026, 3, 1), date(2026, 6, 1), "open"),
        (date(2026, 6, 1), None, "won"),
    ]


def test_what_follows_from_facts(load):
    load(BOOK, feed="accounts")
    for feed in ("subscriptions", "subscription_events", "invoices", "payments"):
        load(CASES[feed][0], feed=feed)
    for feed in ("activities", "tickets", "lifecycle"):
        load(CASES[feed][0], feed=feed)
    first, second = Account.objects.order_by("external_id")
    assert (first.arr_amount, first.renewal_on) == (120000, date(2026, 12, 31))
    assert first.last_touch_on == date(2026, 11, 1)
    assert first.lifecycle_stage == "Adoption"
    assert (second.churned_on, second.churn_reason) == (date(2026, 10, 1), "Price")
    assert Invoice.objects.get(external_id="i1").paid_on == date(2026, 9, 25)
    assert Subscription.objects.get(external_id="b2").ended_on == date(2026, 10, 1)
    ticket = Ticket.objects.get(external_id="t1")
    assert (ticket.first_response_minutes, ticket.escalated_on) == (90, DAY)
    load("account_id,stage,date\n2,Onboarding,2026-11-01\n", feed="lifecycle")
    second.refresh_from_db()
    assert (second.lifecycle_stage, second.churned_on) == ("Onboarding", None)


def test_an_account_knows_its_parent_in_any_order(load):
    result = load("id,name,parent\n1,Child,2\n2,Group,\n3,Other,9\n", feed="accounts")
    assert result.held == 0
    assert Account.objects.get(external_id="1").parent.name == "Group"
    load("id,name\n9,Late\n", feed="accounts")
    assert Account.objects.get(external_id="3").parent.name == "Late"


def test_owners_and_stages_are_kept_by_date(load, make_user):
    make_user("anna")
    bert = make_user("bert")
    text = "id,name,owner,stage\n1,A,{},{}\n"
    load(text.format("anna", "Onboarding"), feed="accounts", as_of=date(2026, 3, 1))
    load(text.format("bert", "Growth"), feed="accounts", as_of=date(2026, 6, 1))
    periods = OwnerPeriod.objects.order_by("valid_from").values_list(
        "owner__username", "valid_from", "valid_to"
    )
    assert list(periods) == [
        ("anna", date(2026, 3, 1), date(2026, 6, 1)),
        ("bert", date(2026, 6, 1), None),
    ]
    assert Account.objects.get().owner == bert
    stages = LifecycleEvent.objects.order_by("on").values_list("stage", "on")
    assert list(stages) == [("Onboarding", date(2026, 3, 1)), ("Growth", date(2026, 6, 1))]


def test_a_churn_flag_that_contradicts_the_date_is_counted_not_believed(load):
    result = load("id,name,churned,churned_on\n1,A,no,2026-05-01\n", feed="accounts")
    account = Account.objects.get()
    assert (account.churn_flag, account.churned_on) == (False, date(2026, 5, 1))
    assert any("churn flag" in warning for warning in result.warnings)


def test_events_before_the_account_existed_load_with_a_warning(load):
    load(BOOK, feed="accounts")
    result = load("account_id,kind,on\n1,call,2025-12-31\n", feed="activities")
    assert counts(result) == (1, 0, 0, 0, 0)
    assert any("before the account" in warning for warning in result.warnings)


def test_the_second_use_of_an_id_is_rejected_with_the_first_row_named(load):
    load(BOOK, feed="accounts")
    result = load(
        "id,account_id,priority,created_at\nt1,1,low,2026-11-01\nt1,1,high,2026-11-01\n",
        feed="tickets",
    )
    assert counts(result) == (1, 0, 0, 0, 1)
    assert "row 2" in result.errors[0].reason


def test_rows_wait_for_their_account_and_load_once_it_appears(load):
    text = "id,account_id,priority,created_at\nt1,7,low,2026-11-01T10:00:00Z\nt2,8,P1,2026-11-02\n"
    first = load(text, feed="tickets", as_of=date(2026, 11, 3))
    assert counts(first) == (0, 0, 0, 2, 0)
    assert counts(load(text, feed="tickets")) == (0, 0, 0, 2, 0)
    assert HeldRow.objects.filter(state="waiting").count() == 2
    usage = "account_id,date,measure,value\n7,2026-11-01,logins,5\n"
    assert counts(load(usage, feed="usage")) == (0, 0, 0, 1, 0)
    book = load("id,name\n7,Seven\n", feed="accounts")
    ticket = Ticket.objects.get()
    assert (ticket.account.name, ticket.import_run_id) == ("Seven", first.run_id)
    assert Usage.objects.get().value == 5
    assert HeldRow.objects.filter(state="waiting").values_list("account_external_id").get() == (
        "8",
    )
    # Without the account they wait again.
    undo(ImportRun.objects.get(pk=book.run_id), by=None)
    assert not Ticket.objects.exists()
    assert HeldRow.objects.filter(state="waiting").count() == 3


def test_accounts_of_another_system_are_named_by_its_ids(load):
    load(BOOK, feed="accounts", source="crm")
    load("id,name\n1,Impostor\n", feed="accounts", source="erp")
    text = "id,account_id,priority,created_at\nt1,1,low,2026-11-01\n"
    assert counts(load(text, feed="tickets", source="desk")) == (0, 0, 0, 1, 0)
    assert counts(load(text, feed="tickets", source="help", account_source="crm"))[0] == 1
    assert Ticket.objects.get().account.name == "A"


def test_wide_usage_counts_rows_and_a_value_comes_once(load):
    load(BOOK, feed="accounts")
    text = "account_id,date,measure:logins,sessions\n1,2026-11-01,5,7\n2,2026-11-01,,8\n"
    assert counts(load(text, feed="usage")) == (2, 0, 0, 0, 0)
    assert Usage.objects.count() == 3
    again = load(text + "1,2026-11-01,6,\n1,2026-11-02,x,1\n3,2026-11-02,1,1\n", feed="usage")
    assert counts(again) == (0, 0, 2, 1, 2)
    assert sorted(error.row for error in again.errors) == [4, 5]
