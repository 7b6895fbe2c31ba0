"""Reported against derived, frozen feeds, own baselines, and who is a customer on a day."""

from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model

from accounts.measures import measure_ids
from accounts.models import (
    Account,
    FeedDay,
    LifecycleEvent,
    OwnerPeriod,
    Reading,
    Ticket,
    Usage,
)
from scoring.metrics.origins import Origin
from scoring.metrics.read import frame, origins
from tests.scoring.metrics.book import name

DAY = date(2026, 11, 20)
KEY = "tickets_month"


def ago(days):
    return DAY - timedelta(days=days)


def ticket(account, days, source="desk"):
    Ticket.objects.create(account=account, source=source, external_id=name(), opened_on=ago(days))


def say(account, days, source="crm", **metrics):
    Reading.objects.create(account=account, on=ago(days), source=source, metrics=metrics)


def read(*accounts, keys=(KEY,), as_of=DAY, **options):
    ids = [account.pk for account in accounts]
    return frame(keys, as_of=as_of, first_id=min(ids), last_id=max(ids), **options)


def value(account, **options):
    return read(account, **options)[KEY].tolist()[0]


def test_the_newer_of_reported_and_derived_wins_and_says_so(make_account):
    account, other = make_account(), make_account()
    ticket(account, 5)
    say(account, 6, tickets_month=9)
    assert value(account) == 1
    assert origins([KEY], as_of=DAY, account_id=account.pk) == {
        KEY: Origin("derived", "tickets", ago(5))
    }
    # On the same day the reported one, also where an older reading named it last.
    say(account, 5, tickets_month=8)
    say(account, 1, total_contacts=2)
    assert value(account) == 8
    assert origins([KEY, "nps_score", "arr"], as_of=DAY, account_id=account.pk) == {
        KEY: Origin("reported", "crm", ago(5)),
        "nps_score": Origin("unknown"),
        "arr": Origin("attribute", "accounts"),
    }
    # The whole book's newest ticket counts, not the account's own.
    ticket(other, 4)
    assert value(account) == 1


def test_a_frozen_feed_is_read_as_of_its_good_day(make_account):
    account = make_account()
    for days in (40, 12, 3):
        ticket(account, days)
    frozen = {("desk", "tickets"): ago(12)}
    assert value(account) == 2
    assert (
        value(account, frozen=frozen) == 2
    )  # 40 and 12 days ago lie within 30 days of the good day
    assert value(account, frozen={("desk", "tickets"): ago(13)}) == 1
    found = origins([KEY], as_of=DAY, account_id=account.pk, frozen=frozen)
    assert found[KEY] == Origin("derived", "tickets", ago(12), frozen=True)


def test_a_silent_source_of_usage_holds_back_its_own_measures_only(make_account):
    account = make_account("A")
    ids = measure_ids(["kb_views", "logins"])
    for source, key, days in (("help", "kb_views", (40, 20)), ("product", "logins", (40, 3))):
        for day in days:
            Usage.objects.create(
                account=account, measure_id=ids[key], on=ago(day), value=10, source=source
            )
            FeedDay.objects.create(
                source=source, feed="usage", measure=key, on=ago(day), rows=1, accounts=1
            )
    keys = ["knowledge_base_views_month", "logins_7d"]
    frozen = {("help", "usage"): ago(20)}
    views, logins = read(account, keys=keys, frozen=frozen)[keys].iloc[0]
    # Views as of their last good day: both deliveries; log-ins as of the night: the last one.
    assert (views, logins) == (20, 10)
    found = origins(keys, as_of=DAY, account_id=account.pk, frozen=frozen)
    assert [found[key].frozen for key in keys] == [True, False]


def test_a_frozen_source_is_not_heard_after_its_good_day(make_account):
    account = make_account()
    say(account, 9, total_contacts=1)
    say(account, 2, total_contacts=5)
    say(account, 4, source="other", total_contacts=3)
    frozen = {("crm", "account_metrics"): ago(9)}
    rows = read(account, keys=["total_contacts"], frozen=frozen)
    assert rows["total_contacts"].tolist() == [3]
    found = origins(["total_contacts"], as_of=DAY, account_id=account.pk, frozen=frozen)
    assert found["total_contacts"] == Origin("reported", "other", ago(4))


def test_the_own_baseline_of_a_derived_metric_takes_four_days_of_its_window(make_account):
    account = make_account()
    # As of 15, 30, 45 and 60 days ago: 1, 2, 3 and 2 tickets in the 30 days before.
    for days in (20, 50, 58, 66, 75):
        ticket(account, days)
    counts = [value(account, as_of=ago(days)) for days in (15, 30, 45, 60)]
    assert counts == [1, 2, 3, 2]
    column = f"{KEY}@baseline60"
    assert read(account, baselines=[(KEY, 60)])[column].tolist() == [sum(counts) / 4]
    say(account, 33, tickets_month=31)
    assert read(account, baselines=[(KEY, 60)])[column].tolist() == [(sum(counts) + 31) / 5]


def test_churned_and_won_back_is_no_customer_in_between(make_account):
    account, merged = make_account(lifecycle_stage="Growth"), make_account()
    for days, stage in ((300, "Adoption"), (100, "Churned"), (50, "Onboarding")):
        LifecycleEvent.objects.create(
            account=account, external_id=name(), stage=stage, on=ago(days)
        )
    Account.objects.filter(pk=merged.pk).update(merged_into=account)
    stages = {
        days: read(account, merged, as_of=ago(days))["lifecycle_stage"].to_dict()
        for days in (400, 200, 100, 51, 50)
    }
    assert stages == {
        400: {account.pk: None},
        200: {account.pk: "Adoption"},
        100: {},
        51: {},
        50: {account.pk: "Onboarding"},
    }


def test_the_owner_is_that_of_the_day(make_account):
    first, second = (get_user_model().objects.create_user(who) for who in ("first", "second"))
    account, bare = make_account(owner=second), make_account(owner=first)
    OwnerPeriod.objects.create(account=account, owner=first, valid_from=ago(90), valid_to=ago(30))
    OwnerPeriod.objects.create(account=account, owner=second, valid_from=ago(10))
    for days, owner in ((60, first.pk), (30, None), (10, second.pk)):
        found = read(account, bare, as_of=ago(days))["owner_id"].tolist()
        assert found == [pytest.approx(owner or float("nan"), nan_ok=True), first.pk]
