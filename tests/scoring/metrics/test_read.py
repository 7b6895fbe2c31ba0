"""Metrics as of a date: the newest reading that names them, nothing later, in constant queries."""

from datetime import date, timedelta

import numpy as np
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Reading
from scoring.metrics.read import LOOK_BACK_DAYS, frame

DAY = date(2026, 11, 20)


def read(*accounts, metrics=("total_contacts", "annual_revenue"), as_of=DAY, **options):
    ids = [account.pk for account in accounts]
    return frame(metrics, as_of=as_of, first_id=min(ids), last_id=max(ids), **options)


def say(account, on, source="generic", **metrics):
    return Reading.objects.create(account=account, on=on, source=source, metrics=metrics)


def test_the_newest_reading_on_or_before_the_day_counts(make_account):
    account = make_account()
    say(account, DAY - timedelta(days=9), total_contacts=1)
    say(account, DAY, total_contacts=2)
    say(account, DAY + timedelta(days=1), total_contacts=3)
    assert read(account)["total_contacts"].tolist() == [2.0]
    assert read(account, as_of=DAY - timedelta(days=1))["total_contacts"].tolist() == [1.0]


def test_each_metric_comes_from_the_newest_reading_that_names_it(make_account):
    account = make_account()
    say(account, DAY - timedelta(days=30), total_contacts=7, annual_revenue=1.5)
    say(account, DAY - timedelta(days=20), annual_revenue=2.5)
    say(account, DAY - timedelta(days=1), current_pipeline_amount=9)
    row = read(account).iloc[0]
    assert (row["total_contacts"], row["annual_revenue"]) == (7.0, 2.5)


def test_two_sources_of_one_day_complete_each_other(make_account):
    account = make_account()
    say(account, DAY, source="crm", total_contacts=7)
    say(account, DAY, source="billing", annual_revenue=2.5)
    row = read(account).iloc[0]
    assert (row["total_contacts"], row["annual_revenue"]) == (7.0, 2.5)


def test_what_is_too_old_or_was_never_said_is_unknown(make_account):
    account = make_account()
    say(account, DAY - timedelta(days=LOOK_BACK_DAYS + 1), annual_revenue=2.5)
    say(account, DAY, current_pipeline_amount=9)
    assert np.isnan(read(account)[["total_contacts", "annual_revenue"]].to_numpy()).all()


def test_only_customers_of_the_day_are_there(make_account):
    here = make_account()
    gone = make_account(churned_on=DAY)
    later = make_account(customer_since=DAY + timedelta(days=1))
    assert read(here, gone, later).index.tolist() == [here.pk]
    assert gone.pk in read(here, gone, later, as_of=DAY - timedelta(days=1)).index


def test_the_own_baseline_is_the_average_before_the_day(make_account):
    account = make_account()
    for ago, value in ((1, 10), (5, 20), (40, 900)):
        say(account, DAY - timedelta(days=ago), total_contacts=value)
    say(account, DAY, total_contacts=500)
    rows = read(account, metrics=["total_contacts"], baselines=[("total_contacts", 30)])
    assert rows["total_contacts@baseline30"].tolist() == [15.0]


def test_queries_do_not_grow(make_account):
    counted = []
    for size in (3, 30):
        accounts = [make_account() for _ in range(size)]
        for account in accounts:
            say(account, DAY, total_contacts=1)
        with CaptureQueriesContext(connection) as queries:
            read(*accounts)
        counted.append(len(queries))
    # History, newest readings, newest facts, older readings.
    assert counted == [4, 4]
