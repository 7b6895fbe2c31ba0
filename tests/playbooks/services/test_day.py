"""By day: the triggers are judged on some accounts, and lists and owners know of it."""

from datetime import UTC, datetime

import pytest

from accounts.models import Reading
from playbooks.models import Alert
from playbooks.services import attention, day, notices

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def accounts(make_account, owner, score_book, make_trigger):
    make_trigger(
        "silent",
        rule={"conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 14}]},
    )
    found = [make_account(owner=owner) for _ in range(3)]
    score_book({account: {"days_since_last_activity": 20} for account in found})
    return found


def test_only_the_accounts_named_are_judged_and_once(accounts, monkeypatch):
    refreshed, told = [], []
    monkeypatch.setattr(attention, "refresh", lambda ids, at: refreshed.append(set(ids)))
    monkeypatch.setattr(notices, "night", lambda **values: told.append(values["opened"]))
    report = day.evaluate({accounts[1].pk}, at=AT)
    assert report.opened == {"silent": 1}
    assert set(Alert.objects.values_list("account_id", flat=True)) == {accounts[1].pk}
    assert refreshed == [{accounts[1].pk}]
    assert told == [set(Alert.objects.values_list("pk", flat=True))]
    assert not day.evaluate({accounts[1].pk}, at=AT).opened


def test_what_recovered_clears(accounts):
    day.evaluate({accounts[0].pk}, at=AT)
    Reading.objects.filter(account=accounts[0]).update(metrics={"days_since_last_activity": 1})
    assert day.evaluate({accounts[0].pk}, at=AT).cleared == 1
