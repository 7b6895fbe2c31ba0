"""Rows that come as values rather than in a file: calls of the API, events, rows that waited."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.ingest import held, load, load_related
from accounts.ingest.errors import RowError, UnknownFeed
from accounts.ingest.feeds import FEEDS, Feed
from accounts.ingest.plans import CREATED, HELD, REJECTED, UNCHANGED, UPDATED, BasePlan
from accounts.ingest.read_values import read_rows
from accounts.ingest.sources import lock
from accounts.models import Account, ImportRun


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row: `status` is created, updated, unchanged, held or rejected.

    `id` is our primary key where the row is one row of ours. `errors` have `row` = index + 1.
    """

    index: int
    status: str
    id: int | None
    errors: tuple[RowError, ...] = ()


def load_rows(
    feed: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    source: str,
    by: Any,
    as_of: date | None = None,
    account_source: str | None = None,
    accounts: "QuerySet[Account] | None" = None,
    dry_run: bool = False,
    file_name: str = "API",
) -> list[RowResult]:
    """Load `rows` (values by column target, as JSON holds them) through the validation files go through.

    One transaction and, where anything loads, one ImportRun. A blank, null or absent value is unknown.
    `source` is the system the ids come from, `account_source` (default: the same) the one of the account
    ids. With `accounts`, rows of other accounts are rejected as if those did not exist, and no account is
    made. Raises UnknownFeed.
    """
    if feed not in FEEDS:
        raise UnknownFeed(feed, FEEDS)
    as_of = as_of or timezone.localdate()
    kind = FEEDS[feed]
    with transaction.atomic():
        lock(source, make=not dry_run)
        reader, found, faults = read_rows(kind, list(enumerate(rows, 1)), as_of=as_of)
        context = load.context_for(
            kind,
            reader,
            source=source,
            account_source=account_source or source,
            currency=settings.DEFAULT_CURRENCY,
            as_of=as_of,
            allowed=accounts,
        )
        planned = load.plan(found, context)
        errors: dict[int, list[RowError]] = {}
        for fault in (*faults, *planned.errors):
            errors.setdefault(fault.row, []).append(fault)
        results = None
        if dry_run:
            results = _results(len(rows), planned, errors)
            transaction.set_rollback(True)
        elif planned.outcomes or planned.held:
            run = _start(kind, context.account_source, planned, as_of, source, by, file_name)
            _count(run, len(rows), planned, len(errors))
            load.apply(planned, run)
            held.release(planned.appeared)
            load_related.finish(kind, run)
        if results is None:
            results = _results(len(rows), planned, errors)
    return results


def _start(
    feed: Feed,
    account_source: str,
    planned: BasePlan,
    as_of: date,
    source: str,
    by: Any,
    file_name: str,
) -> ImportRun:
    return ImportRun.objects.create(
        feed=feed.key,
        source=source,
        mapping="",
        file_name=file_name,
        as_of=as_of,
        started_by=by,
        state=ImportRun.State.DONE,
        finished_at=timezone.now(),
        options={"account_source": account_source},
    )


def _count(run: ImportRun, read: int, planned: BasePlan, rejected: int) -> None:
    counts = Counter(planned.outcomes.values())
    run.rows_read = read
    run.rows_rejected = rejected
    run.rows_held = len(planned.held)
    run.created_count = counts[CREATED]
    run.updated_count = counts[UPDATED]
    run.unchanged_count = counts[UNCHANGED]
    run.position = read
    run.save()


def _results(
    count: int, planned: BasePlan, errors: Mapping[int, list[RowError]]
) -> list[RowResult]:
    ids = planned.row_ids()
    waiting = {row.number for row in planned.held}
    results = []
    for number in range(1, count + 1):
        status = planned.outcomes.get(number, UNCHANGED)
        if number in waiting:
            status = HELD
        if number in errors:
            status = REJECTED
        results.append(
            RowResult(number - 1, status, ids.get(number), tuple(errors.get(number, ())))
        )
    return results
