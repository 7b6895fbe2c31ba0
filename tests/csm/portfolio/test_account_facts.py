"""An account's facts on its pages: all of them, in order, with what is unknown called unknown."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts import measures
from accounts.models import (
    Activity,
    AuditEvent,
    Contact,
    CustomField,
    Feature,
    FeatureUse,
    Goal,
    GoalProgress,
    Invoice,
    LifecycleEvent,
    Opportunity,
    OwnerPeriod,
    Subscription,
    SubscriptionEvent,
    Survey,
    Ticket,
    Usage,
)
from csm.portfolio.facts import timeline, usage
from csm.portfolio.facts.tabs import LISTINGS, TABS
from tests.conftest import NIGHT

DAY = NIGHT - timedelta(days=20)


def told(model, account, **values):
    """A fact of an account with an id of its own."""
    number = model.objects.count()
    return model.objects.create(account=account, external_id=f"{model.__name__}-{number}", **values)


@pytest.fixture
def full(book, owner):
    """The first account of the book with a fact of every kind."""
    account = book[0]
    ann = told(Contact, account, name="Ann", known_on=DAY, is_champion=True)
    told(Contact, account, name="Gone Gus", known_on=DAY, left_on=NIGHT - timedelta(days=3))
    told(Activity, account, kind="qbr", on=DAY, outcome="no_show", direction="out", subject="Q4")
    told(Activity, account, kind="call", on=date(2099, 1, 1))
    told(Ticket, account, subject="Broken", severity="critical", opened_on=DAY)
    told(Opportunity, account, name="More seats", opened_on=DAY, closed_on=NIGHT, status="won")
    contract = told(Subscription, account, product="Suite", started_on=DAY, arr_amount=1_200_000)
    told(SubscriptionEvent, account, subscription=contract, kind="upsell", on=NIGHT, arr_change=5)
    told(Invoice, account, number="R-1", issued_on=DAY, due_on=DAY, amount=99_900)
    told(Survey, account, kind="nps", sent_on=DAY, answered_on=NIGHT, score=9, contact=ann)
    goal = told(Goal, account, kind="roi", title="Payback", agreed_on=DAY, target=2, due_on=NIGHT)
    GoalProgress.objects.create(account=account, goal=goal, on=DAY, actual=1.5)
    GoalProgress.objects.create(account=account, goal=goal, on=date(2099, 1, 1), actual=9)
    told(LifecycleEvent, account, stage="Growth", on=DAY, reason="live")
    OwnerPeriod.objects.create(account=account, owner=owner, valid_from=DAY)
    ids = measures.measure_ids(["logins", "seats_licensed"])
    for days, value in ((0, 7), (10, 5), (40, 20)):
        on = NIGHT - timedelta(days=days)
        Usage.objects.create(account=account, measure_id=ids["logins"], on=on, value=value)
    Usage.objects.create(account=account, measure_id=ids["seats_licensed"], on=DAY, value=50)
    reports = Feature.objects.create(key="reports", label="Reports", is_core=True)
    told(FeatureUse, account, feature=reports, on=DAY)
    told(FeatureUse, account, feature=reports, on=NIGHT)
    return account


def text_of(client, name, account, **kwargs):
    return client.get(reverse(name, args=[account.pk], **kwargs)).content.decode()


def test_every_tab_shows_its_facts(full, owner, client):
    client.force_login(owner)
    pages = {
        key: client.get(reverse("account_facts", args=[full.pk, key])).content.decode()
        for key in TABS
    }
    for key, words in {
        "contacts": ("Ann", "Gone Gus", "Champion", "still"),
        "support": ("Broken", "Critical", "open"),
        "contracts": ("Suite", "$12.0K", "Upsell"),
        "commercial": ("More seats", "Won", "R-1", "not paid"),
        "outcomes": ("Payback", "1.5", "NPS", "9.0"),
    }.items():
        for word in words:
            assert word in pages[key], (key, word)
    # What was told for a later day is not the actual figure of today.
    assert "9.0" not in pages["outcomes"].split("Surveys")[0]


def test_tiles_are_the_metrics_the_score_reads(full, owner, client):
    client.force_login(owner)
    page = client.get(reverse("account_figures", args=[full.pk, "contacts"]))
    assert client.get(reverse("account_facts", args=[full.pk, "contacts"])).context["tiles"] is None
    whole = client.get(reverse("account_facts", args=[full.pk, "contacts"]) + "?figures=1")
    assert whole.context["tiles"] == page.context["tiles"]
    values = {tile["label"]: tile["value"] for tile in page.context["tiles"]}
    assert values["Contacts"] is not None
    # Nobody ever told who the identified stakeholders are.
    assert "unknown" in page.content.decode()
    assert {tile["as_of"] for tile in page.context["tiles"]} == {NIGHT}


def test_two_sources_of_a_standing_figure_are_not_added_up(full):
    seats = Usage.objects.get(account=full, measure__key="seats_licensed")
    Usage.objects.create(
        account=full, measure=seats.measure, on=seats.on, source="zz-billing", value=70
    )
    found = {each.measure.key: each for each in usage.series(full, NIGHT)}
    assert found["seats_licensed"].values == [seats.value]
    assert found["seats_licensed"].sources == [seats.source, "zz-billing"]


def test_usage_adds_up_by_the_measures_own_rule(full, owner, client):
    found = {each.measure.key: each for each in usage.series(full, NIGHT)}
    assert found["logins"].over(NIGHT - timedelta(days=29), NIGHT) == 12
    assert found["seats_licensed"].over(NIGHT - timedelta(days=29), NIGHT) == 50
    assert found["seats_licensed"].over(NIGHT - timedelta(days=9), NIGHT) is None
    client.force_login(owner)
    text = text_of(client, "account_usage", full)
    assert "Log-ins" in text
    assert "-40%" in text.replace("\N{MINUS SIGN}", "-")
    assert "Reports" in text


def test_the_timeline_has_everything_newest_first(full, owner, client):
    client.force_login(owner)
    found, older = timeline.entries(full, NIGHT)
    assert older is None
    assert [entry.on for entry in found] == sorted((e.on for e in found), reverse=True)
    titles = [entry.title for entry in found]
    for title in (
        "QBR, from us, no-show",
        "Opened: Broken",
        "Deal won: More seats",
        "Contract: upsell",
        "Due and not paid by then: R-1",
        "NPS answered: 9",
        "Due: Payback",
        "Gone Gus left",
        "Stage: Growth",
    ):
        assert title in titles
    assert any(title.startswith("Owner:") for title in titles)
    assert found[0].planned
    assert "planned" in text_of(client, "account_timeline", full)
    only = timeline.entries(full, NIGHT, stream="ticket")[0]
    assert [entry.title for entry in only] == ["Opened: Broken"]


def test_older_entries_follow_without_a_gap_or_a_double(full):
    Activity.objects.bulk_create(
        Activity(account=full, external_id=f"x{n}", kind="email", on=DAY - timedelta(days=n // 3))
        for n in range(150)
    )
    seen, before = [], None
    while True:
        found, before = timeline.entries(full, NIGHT, before=before)
        seen += found
        if before is None:
            break
    assert sum(entry.title == "E-mail" for entry in seen) == 150
    assert [entry.on for entry in seen] == sorted((e.on for e in seen), reverse=True)


def test_a_day_longer_than_a_page_is_shown_whole(full):
    Activity.objects.bulk_create(
        Activity(account=full, external_id=f"y{n}", kind="email", on=DAY) for n in range(90)
    )
    seen, before = [], None
    while True:
        found, before = timeline.entries(full, NIGHT, before=before)
        seen += found
        if before is None:
            break
    assert sum(entry.title == "E-mail" for entry in seen) == 90


def test_csv_of_every_list(full, owner, client):
    client.force_login(owner)
    for key in LISTINGS:
        response = client.get(reverse("account_facts_csv", args=[full.pk, key]))
        lines = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
        assert len(lines) > 1, key
        assert {len(line) for line in lines} == {len(lines[0])}
    assert AuditEvent.objects.filter(what__startswith="exported account ").count() == len(LISTINGS)
    assert client.get(reverse("account_facts_csv", args=[full.pk, "nothing"])).status_code == 404


def addresses(account):
    yield from (reverse("account_facts", args=[account.pk, key]) for key in TABS)
    yield from (reverse("account_figures", args=[account.pk, key]) for key in TABS)
    yield from (reverse("account_facts_csv", args=[account.pk, key]) for key in LISTINGS)
    yield reverse("account_timeline", args=[account.pk])
    yield reverse("account_usage", args=[account.pk])


def test_none_of_it_exists_for_an_outsider(full, outsider, client):
    client.force_login(outsider)
    assert {client.get(url).status_code for url in addresses(full)} == {404}


def test_an_account_without_facts_says_where_they_come_from(make_account, owner, north, client):
    account = make_account("Bare", owner=owner, team=north)
    client.force_login(owner)
    for url in addresses(account):
        assert client.get(url).status_code == 200
    assert "No use reported" in text_of(client, "account_usage", account)
    assert "No history yet" in text_of(client, "account_timeline", account)


def test_the_group_rolls_up_what_the_reader_may_see(book, owner, executive, make_account, client):
    parent, child = book[0], book[1]
    child.parent = parent
    child.save()
    hidden = make_account("Hidden Hall", parent=parent)
    client.force_login(owner)
    group = client.get(reverse("account", args=[child.pk])).context["group"]
    assert [member.pk for member in group.members] == [parent.pk, child.pk]
    scores = [member.health.score for member in group.members]
    assert group.score == pytest.approx(sum(scores) / 2)
    assert (group.lowest, group.arr_known) == (1, 2)
    client.force_login(executive)
    group = client.get(reverse("account", args=[parent.pk])).context["group"]
    assert group.size == 3
    assert hidden.name in client.get(reverse("account", args=[parent.pk])).content.decode()
    assert client.get(reverse("account", args=[book[2].pk])).context["group"] is None


def test_own_fields_read_as_their_kind_says(book, owner, client):
    CustomField.objects.create(key="go_live", label="Go-live", kind="date")
    CustomField.objects.create(key="sla", label="Has an SLA", kind="yes_no")
    book[0].custom = {"go_live": "2026-02-03", "sla": True}
    book[0].save()
    client.force_login(owner)
    text = text_of(client, "account", book[0])
    assert "Go-live" in text
    assert "3 Feb 2026" in text
    assert "Has an SLA</dt><dd>Yes" in text


def test_more_facts_ask_no_more_queries(full, owner, client):
    client.force_login(owner)

    def count():
        totals = {}
        for url in addresses(full):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(url)
            totals[url] = len(queries)
        return totals

    # The first page of a session also notes the session.
    client.get(next(addresses(full)))
    few = count()
    for n in range(40):
        told(Ticket, full, subject=f"T{n}", opened_on=DAY)
        told(Contact, full, name=f"C{n}", known_on=DAY)
        told(Invoice, full, issued_on=DAY, due_on=DAY)
    assert count() == few
    # Figures are computed as one looks, after the page: a few statements per table they read.
    assert max(n for url, n in few.items() if "figures" not in url) <= 8
    assert max(few.values()) <= 16


def test_a_long_list_has_pages(full, owner, client):
    for n in range(30):
        told(Ticket, full, subject=f"T{n}", opened_on=DAY - timedelta(days=n))
    client.force_login(owner)
    url = reverse("account_facts", args=[full.pk, "support"])

    def pager(query):
        return client.get(url + query).context["lists"][0]["pager"]

    assert (pager("")["first"], pager("")["last"], pager("")["total"]) == (1, 25, 31)
    assert (pager("?tickets=2")["first"], pager("?tickets=2")["last"]) == (26, 31)
    for odd in ("?tickets=99", "?tickets=-1", "?tickets=x", "?tickets=99999999999999999999"):
        assert pager(odd)["first"] == 1


def test_the_address_of_a_merged_account_leads_to_the_kept_one(book, owner, outsider, client):
    book[1].merged_into = book[0]
    book[1].save()
    url = reverse("account", args=[book[1].pk])
    client.force_login(owner)
    assert client.get(url)["Location"] == reverse("account", args=[book[0].pk])
    client.force_login(outsider)
    assert client.get(url).status_code == 404
