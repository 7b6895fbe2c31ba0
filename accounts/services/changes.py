"""Which accounts changed: noted in the transaction that changes their facts, scored again by day.

A row per account, so a burst of changes is one score. After the commit a worker is woken, where there are
workers; the row is what counts, and whoever looks for rows finds it without any message.
"""

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Subquery

from accounts.models import ImportRun, Watermark
from csm.lib.copy import among
from csm.lib.money import in_own_currency

log = logging.getLogger("accounts.changes")

# What one import may have scored by day. Beyond it the night does it: a book is read faster whole.
MOST: Final = 5_000
# Changes of more accounts at once than are scored by day.
LEFT_TO_THE_NIGHT: Final = "by day: left to the night"
# The task that scores them, by name: it lives above.
TASK: Final = "csm.tasks.by_day"
# There is while a message is on its way, so that a burst of changes sends one; a lost one holds nobody up.
WOKEN: Final = "by-day-woken"
_WOKEN_SECONDS: Final = 10

# The account as it stands is kept with its first change: the daily sums have it so.
_MARK: Final = """
INSERT INTO accounts_changedaccount (account_id, changed_at, times, was_at, was_owner, was_team,
    was_industry, was_size_segment, was_arr_amount, worker, attempts)
SELECT a.id, %s, 1, %s, a.owner_id, a.team_id, a.industry, a.size_segment, {arr}, '', 0
FROM accounts_account a WHERE {accounts} ORDER BY a.id
ON CONFLICT (account_id) DO UPDATE SET
    changed_at = excluded.changed_at, times = accounts_changedaccount.times + 1, attempts = 0
"""


def mark(account_ids: Collection[int], *, at: datetime) -> None:
    """Have accounts scored again soon. Two statements at most.

    Call it in the transaction that changes their facts; before the change where it changes owner, team,
    industry, size or ARR. Accounts that are not there are left out; more than `MOST` are left to the night.
    """
    if not account_ids:
        return
    if len(account_ids) > MOST:
        leave_to_the_night(at=at)
        return
    accounts, values = among("a.id", sorted(set(account_ids)))
    now = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        arr = in_own_currency("a.arr_amount", "a.currency")
        cursor.execute(_MARK.format(accounts=accounts, arr=arr), [now, now, *values])
    transaction.on_commit(wake, robust=True)


def mark_import(account_ids: Collection[int], run: ImportRun, *, at: datetime) -> None:
    """`mark` for a piece of an import; once it has changed more than `MOST` accounts the night does the rest.

    Counted in `run.options`, which the loader keeps with every piece.
    """
    if not account_ids:
        return
    so_far = run.options.get("by_day", 0) + len(account_ids)
    run.options["by_day"] = so_far
    if so_far > MOST:
        leave_to_the_night(at=at)
    else:
        mark(account_ids, at=at)


def leave_to_the_night(*, at: datetime) -> None:
    """Note that more accounts changed than are scored by day; pages say so until the next night."""
    Watermark.objects.update_or_create(key=LEFT_TO_THE_NIGHT, defaults={"at": at})


def left_to_the_night() -> Subquery:
    """When changes were last left to the night, as part of another query; null when they never were."""
    return Subquery(Watermark.objects.filter(key=LEFT_TO_THE_NIGHT).values("at")[:1])


def wake() -> None:
    """Tell a worker, unless a message is on its way. Never raises: the sweep finds what nobody was told of."""
    try:
        if cache.add(WOKEN, 1, _WOKEN_SECONDS):
            task = current_app.tasks.get(TASK)
            if task is not None:
                task.apply_async(retry=False)
            elif settings.REDIS_URL:
                # A command does not know the tasks of the layer above.
                current_app.send_task(TASK, retry=False)
    except Exception as error:
        log.warning("no worker could be told of changed accounts: %s", error)


def awake() -> None:
    """A worker has its message: the next change sends another."""
    cache.delete(WOKEN)
