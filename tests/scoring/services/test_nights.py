"""A night: the same numbers however it is cut, nothing twice, nothing half."""

import math
from datetime import date, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum

from csm.lib.errors import WorkbenchError
from csm.nightly import run_nightly, start_night
from scoring.models import (
    AccountHealth,
    BandChange,
    DailyRollup,
    Scorecard,
    ScoreRun,
    ScoreShard,
    Snapshot,
)
from scoring.selectors import newest_run
from scoring.services import nights, verify, versions
from tests.conftest import NIGHT

STORED = ("account_id", "score", "band", "coverage", "predicted_6m_amount")
PACKED = ("components", "inputs", "points")


def snapshots(as_of=NIGHT):
    rows = Snapshot.objects.filter(as_of=as_of).order_by("account_id").values_list(*STORED, *PACKED)
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]


def health():
    skip = {"run", "components"}
    names = [f.attname for f in AccountHealth._meta.fields if f.name not in skip]
    return list(AccountHealth.objects.order_by("account_id").values_list(*names))


def test_every_account_gets_a_snapshot_and_current_health(book):
    assert Snapshot.objects.count() == AccountHealth.objects.count() == len(book)
    run = newest_run()
    assert (run.accounts, run.unknown, run.state) == (6, 1, "done")
    assert [row.band_name for row in AccountHealth.objects.order_by("account_id")][2] == "Unknown"


def test_one_shard_or_one_per_account_gives_identical_numbers(book):
    before, was = snapshots(), health()
    run_nightly(NIGHT, shard_size=1)
    assert ScoreShard.objects.filter(run=newest_run()).count() == len(book)
    assert snapshots() == before
    assert health() == was


def test_a_book_is_cut_into_enough_even_parts():
    several = connection.vendor == "postgresql"
    assert nights.part_size(100_000, nights.SHARD_SIZE) == (12_500 if several else 20_000)
    assert nights.part_size(20_000, nights.SHARD_SIZE) == (5_000 if several else 20_000)
    assert nights.part_size(1_000_000, nights.SHARD_SIZE) == 20_000
    assert (
        nights.part_size(6, nights.SHARD_SIZE),
        nights.part_size(6, 4),
        nights.part_size(5, 1),
    ) == (6, 3, 1)
    for accounts in range(1, 300_000, 7_919):
        size = nights.part_size(accounts, nights.SHARD_SIZE)
        parts = math.ceil(accounts / size)
        # No more than asked for, and the last is not left with next to nothing.
        assert size <= nights.SHARD_SIZE
        assert accounts - size * (parts - 1) > size - parts


def test_repeating_a_night_changes_nothing_and_doubles_nothing(book):
    before, was = snapshots(), health()
    rollups = DailyRollup.objects.count()
    run_nightly(NIGHT)
    assert (snapshots(), health(), DailyRollup.objects.count()) == (before, was, rollups)


def test_a_night_that_stopped_after_counting_goes_on_where_it_was(book):
    expected = snapshots()
    run = start_night(NIGHT, shard_size=2)
    for _ in range(3):
        nights._do(run, nights._claim(run, "waiting", "w:1"), "w:1", counting=True)
    assert start_night(NIGHT, shard_size=2) == run
    assert nights.work(run).state == ScoreRun.State.DONE
    assert snapshots() == expected


def test_whoever_puts_the_counts_together_second_finds_it_done(book):
    """Shards scored meanwhile hold other things than counts: reading those ended the night."""
    run = nights.start(NIGHT, shard_size=2)
    while (shard := nights._claim(run, "waiting", "w:1")) is not None:
        nights._do(run, shard, "w:1", counting=True)
    second = ScoreRun.objects.get(pk=run.pk)
    assert nights._advance(run, counting=True)
    run.refresh_from_db()
    nights._do(run, nights._claim(run, "counted", "w:1"), "w:1", counting=False)
    assert not nights._advance(second, counting=True)
    assert nights.work(run).state == ScoreRun.State.DONE


def test_a_claimed_shard_is_nobody_elses_until_its_lease_ends(book):
    run = start_night(NIGHT)
    shard = nights._claim(run, "waiting", "elsewhere:1")
    assert nights._claim(run, "waiting", "elsewhere:2") is None
    ScoreShard.objects.filter(pk=shard.pk).update(
        lease_until=shard.lease_until - timedelta(hours=1)
    )
    assert nights._claim(run, "waiting", "elsewhere:2") == shard


def test_work_of_a_lost_lease_is_undone(book):
    run = start_night(NIGHT)
    shard = nights._claim(run, "waiting", "slow:1")
    ScoreShard.objects.filter(pk=shard.pk).update(worker="quick:1")
    nights._do(run, shard, "slow:1", counting=True)
    assert ScoreShard.objects.get(pk=shard.pk).state == "waiting"


def test_a_shard_that_keeps_failing_fails_the_night_and_keeps_the_old_one(book, monkeypatch):
    was = health()

    def broken(*args):
        raise RuntimeError("disk full")

    monkeypatch.setattr(nights.shards, "score", broken)
    run = run_nightly(NIGHT + timedelta(days=1))
    assert run.state == ScoreRun.State.FAILED
    assert "disk full" in run.error
    assert health() == was
    assert newest_run().as_of == NIGHT


def test_readers_see_the_old_night_until_the_swap(book):
    run = start_night(NIGHT + timedelta(days=1))
    while ScoreShard.objects.filter(run=run).exclude(state="scored").exists():
        run.refresh_from_db()
        counting = run.state == ScoreRun.State.COUNTING
        shard = nights._claim(run, "waiting" if counting else "counted", "w:1")
        if shard:
            nights._do(run, shard, "w:1", counting=counting)
        else:
            nights._advance(run, counting=counting)
    assert set(AccountHealth.objects.values_list("as_of", flat=True)) == {NIGHT}
    nights.work(run)
    assert set(AccountHealth.objects.values_list("as_of", flat=True)) == {NIGHT + timedelta(days=1)}


def test_an_older_night_fills_history_and_leaves_current_health_alone(book, report):
    was = health()
    run = run_nightly(NIGHT - timedelta(days=3))
    assert run.state == ScoreRun.State.DONE
    assert health() == was
    assert DailyRollup.objects.filter(as_of=NIGHT - timedelta(days=3)).exists()


def test_a_reading_after_the_night_never_leaks_into_it(book, report):
    before = snapshots()
    for account in book:
        report(account, NIGHT + timedelta(days=1), total_activities_30d=999)
    run_nightly(NIGHT)
    assert snapshots() == before


def test_a_metric_the_newest_reading_leaves_out_comes_from_an_older_one(book, report):
    account = book[3]
    before = Snapshot.objects.get(account_id=account.pk, as_of=NIGHT).score
    report(account, NIGHT + timedelta(days=1), annual_revenue=None)
    run_nightly(NIGHT + timedelta(days=1))
    assert (
        Snapshot.objects.get(account_id=account.pk, as_of=NIGHT + timedelta(days=1)).score == before
    )


def test_a_change_of_band_is_a_row_once(book, report):
    next_day = NIGHT + timedelta(days=1)
    report(book[1], next_day, total_activities_30d=60, days_since_last_activity=0)
    run_nightly(next_day)
    run_nightly(next_day)
    change = BandChange.objects.get(account=book[1])
    assert (change.old_band_name, change.previous_as_of, change.as_of) == ("Low", NIGHT, next_day)
    assert change.new_score > change.old_score


def test_a_churned_account_keeps_the_health_of_its_last_night(book):
    book[0].churned_on = NIGHT + timedelta(days=1)
    book[0].save()
    run_nightly(NIGHT + timedelta(days=1))
    dates = dict(AccountHealth.objects.values_list("account_id", "as_of"))
    assert dates.pop(book[0].pk) == NIGHT
    assert set(dates.values()) == {NIGHT + timedelta(days=1)}


def test_the_first_scorecard_whose_scope_matches_scores_the_account(book):
    versions.load_presets()
    default = Scorecard.objects.get(key="crm-engagement")
    draft = versions.start_draft(default, by=None)
    spec = versions.spec_of(draft)
    versions.discard(draft, by=None)
    retail = versions.engine.from_dict(
        versions.engine.to_dict(spec)
        | {"key": "retail", "name": "Retail", "scope": {"industry": ["Retail"]}}
    )
    draft = versions.import_spec(retail, by=None)
    versions.publish(draft, by=None, note="Retail is different")
    versions.activate(draft.scorecard, by=None)
    run_nightly(NIGHT)
    keys = dict(AccountHealth.objects.values_list("account__industry", "version__scorecard__key"))
    assert keys == {"Technology": "crm-engagement", "": "crm-engagement", "Retail": "retail"}


def test_verification_finds_a_tampered_score(book):
    run = newest_run()
    assert verify.verify(run).differing == 0
    Snapshot.objects.filter(account_id=book[0].pk).update(score=12.5)
    result = verify.verify(run)
    assert result.snapshots == 6
    assert "12.5" in result.differences[0]


def test_a_proof_of_nothing_is_none(book, capsys):
    Snapshot.objects.filter(account_id=book[0].pk).delete()
    call_command("verify_snapshots")
    assert "of 1 of its 6 accounts there is no snapshot" in capsys.readouterr().out
    Snapshot.objects.all().delete()
    with pytest.raises(CommandError, match="Nothing was proven"):
        call_command("verify_snapshots")


def test_the_rollup_adds_up_to_current_health(book):
    rows = DailyRollup.objects.filter(as_of=NIGHT)
    assert sum(row.accounts for row in rows) == 6
    assert sum(row.scored for row in rows) == AccountHealth.objects.exclude(score=None).count()
    assert sum(row.arr_known for row in rows) == 5
    total = sum(AccountHealth.objects.exclude(score=None).values_list("score", flat=True))
    assert sum(row.score_sum for row in rows) == pytest.approx(total)


def test_an_empty_book_says_what_to_do(db):
    with pytest.raises(WorkbenchError, match="import some first"):
        run_nightly(NIGHT)


def test_an_unknown_scorecard_names_those_there_are(book):
    with pytest.raises(WorkbenchError, match="crm-engagement"):
        run_nightly(NIGHT, "crm-engagment")


def test_a_run_of_another_plan_replaces_the_open_one(book):
    first = start_night(date(2026, 11, 21))
    second = start_night(date(2026, 11, 21), "product-value")
    first.refresh_from_db()
    assert (first.state, second.state) == ("failed", "counting")


def test_amounts_in_another_currency_are_unknown_to_the_night(make_account, score_book, owner):
    """Nothing converts them: added up as they stand, they would be another figure."""
    own, foreign = make_account(owner=owner), make_account(owner=owner, currency="JPY")
    score_book({own: {}, foreign: {}})
    rows = DailyRollup.objects.aggregate(arr=Sum("arr_amount"), known=Sum("arr_known"))
    assert rows == {"arr": own.arr_amount, "known": 1}
    points = dict(AccountHealth.objects.values_list("account", "priority"))
    assert points[own.pk] > points[foreign.pk]
