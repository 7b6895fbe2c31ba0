from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from csm.lib.dates import today
from scoring.models import ScoreRun


def test_a_slip_in_the_year_is_no_night(db):
    with pytest.raises(CommandError, match="Check the year"):
        call_command("run_nightly", as_of=str(today() + timedelta(days=365)))
    assert not ScoreRun.objects.exists()


@pytest.mark.parametrize("size", ["0", "-5"])
def test_a_shard_holds_an_account(db, size):
    with pytest.raises(CommandError, match="at least one account"):
        call_command("run_nightly", "--shard-size", size)


def test_a_busy_database_is_a_sentence(db, monkeypatch):
    def locked(*args, **options):
        raise OperationalError("database is locked")

    monkeypatch.setattr("csm.management.commands.run_nightly.run_nightly", locked)
    with pytest.raises(CommandError, match="database is locked"):
        call_command("run_nightly")
