"""By day: what changed since the last look is judged again."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import (
    Activity,
    Contact,
    ImportChange,
    ImportRun,
    Usage,
    UsageMeasure,
    Watermark,
)
from playbooks.models import Alert
from playbooks.services import attention, day, notices
from tests.conftest import NIGHT

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = AT + timedelta(minutes=10)


@pytest.fixture
def accounts(make_account, owner, score_book, make_trigger):
    make_trigger(
        "silent",
        rule={"conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 14}]},
    )
    found = [make_account(owner=owner) for _ in range(6)]
    score_book({account: {"days_since_last_activity": 20} for account in found})
    day.look(at=AT)
    return found


@pytest.fixture
def imported(db):
    def make(finished_at=LATER, **values):
        defaults = {
            "feed": "activities",
            "as_of": NIGHT,
            "state": ImportRun.State.DONE,
            "created_count": 1,
            "finished_at": finished_at,
        }
        return ImportRun.objects.create(**(defaults | values))

    return make


def activity(account, run, number=1):
    return Activity.objects.create(
        account=account,
        external_id=f"x{account.pk}-{number}",
        kind="call",
        on=NIGHT,
        import_run=run,
    )


def alerted():
    return set(Alert.objects.values_list("account_id", flat=True))


def test_the_first_look_only_notes_where_to_start(accounts):
    assert Watermark.objects.get(key=day.WATERMARK).at == AT
    assert not Alert.objects.exists()


def test_accounts_of_an_import_are_judged(accounts, imported, monkeypatch):
    refreshed, told = [], []
    monkeypatch.setattr(attention, "refresh", lambda ids, at: refreshed.append(set(ids)))
    monkeypatch.setattr(notices, "night", lambda **values: told.append(values["opened"]))
    run = imported(feed="contacts")
    Contact.objects.create(account=accounts[1], external_id="c1", known_on=NIGHT, import_run=run)
    report = day.look(at=LATER)
    assert report.opened == {"silent": 1}
    assert alerted() == {accounts[1].pk}
    assert refreshed == [{accounts[1].pk}]
    assert told == [set(Alert.objects.values_list("pk", flat=True))]
    assert Watermark.objects.get(key=day.WATERMARK).at == LATER
    # The next look goes back a little and opens nothing again; the one after it has nothing to do.
    assert not day.look(at=LATER + timedelta(minutes=15)).opened
    assert day.look(at=LATER + timedelta(minutes=30)).accounts == 0


def test_every_way_facts_come_in_is_found(accounts, imported):
    created, usage, edited, own = accounts[:4]
    activity(created, imported())
    measure = UsageMeasure.objects.create(key="logins", label="Log-ins")
    Usage.objects.create(
        account=usage, measure=measure, on=NIGHT, value=3, import_run=imported(feed="usage")
    )
    before = imported(finished_at=AT - timedelta(days=1))
    row = activity(edited, before)
    change = imported(created_count=0, updated_count=2)
    ImportChange.objects.create(
        import_run=change, table="activity", row_id=row.pk, before={}, after={}
    )
    ImportChange.objects.create(
        import_run=change, table="account", row_id=own.pk, before={}, after={}
    )
    found = day.changed(since=AT, until=LATER)
    assert found == {created.pk, usage.pk, edited.pk, own.pk}


@pytest.mark.parametrize(
    "values",
    [
        {"dry_run": True},
        {"state": ImportRun.State.RUNNING},
        {"created_count": 0},
        {"created_count": day.MAX_ROWS + 1},
        {"finished_at": AT - timedelta(days=1)},
        {"finished_at": LATER + timedelta(seconds=1)},
    ],
)
def test_what_is_not_looked_at(accounts, imported, values):
    activity(accounts[0], imported(**values))
    assert day.changed(since=AT, until=LATER) == set()


def test_too_many_wait_for_the_night(accounts, imported, monkeypatch):
    monkeypatch.setattr(day, "MAX_ACCOUNTS", 2)
    run = imported()
    for account in accounts[:3]:
        activity(account, run)
    assert day.look(at=LATER).accounts == 0
    assert not Alert.objects.exists()
    assert Watermark.objects.get(key=day.WATERMARK).at == LATER


def test_a_look_that_dies_is_done_again(accounts, imported, monkeypatch):
    run = imported()
    Contact.objects.create(account=accounts[0], external_id="c1", known_on=NIGHT, import_run=run)
    with monkeypatch.context() as broken:
        broken.setattr(attention, "refresh", lambda ids, at: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            day.look(at=LATER)
    assert Watermark.objects.get(key=day.WATERMARK).at == AT
    day.look(at=LATER)
    assert alerted() == {accounts[0].pk}
    assert Alert.objects.count() == 1
