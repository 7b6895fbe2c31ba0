"""Current health put together while a night is scored: the same as computed again from the snapshots."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from csm.nightly import run_nightly, start_night
from scoring.models import AccountHealth, ScoreRun
from scoring.services import night_acts, nights, shards, staged, versions
from tests.conftest import NIGHT

postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite computes it from the snapshots"
)
WORKER = "w:1"


@pytest.fixture
def two_cards(book):
    """Tiers by quantile of one version and by amount of another, with a week and a month behind them."""
    spec = versions.spec_of(versions.active_versions()[0])
    as_dict = versions.engine.to_dict(spec)
    other = "quantile" if spec.revenue.tiers == "amount" else "amount"
    large = versions.engine.from_dict(
        as_dict
        | {
            "key": "large",
            "name": "Large",
            "scope": {"tags": ["large"]},
            "revenue": as_dict["revenue"] | {"tiers": other},
        }
    )
    draft = versions.import_spec(large, by=None)
    versions.publish(draft, by=None, note="Large ones by amount")
    versions.activate(draft.scorecard, by=None)
    for account in book[:3]:
        account.tags = ["large"]
        account.renewal_on = NIGHT + timedelta(days=40)
        account.save()
    for days in (30, 7, 1, 0):
        run_nightly(NIGHT - timedelta(days=days), judge=False)
    return book


def health():
    left_out = {"run", "rescored_at"}
    names = [f.attname for f in AccountHealth._meta.fields if f.name not in left_out]
    rows = AccountHealth.objects.order_by("account_id").values_list(*names)
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]


def scored(shard_size=2):
    """A run whose shards are all scored and that nobody has published."""
    run = start_night(NIGHT, shard_size=shard_size)
    for state in ("waiting", "counted"):
        while (shard := nights._claim(run, state, WORKER)) is not None:
            nights._do(run, shard, WORKER, counting=state == "waiting")
        if state == "waiting":
            nights._advance(run, counting=True)
            run.refresh_from_db()
    return run


@postgresql
def test_what_workers_put_together_is_what_the_snapshots_say(two_cards):
    run = scored()
    assert staged.is_whole(run)
    nights.work(run)
    together = health()
    assert {row[-1] for row in AccountHealth.objects.values_list("band", "tier")} >= {"A", "C", "4"}
    assert any(change is not None for (change,) in AccountHealth.objects.values_list("change_30d"))

    # A server that fell over empties what is not logged.
    again = scored()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {staged._STAGED}{again.pk}")
    assert not staged.is_whole(again)
    nights.work(again)

    assert AccountHealth.objects.filter(run=again).count() == len(together)
    assert health() == together


@postgresql
def test_half_of_it_is_not_trusted(two_cards):
    expected = health()
    run = scored()
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {staged._STAGED}{run.pk} WHERE account_id = %s", [two_cards[0].pk]
        )
    nights.work(run)
    assert len(health()) == len(expected)


@postgresql
def test_an_account_deleted_while_the_night_runs_has_no_health(two_cards):
    run = scored()
    gone = two_cards[0].pk
    two_cards[0].delete()
    nights.work(run)
    assert not AccountHealth.objects.filter(account_id=gone).exists()
    assert AccountHealth.objects.filter(run=run).count() == len(two_cards) - 1


@postgresql
def test_tables_of_runs_that_are_over_go_and_a_run_taken_up_again_does_without(two_cards):
    expected = health()
    stopped = night_acts.cancel(scored(), by=None, at=timezone.now())
    assert staged.is_begun(stopped)
    run_nightly(NIGHT - timedelta(days=2), judge=False)
    assert staged._begun() == set()

    taken_up = night_acts.retry(stopped, by=None, at=timezone.now())
    assert nights.work(taken_up).state == ScoreRun.State.DONE
    assert AccountHealth.objects.filter(run=taken_up).count() == len(expected)
    assert health() == expected


def test_a_back_fill_puts_nothing_together(two_cards):
    run = start_night(NIGHT - timedelta(days=3))
    nights._do(run, nights._claim(run, "waiting", WORKER), WORKER, counting=True)
    nights._advance(run, counting=True)
    assert not staged.is_begun(run)


def test_what_was_read_to_count_is_kept_for_scoring_and_read_again_where_it_cannot_be(
    two_cards, monkeypatch
):
    run_nightly(NIGHT, shard_size=2)
    expected = health()

    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards, "TemporaryFile", full)
    run_nightly(NIGHT, shard_size=2)
    assert health() == expected

    monkeypatch.undo()
    monkeypatch.setattr(shards, "KEPT_SHARDS", 1)
    run_nightly(NIGHT, shard_size=2)
    assert health() == expected
    assert not shards._kept
