"""By day: what changed is scored and judged, once, and nothing that changes meanwhile is lost."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.ingest.rows import load_rows
from accounts.models import ChangedAccount, ImportRun, Watermark
from accounts.services import changes
from csm import by_day
from csm.nightly import start_night
from playbooks.models import Alert, Trigger
from scoring.models import AccountHealth
from scoring.services import by_day as scoring_by_day
from scoring.services import nights
from tests.conftest import NIGHT


@pytest.fixture
def accounts(make_account, owner, score_book):
    rule = {"conditions": [{"metric": "days_since_last_activity", "op": ">", "value": 30}]}
    Trigger.objects.create(
        key="silent", name="Silent", family=Trigger.Family.REAL_TIME, rule=rule, is_active=True
    )
    found = [make_account(owner=owner) for _ in range(6)]
    score_book(
        {
            account: {"days_since_last_activity": 3 + 5 * place}
            for place, account in enumerate(found)
        }
    )
    return found


def tell(*accounts, **metrics):
    rows = [
        {"account_id": a.external_id, "on": NIGHT.isoformat(), "metric": key, "value": value}
        for a in accounts
        for key, value in metrics.items()
    ]
    load_rows("metrics", rows, source="generic", by=None, as_of=NIGHT)


def score(account):
    return AccountHealth.objects.get(pk=account.pk).score


def marked():
    return set(ChangedAccount.objects.values_list("pk", flat=True))


def test_a_change_is_scored_and_judged_and_then_forgotten(accounts):
    first = accounts[0]
    before = score(first)
    assert not by_day.waiting()
    tell(first, days_since_last_activity=80)
    tell(first, total_activities_30d=0)
    assert marked() == {first.pk}
    assert by_day.waiting()
    report = by_day.work(at=timezone.now())
    assert (report.accounts, report.alerts, report.failed) == (1, 1, 0)
    assert score(first) < before
    assert Alert.objects.get().account_id == first.pk
    assert (marked(), by_day.waiting()) == (set(), False)


def test_what_says_nothing_new_changes_nothing(accounts):
    tell(accounts[0], days_since_last_activity=3)
    assert marked() == set()


def test_what_changes_while_it_is_scored_is_scored_again(accounts, monkeypatch):
    first = accounts[0]
    tell(first, days_since_last_activity=80)
    real, seen = by_day.rescore, []

    def rescore(ids, *, at):
        done = real(ids, at=at)
        if not seen:
            tell(first, days_since_last_activity=90)
        seen.append(set(ids))
        return done

    monkeypatch.setattr(by_day, "rescore", rescore)
    by_day.work(at=timezone.now())
    assert seen == [{first.pk}, {first.pk}]
    assert marked() == set()


def test_a_row_of_a_worker_at_work_is_left_and_one_of_a_dead_worker_taken_over(accounts):
    tell(accounts[0], days_since_last_activity=80)
    soon = timezone.now() + timedelta(minutes=1)
    ChangedAccount.objects.update(worker="elsewhere:1:1", lease_until=soon)
    assert not by_day.waiting()
    assert by_day.work(at=timezone.now()).accounts == 0
    ChangedAccount.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert by_day.work(at=timezone.now()).accounts == 1


def test_accounts_read_beside_one_that_another_worker_scored_are_read_again(accounts, monkeypatch):
    first, second = accounts[:2]
    before = score(second)
    tell(first, second, days_since_last_activity=80)
    real, read = scoring_by_day.groups, []

    def groups(*args, **options):
        if not read:
            ChangedAccount.objects.filter(pk=first.pk).delete()
        read.append(set(options["only"]))
        return real(*args, **options)

    monkeypatch.setattr(scoring_by_day, "groups", groups)
    assert by_day.work(at=timezone.now()).accounts == 1
    assert read == [{first.pk, second.pk}, {second.pk}]
    assert score(second) < before
    assert marked() == set()


def test_one_account_that_fails_holds_nobody_up(accounts, monkeypatch):
    tell(*accounts, days_since_last_activity=80)
    real, bad = by_day.rescore, accounts[2].pk

    def rescore(ids, *, at):
        if bad in ids:
            raise ValueError("broken")
        return real(ids, at=at)

    monkeypatch.setattr(by_day, "rescore", rescore)
    report = by_day.work(at=timezone.now())
    assert (report.accounts, report.failed) == (5, 1)
    assert marked() == {bad}
    monkeypatch.undo()
    ChangedAccount.objects.update(lease_until=None)
    assert by_day.work(at=timezone.now()).accounts == 1


def test_while_a_night_is_under_way_an_account_is_scored_now_and_after_it(accounts):
    first = accounts[0]
    run = start_night(NIGHT, shard_size=10)
    nights._do(run, nights._claim(run, "waiting", "w:1"), "w:1", counting=True)
    tell(first, days_since_last_activity=80)
    before = score(first)
    assert by_day.work(at=timezone.now()).accounts == 1
    assert score(first) < before
    # It stays for the night, and nobody turns in circles meanwhile.
    assert marked() == {first.pk}
    assert not by_day.waiting()
    nights.work(run)
    assert by_day.waiting()
    assert by_day.work(at=timezone.now()).accounts == 1
    assert score(first) < before
    assert marked() == set()


def test_an_old_change_is_the_nights(accounts, score_book):
    tell(accounts[0], days_since_last_activity=80)
    ChangedAccount.objects.update(changed_at=timezone.now() - timedelta(hours=2))
    assert by_day.work(at=timezone.now()).accounts == 0
    assert marked() == set()


def test_a_large_import_waits_for_the_night(accounts, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 3)
    tell(*accounts, days_since_last_activity=80)
    assert marked() == set()
    assert Watermark.objects.filter(key=changes.LEFT_TO_THE_NIGHT).exists()


def test_a_piece_of_an_import_counts_with_those_before_it(accounts, monkeypatch):
    monkeypatch.setattr(changes, "MOST", 4)
    run = ImportRun(options={})
    for some in (accounts[:3], accounts[3:]):
        changes.mark_import({a.pk for a in some}, run, at=timezone.now())
    assert marked() == {a.pk for a in accounts[:3]}


def test_an_idle_system_writes_nothing(accounts):
    with CaptureQueriesContext(connection) as asked:
        assert not by_day.waiting()
    assert len(asked) <= 3
    assert all(query["sql"].lstrip().upper().startswith("SELECT") for query in asked)


def test_an_undone_import_is_scored_again(accounts, admin):
    from accounts.ingest.undo import undo

    before = score(accounts[0])
    tell(accounts[0], total_activities_30d=0)
    by_day.work(at=timezone.now())
    undo(ImportRun.objects.latest("pk"), by=admin)
    assert marked() == {accounts[0].pk}
    by_day.work(at=timezone.now())
    assert score(accounts[0]) == before
