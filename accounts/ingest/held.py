"""Rows that waited for their account, loaded once it is there."""

from collections.abc import Collection
from itertools import groupby
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.ingest import load, load_related
from accounts.ingest.feeds import FEEDS
from accounts.ingest.read_values import read_rows
from accounts.models import HeldRow, ImportRun

_CHUNK: Final = 5_000
_AT_ONCE: Final = 10_000


def release(account_ids: Collection[str]) -> int:
    """Load the rows that wait for accounts of these external ids; how many could.

    They load as rows of the import that brought them, with its day, so that its undo takes them back. Rows
    whose account is still not clear, or that a rule of the loader refuses, go on waiting and say why.
    """
    ids = sorted({text for text in account_ids if text})
    loaded = 0
    with transaction.atomic():
        for start in range(0, len(ids), _AT_ONCE):
            loaded += _release(ids[start : start + _AT_ONCE])
    return loaded


def _release(ids: list[str]) -> int:
    loaded = last = 0
    # Locked: who releases the same rows at once waits here, and then finds them loaded.
    waiting = (
        HeldRow.objects.select_for_update(of=("self",))
        .filter(state=HeldRow.State.WAITING, account_external_id__in=ids)
        .order_by("pk")
    )
    while True:
        rows = list(waiting.filter(pk__gt=last)[:_CHUNK])
        if not rows:
            return loaded
        last = rows[-1].pk
        runs = ImportRun.objects.in_bulk({row.import_run_id for row in rows if row.import_run_id})
        for key, group in groupby(rows, key=lambda row: (row.import_run_id, row.feed, row.source)):
            run = runs.get(key[0])
            if run is not None:
                loaded += _load(list(group), run)


def _load(rows: list[HeldRow], run: ImportRun) -> int:
    feed = FEEDS[rows[0].feed]
    by_number = dict(enumerate(rows, 1))
    reader, found, faults = read_rows(
        feed, [(number, row.cells) for number, row in by_number.items()], as_of=run.as_of
    )
    context = load.context_for(
        feed,
        reader,
        source=rows[0].source,
        account_source=run.options.get("account_source") or run.source,
        currency=settings.DEFAULT_CURRENCY,
        as_of=run.as_of,
    )
    planned = load.plan(found, context)
    load.write(planned, run)
    load_related.finish(feed, run)
    done = set(planned.outcomes) - {row.number for row in planned.held}
    settled: list[Any] = [by_number[number] for number in done]
    HeldRow.objects.filter(pk__in=[row.pk for row in settled]).update(
        state=HeldRow.State.LOADED, settled_at=timezone.now(), reason=""
    )
    refused = []
    for fault in (*faults, *planned.errors):
        row = by_number[fault.row]
        row.reason = f"{fault.column}: {fault.reason} {fault.remedy}"[:255]
        refused.append(row)
    HeldRow.objects.bulk_update(refused, ["reason"], batch_size=500)
    return len(settled)
