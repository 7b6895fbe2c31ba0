"""Good rows that wait for an account."""

from collections.abc import Iterable, Sequence

import orjson
from django.db import connection
from django.utils import timezone

from accounts.ingest.row import Row
from accounts.models import Account, HeldRow, ImportRun
from csm.lib.copy import bulk_insert

_UNKNOWN = "There is no account of this id yet."
_NO_PARENT = "Its parent account is not there yet; the account itself is."


def hold(rows: Sequence[tuple[int, str, dict[str, str]]], run: ImportRun) -> None:
    """Keep rows (number, account's id, cells by target) until their account appears.

    A row that is waiting already, from an earlier load of the same file, is kept once.
    """
    _keep(run.feed, rows, run, _UNKNOWN)


def keep_parents(orphans: Iterable[tuple[Row, Account]], run: ImportRun) -> None:
    """Keep which parent accounts are to have, until the parent appears."""
    rows = [
        (
            row.number,
            row.extra["parent"],
            {"external_id": account.external_id, "parent_id": row.extra["parent"]},
        )
        for row, account in orphans
    ]
    _keep("accounts", rows, run, _NO_PARENT)


def _keep(
    feed: str, rows: Sequence[tuple[int, str, dict[str, str]]], run: ImportRun, reason: str
) -> None:
    if not rows:
        return
    waiting = HeldRow.objects.filter(
        state=HeldRow.State.WAITING,
        account_external_id__in={account_id for _, account_id, _ in rows},
        feed=feed,
        source=run.source,
    )
    there = {_packed(cells) for cells in waiting.values_list("cells", flat=True).iterator()}
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    bulk_insert(
        HeldRow,
        (
            "feed",
            "source",
            "account_external_id",
            "cells",
            "number",
            "import_run",
            "state",
            "reason",
            "held_at",
        ),
        (
            (
                feed,
                run.source,
                account_id,
                packed,
                number,
                run.pk,
                HeldRow.State.WAITING.value,
                reason,
                now,
            )
            for number, account_id, cells in rows
            if (packed := _packed(cells)) not in there
        ),
    )


def _packed(cells: dict[str, str]) -> str:
    return orjson.dumps(cells, option=orjson.OPT_SORT_KEYS).decode()
