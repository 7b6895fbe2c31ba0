"""What lists need beside the newest night: nights to have changed since, and accounts too new to be scored.

The nights 7 and 30 days before the newest are earlier ones under other dates, so that some accounts in
seven have been told something new in the week and half of them in the month.
"""

import datetime as dt
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.models import Account
from csm.bench.data import SOURCE, Nights, tidy
from csm.bench.databases import require_own
from csm.bench.night import copy_night, score_night
from scoring.models import DailyRollup, ScoreRun, Snapshot
from scoring.services import partitions

# Days before the newest night, and the day of `Nights` that is told again then.
_BEFORE: Final = ((30, 30), (7, 51))
# One account in so many came after the newest night.
_LATE: Final = 1_000


def write(newest: dt.date) -> ScoreRun:
    """The newest night with what lies before it; what is there stays."""
    require_own()
    nights = Nights(newest)
    for ago, day in _BEFORE:
        on = newest - dt.timedelta(days=ago)
        if not _run_of(on):
            _again(_run_of(nights.on(day)) or score_night(nights.on(day)), on)
    run = _run_of(newest) or score_night(newest)
    tidy()
    return run


def add_late() -> int:
    """Accounts nobody has scored yet, as an import by day leaves them; returns how many."""
    require_own()
    now = timezone.now()
    some = list(Account.objects.order_by("-pk")[: max(1, Account.objects.count() // _LATE)])
    for number, account in enumerate(some):
        account.pk, account.external_id = None, f"{SOURCE}-late-{number:06d}"
        account.name, account.created_at = f"Late {account.name}", now
    Account.objects.bulk_create(some, batch_size=1_000)
    return len(some)


def _run_of(on: dt.date) -> ScoreRun | None:
    return ScoreRun.objects.filter(as_of=on, state=ScoreRun.State.DONE).first()


def _again(run: ScoreRun, on: dt.date) -> None:
    """The night of `run` as that of `on`."""
    source = run.as_of
    partitions.ensure(on)
    # What its statistics and report say is the same.
    run.pk, run.as_of = None, on
    run.save(force_insert=True)
    values = {"as_of": on, "run_id": run.pk}
    columns = {"as_of": "%(as_of)s::date", "run_id": "%(run_id)s"}
    with connection.cursor() as cursor:
        for model in (Snapshot, DailyRollup):
            copy_night(cursor, model._meta.db_table, source, columns, values)
