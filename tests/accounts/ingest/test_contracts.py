"""A contract's value by date: a file that changes it leaves the nights before as they were."""

from datetime import date

import pytest

from accounts.ingest.run import import_file
from accounts.ingest.undo import undo
from accounts.models import ImportRun, Subscription, SubscriptionEvent
from scoring.metrics.read import frame

BEFORE, SINCE = date(2026, 6, 30), date(2026, 7, 1)


@pytest.fixture
def load(tmp_path, make_account):
    """Load a file of one subscription as of a day."""
    account = make_account("Acme", external_id="A-1", arr_amount=None)

    def make(arr, seats, as_of):
        path = tmp_path / f"{as_of}.csv"
        path.write_text(
            f"subscription_id,account_id,started_on,arr,seats\nS-1,A-1,2025-07-01,{arr},{seats}\n"
        )
        result = import_file("subscriptions", path, as_of=as_of)
        return account, ImportRun.objects.get(pk=result.run_id)

    return make


def arr(account, as_of):
    rows = frame(["arr", "contracted_seats"], as_of=as_of, first_id=account.pk, last_id=account.pk)
    return tuple(rows.iloc[0])[:2]


def test_nights_before_a_change_read_the_value_of_then(load):
    account, _ = load(1000, 5, date(2026, 1, 1))
    load(1500, 8, SINCE)
    assert arr(account, BEFORE) == (1000, 5)
    assert arr(account, SINCE) == (1500, 8)
    events = list(SubscriptionEvent.objects.order_by("on").values_list("kind", "on", "arr_change"))
    assert events == [("new", date(2025, 7, 1), None), ("upsell", SINCE, 50_000)]


def test_less_is_a_downsell_and_the_same_is_nothing(load):
    load(1000, 5, date(2026, 1, 1))
    load(1000, 5, date(2026, 3, 1))
    assert not SubscriptionEvent.objects.exists()
    account, _ = load(700, 5, SINCE)
    assert SubscriptionEvent.objects.get(on=SINCE).kind == "downsell"
    assert arr(account, BEFORE) == (1000, 5)


def test_undo_takes_the_change_back(load):
    account, _ = load(1000, 5, date(2026, 1, 1))
    _, run = load(1500, 8, SINCE)
    undo(run, by=None)
    assert Subscription.objects.get().arr_amount == 100_000
    assert not SubscriptionEvent.objects.exists()
    assert arr(account, SINCE) == (1000, 5)
