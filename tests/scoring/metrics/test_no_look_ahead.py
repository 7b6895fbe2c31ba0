"""No metric of the catalogue knows tomorrow, and none depends on how the book is cut."""

from datetime import date, timedelta

import pandas as pd
import pytest

from accounts.models import LifecycleEvent, MetricDefinition
from scoring.metrics.catalogue import CATALOGUE
from scoring.metrics.read import frame
from tests.scoring.metrics import book

DAY = date(2026, 11, 20)
CUSTOM = ("login_trend", "arr_mean")


def defined():
    MetricDefinition.objects.bulk_create(
        [
            MetricDefinition(
                key="login_trend",
                label="Trend",
                measure="logins",
                aggregate="trend",
                window_days=90,
            ),
            MetricDefinition(
                key="arr_mean", label="Mean", origin="reported", aggregate="mean", window_days=200
            ),
        ]
    )


def whole(accounts, **options):
    ids = [account.pk for account in accounts]
    span = {"first_id": min(ids), "last_id": max(ids)} | options
    return frame(
        [*CATALOGUE, *CUSTOM],
        as_of=DAY,
        baselines=[("core_actions_per_user_month", 90), ("tickets_month", 60)],
        **span,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_facts_after_the_date_change_no_metric(make_account, seed):
    accounts = [make_account() for _ in range(4)]
    defined()
    for days in (420, 60):
        book.facts(accounts[:3], DAY - timedelta(days=days), DAY, seed + days, n=10)
    before = whole(accounts)
    derived = [key for key, metric in CATALOGUE.items() if metric.is_derived]
    # The test would prove nothing of a metric no fact reaches.
    assert not [key for key in derived if before[key].isna().all()]
    book.facts(accounts, DAY + timedelta(days=1), DAY + timedelta(days=50), seed + 10, n=6)
    book.comes_true_later(accounts, DAY, seed + 20)
    LifecycleEvent.objects.create(
        account=accounts[0],
        external_id="gone",
        stage="Churned",
        on=DAY + timedelta(days=3),
    )
    pd.testing.assert_frame_equal(
        whole(accounts).drop(columns="lifecycle_stage"), before.drop(columns="lifecycle_stage")
    )


def test_shards_do_not_matter(make_account):
    accounts = [make_account() for _ in range(6)]
    defined()
    for seed, account in enumerate(accounts[:5]):
        # Each account falls silent at another time, so that feeds are alive through others only.
        book.facts([account], DAY - timedelta(days=400), DAY - timedelta(days=90 * seed), seed, 6)
    alone = [whole(accounts, first_id=account.pk, last_id=account.pk) for account in accounts]
    pd.testing.assert_frame_equal(pd.concat(alone), whole(accounts), rtol=1e-12)
