"""Which nights go, which stay, and that what stays can still be explained."""

from datetime import date, timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from scoring.models import DailyRollup, ScoreRun, Snapshot
from scoring.services import partitions, retention
from scoring.services.verify import verify

TODAY = date(2026, 11, 20)


@pytest.fixture
def nights(score_book, make_account, settings):
    """Nights of old and new, one account each; by day."""
    settings.SNAPSHOT_DAILY_MONTHS = 1
    settings.SNAPSHOT_WEEKLY_MONTHS = 3
    account = make_account("Aster")
    days = [
        date(2026, 6, 15),  # too old for any
        date(2026, 9, 7),
        date(2026, 9, 9),  # the last of its week
        date(2026, 9, 14),  # alone in its week
        date(2026, 10, 2),  # every night from here on
        date(2026, 10, 3),
        TODAY,
    ]
    return {day: score_book({account: {}}, as_of=day) for day in days}


def _there():
    return sorted(set(Snapshot.objects.values_list("as_of", flat=True)))


def test_old_nights_thin_out_and_go(nights):
    dry = retention.over_age(TODAY)
    assert (dry.daily_from, dry.weekly_from) == (date(2026, 10, 1), date(2026, 8, 1))
    assert len(_there()) == len(nights)

    done = retention.prune(TODAY)

    assert _there() == [
        date(2026, 9, 9),
        date(2026, 9, 14),
        date(2026, 10, 2),
        date(2026, 10, 3),
        TODAY,
    ]
    if connection.vendor == "postgresql":
        # July was made ahead of time and never written.
        assert [month.first.month for month in done.months] == [6, 7]
        assert done.nights == [date(2026, 9, 7)]
    else:
        assert done.nights == [date(2026, 6, 15), date(2026, 9, 7)]
    emptied = set(ScoreRun.objects.filter(statistics={}).values_list("as_of", flat=True))
    assert emptied == {date(2026, 6, 15), date(2026, 9, 7)}
    # What stays explains itself; sums of nights that went stay.
    kept = ScoreRun.objects.filter(as_of=date(2026, 9, 9)).latest("pk")
    assert verify(kept).differing == 0 < verify(kept).snapshots
    assert DailyRollup.objects.filter(as_of=date(2026, 6, 15)).exists()
    again = retention.prune(TODAY)
    assert (again.nights, again.months, again.rows) == ([], [], 0)


def test_the_night_of_current_health_stays_however_old(nights):
    retention.prune(TODAY + timedelta(days=4000))
    assert _there() == [TODAY]


def test_the_command_says_what_would_go(nights, capsys, monkeypatch):
    monkeypatch.setattr("scoring.management.commands.prune_snapshots.today", lambda: TODAY)
    call_command("prune_snapshots", "--dry-run")
    said = capsys.readouterr().out
    assert "2026-09-07" in said
    assert "2026-09-09" not in said
    assert len(_there()) == len(nights)


@pytest.mark.django_db
def test_months_are_made_once():
    partitions.ensure(date(2031, 5, 7), ahead=True)
    partitions.ensure(date(2031, 6, 30))
    made = [month.name for month in partitions.months() if month.first.year == 2031]
    if connection.vendor == "postgresql":
        assert made == [f"scoring_snapshot_2031_{month:02}" for month in (5, 6, 7)]
    else:
        assert made == []
