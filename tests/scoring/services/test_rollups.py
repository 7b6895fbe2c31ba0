"""The totals of a night are its sums added up further, whatever changed the sums."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from accounts.models import Account
from csm.nightly import run_nightly
from scoring.models import AccountHealth, BandChange, DailyRollup, NightTotal, ScoreRun, Snapshot
from scoring.services import retention, rollup_moves
from tests.conftest import NIGHT
from tests.scoring.services.adding_up import added_up, assert_added_up, stored


def test_a_night_leaves_them_once(book, make_account, score_book):
    assert_added_up()
    assert {place[-3] for place in stored()} == {True, False}
    score_book(as_of=NIGHT + timedelta(days=1))
    before = stored()
    run_nightly(NIGHT + timedelta(days=1))
    assert_added_up()
    assert list(before.values()) == list(stored().values())


def test_so_does_a_back_fill_and_a_scorecard_asked_for_by_name(book, south):
    run_nightly(NIGHT - timedelta(days=2), "product-value", history_only=True)
    run_nightly(NIGHT - timedelta(days=2), history_only=True)
    run_nightly(NIGHT - timedelta(days=1), "product-value", history_only=True)
    assert_added_up()
    asked = NightTotal.objects.exclude(scorecard=None)
    assert {row.as_of for row in asked} == {NIGHT - timedelta(days=1)}


def test_sums_counted_anew_are_added_up_anew(book, south):
    Account.objects.filter(pk=book[0].pk).update(team=south, arr_amount=7)
    rollup_moves.count_anew(ScoreRun.objects.get())
    assert_added_up()
    assert south.pk in {place[-1] for place in stored()}


def test_what_is_left_of_an_old_night_are_its_sums_and_their_totals(book):
    before = stored()
    retention.prune(NIGHT + timedelta(days=5_000))
    run_nightly(NIGHT + timedelta(days=5_000))
    retention.prune(NIGHT + timedelta(days=5_000))
    assert not Snapshot.objects.filter(as_of=NIGHT).exists()
    assert before.items() <= stored().items()
    assert_added_up()


def test_a_colleague_who_leaves_takes_no_figure_along(book, owner):
    """Rows of nobody may then lie beside each other: they are still all of the night."""
    Account.objects.update(owner=None)
    whole = NightTotal.objects.filter(is_whole=True).count()
    owner.delete()
    assert NightTotal.objects.filter(is_whole=True).count() == whole
    for total in (True, False):
        rows = NightTotal.objects.filter(is_whole=total)
        assert sum(row.accounts for row in rows) == len(book)


@pytest.mark.parametrize("days", [1, 3])
def test_a_database_full_of_nights_gets_them_with_the_migration(book, days):
    for ago in range(1, days):
        run_nightly(NIGHT - timedelta(days=ago), history_only=True)
    expected = stored()
    NightTotal.objects.all().delete()
    migration = import_module("scoring.migrations.0008_night_totals").Migration
    with connection.cursor() as cursor:
        for sql in migration.operations[-1].sql:
            cursor.execute(sql)
    assert stored().keys() == expected.keys() == added_up().keys()
    assert_added_up()


def test_a_run_that_goes_takes_its_totals_along(book):
    for model in (Snapshot, DailyRollup, AccountHealth, BandChange):
        model.objects.all().delete()
    ScoreRun.objects.all().delete()
    assert not NightTotal.objects.exists()
