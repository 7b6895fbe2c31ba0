"""Lists as CSV: exactly what the page shows, row by row, and a note of who took it."""

import csv
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import date, datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from csm.lib import display
from csm.lib.money import exponent
from csm.lib.spreadsheet import MARK, Line, guarded
from csm.portfolio.downloads import attach, record
from csm.portfolio.lists import Listing, risk_listing
from csm.portfolio.rows import FIELDS, Record
from csm.portfolio.tables import PortfolioTable
from csm.portfolio.totals import How
from playbooks.models import Severity
from scoring.engine.spec import UNKNOWN_NAME

# Rows read, and sent, at a time.
_CHUNK = 2_000
_SENT = 500
# How long one statement, or one slow reader, may keep a file waiting.
_LONGEST_MS = "600000"

Column = tuple[str, Callable[[Record], Any]]
Rows = Generator[tuple[Any, ...], None, None]


def _money(minor: int | None, currency: str) -> str:
    if minor is None:
        return ""
    return f"{display.major_units(minor, currency):.{exponent(currency)}f}"


def _rounded(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _moment(at: datetime | None) -> str:
    return timezone.localtime(at).isoformat(timespec="minutes") if at else ""


# Scores stand on 0–100 whatever scale a scorecard displays, so that the column can be sorted and summed.
COLUMNS: tuple[Column, ...] = (
    ("account_id", lambda r: guarded(r.external_id)),
    ("name", lambda r: guarded(r.name)),
    ("industry", lambda r: guarded(r.industry)),
    ("size", lambda r: guarded(r.size_segment)),
    ("stage", lambda r: guarded(r.lifecycle_stage)),
    ("owner", lambda r: guarded(r.owner_name)),
    ("score", lambda r: _rounded(r.score, 2)),
    ("band", lambda r: guarded(r.band_name or UNKNOWN_NAME)),
    ("change_7d", lambda r: _rounded(r.change_7d, 2)),
    ("change_30d", lambda r: _rounded(r.change_30d, 2)),
    ("top_driver", lambda r: guarded(r.top_driver or "")),
    ("top_driver_points_lost", lambda r: _rounded(r.top_driver_lost, 2)),
    ("coverage", lambda r: _rounded(r.coverage, 3)),
    ("arr", lambda r: _money(r.arr_amount, r.currency)),
    ("predicted_6m", lambda r: _money(r.predicted_6m_amount, r.currency)),
    ("currency", lambda r: guarded(r.currency)),
    ("tier", lambda r: guarded(r.tier or "")),
    ("renewal_on", lambda r: _day(r.renewal_on)),
    ("last_touch_on", lambda r: _day(r.last_touch_on)),
    ("churned_on", lambda r: _day(r.churned_on)),
    ("as_of", lambda r: _day(r.health_as_of)),
    ("alerts_open", lambda r: r.work__alerts_open or 0),
    ("loudest_alert", lambda r: guarded(r.work__top_alert_name or "")),
    ("severity", lambda r: Severity(r.work__severity).label if r.work__severity else ""),
    ("plan", lambda r: guarded(r.work__plan_title or "")),
    ("next_step", lambda r: guarded(r.work__next_task_title or "")),
    ("next_due_on", lambda r: _day(r.work__next_due_on)),
    ("tasks_overdue", lambda r: r.work__tasks_overdue or 0),
    ("clock", lambda r: guarded(r.work__clock_label or "")),
    ("clock_due_at", lambda r: _moment(r.work__clock_due_at)),
    ("clock_overdue", lambda r: "yes" if r.work__clock_broken else ""),
)


_PARTS = ("health", "trend", "renewal", "arr", "alerts", "clocks")


def _points(place: int, label: str, as_of: date) -> Column:
    """The points of one part of the priority."""
    return f"points_{label}", lambda r: _rounded(r.parts(as_of)[place].points, 2)


def _rows(accounts: QuerySet[Any]) -> Rows:
    """The rows of one moment, a chunk at a time: neither process nor client library holds the list."""
    found = accounts.values_list(*FIELDS)
    if connection.vendor != "postgresql":
        yield from found.iterator(chunk_size=_CHUNK)
        return
    try:
        sql, params = found.query.sql_with_params()
    except EmptyResultSet:
        return
    # A cursor that ends with its transaction: one that outlives it would first be written to disk, whole.
    with transaction.atomic():
        with connection.cursor() as limits:
            # The limits of a page are not those of a file; in this transaction only.
            limits.execute(
                "SELECT set_config('statement_timeout', %s, true), "
                "set_config('idle_in_transaction_session_timeout', %s, true)",
                [_LONGEST_MS, _LONGEST_MS],
            )
        with connection.chunked_cursor() as cursor:
            cursor.execute(sql, params)
            while rows := cursor.fetchmany(_CHUNK):
                yield from rows


def _lines(records: Rows, columns: tuple[Column, ...]) -> Generator[list[str], None, None]:
    """The header, then lines in lists of up to `_SENT`."""
    writer: Any = csv.writer(Line())
    cells = [cell for _, cell in columns]
    yield [MARK + writer.writerow([name for name, _ in columns])]
    lines: list[str] = []
    with closing(records):
        for values in records:
            row = Record(*values)
            lines.append(writer.writerow([cell(row) for cell in cells]))
            if len(lines) == _SENT:
                yield lines
                lines = []
    if lines:
        yield lines


def _sent(
    request: HttpRequest, what: str, told: bool, lines: Generator[list[str], None, None]
) -> Iterator[str]:
    """The pieces of a file; at its end the trail learns how many rows went, unless it was `told`."""
    sent, whole = -1, False
    try:
        for some in lines:
            sent += len(some)
            yield "".join(some)
        whole = True
    finally:
        # Ends the transaction of the rows: what is noted now must not go with it.
        lines.close()
        if not whole:
            record(request, f"{what}, broken off", max(sent, 0))
        elif not told:
            record(request, f"{what}, to the end", sent)


def _download(listing: Listing, what: str, columns: tuple[Column, ...]) -> StreamingHttpResponse:
    """The whole list in its order, read in chunks; the export is recorded first.

    The rows of a list nobody counted are recorded when the last has been sent, and so is where it broke off.
    """
    count = listing.totals.count
    told = count.how is How.COUNTED
    record(listing.request, what, count.accounts if told else None)
    lines = _lines(_rows(listing.accounts), columns)
    response = StreamingHttpResponse(
        _sent(listing.request, what, told, lines), content_type="text/csv; charset=utf-8"
    )
    attach(response, f"{what}-{listing.filter.as_of.isoformat()}.csv")
    return response


@require_safe
def portfolio_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The portfolio as filtered and sorted."""
    return _download(Listing(request, PortfolioTable), "portfolio", COLUMNS)


@require_safe
def at_risk_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The at-risk queue with its reasons, or the Unknown tab with what is missing."""
    listing = risk_listing(request)
    as_of = listing.filter.as_of
    if request.GET.get("tab") == "unknown":
        return _download(
            listing, "unknown", (*COLUMNS, ("why", lambda r: guarded(r.why_unknown())))
        )
    reason: tuple[Column, ...] = (
        ("priority", lambda r: _rounded(r.urgency, 2)),
        ("reason", lambda r: guarded(r.why_now(as_of))),
        *(_points(place, label, as_of) for place, label in enumerate(_PARTS)),
    )
    return _download(listing, "at-risk", (*reason, *COLUMNS))
