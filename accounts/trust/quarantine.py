"""Good rows of accounts that are not there yet: by account id and feed, discarded, put back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.utils import timezone

from accounts.ingest import held
from accounts.models import HeldRow
from accounts.trust.tables import feed_label

State = HeldRow.State
Rows = QuerySet[HeldRow]


@dataclass(frozen=True)
class Group:
    """Held rows of one account id in one feed of one source."""

    account: str
    source: str
    feed: str
    rows: int
    since: datetime
    until: datetime
    reason: str

    @property
    def label(self) -> str:
        return feed_label(self.feed)


def counts() -> dict[str, int]:
    """Rows by state; one query."""
    found = HeldRow.objects.order_by().values_list("state").annotate(n=Count("pk"))
    return dict(found)


def load() -> int:
    """Load the waiting rows whose account has appeared; returns how many did.

    They load with the import that brought them, so its undo takes them back.
    """
    waiting = HeldRow.objects.filter(state=State.WAITING).order_by()
    ids = waiting.values_list("account_external_id", flat=True).distinct()
    return held.release(set(ids.iterator()))


def rows_of(state: str, run: int | None = None) -> Rows:
    """Rows of one state, of one import or of all."""
    rows = HeldRow.objects.filter(state=state)
    return rows if run is None else rows.filter(import_run=run)


def groups(rows: Rows) -> QuerySet[HeldRow, Any]:
    """`rows` by account id, source and feed, most rows first; `group_of` reads a row of it."""
    return (
        rows.order_by()
        .values("account_external_id", "source", "feed")
        .annotate(n=Count("pk"), since=Min("held_at"), until=Max("held_at"), why=Max("reason"))
        .order_by("-n", "account_external_id", "feed", "source")
    )


def group_of(row: dict[str, Any]) -> Group:
    return Group(
        account=row["account_external_id"],
        source=row["source"],
        feed=row["feed"],
        rows=row["n"],
        since=row["since"],
        until=row["until"],
        reason=row["why"],
    )


def chosen(account: str, source: str, feed: str, *, state: str) -> Rows:
    """The rows of one group."""
    return HeldRow.objects.filter(
        account_external_id=account, source=source, feed=feed, state=state
    )


def discard(rows: Rows, *, by: Any) -> int:
    """Let waiting rows never load; `put_back` undoes it. Returns how many."""
    return rows.filter(state=State.WAITING).update(
        state=State.DISCARDED, reason=f"Discarded by {by}"[:255], settled_at=timezone.now()
    )


def put_back(rows: Rows) -> int:
    """Let discarded rows wait again. Returns how many."""
    return rows.filter(state=State.DISCARDED).update(
        state=State.WAITING, reason="", settled_at=None
    )


def as_table(rows: Rows) -> Iterator[list[str]]:
    """`rows` as a file: what they say of themselves, then a column for every cell any of them has.

    Two passes, so that memory does not grow with the rows.
    """
    rows = rows.order_by("pk")
    cells_seen: set[str] = set()
    for cells in rows.values_list("cells", flat=True).iterator(chunk_size=2_000):
        cells_seen |= cells.keys()
    # JSON keeps no order of names on PostgreSQL.
    columns = sorted(cells_seen)
    yield ["feed", "source", "account", "row", "held_at", "reason", *columns]
    fields = ("feed", "source", "account_external_id", "number", "held_at", "reason", "cells")
    for feed, source, account, number, held_at, reason, cells in rows.values_list(*fields).iterator(
        chunk_size=2_000
    ):
        yield [
            feed,
            source,
            account,
            str(number),
            held_at.isoformat(timespec="seconds"),
            reason,
            *(str(cells.get(name, "") or "") for name in columns),
        ]
