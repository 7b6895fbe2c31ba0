"""Values by column target, read as the cells of a file are."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from accounts.ingest import load
from accounts.ingest.columns import MEASURE_PREFIX, Column, Kind
from accounts.ingest.errors import RowError, shown
from accounts.ingest.feeds import Feed
from accounts.ingest.feeds.further import columns_of, measure_column
from accounts.ingest.mappings import Layout, Place
from accounts.ingest.parsers import Record

_AHEAD: Final = timedelta(days=1)
_FORMS: Final = "Send a text, a number, null, a list of texts, or true or false where it is asked."


def read_rows(
    feed: Feed, rows: Sequence[tuple[int, Mapping[str, Any]]], *, as_of: date
) -> tuple[load.Reader, list[Any], list[RowError]]:
    """Good rows among `rows` (number and values by target), and every fault of the others."""
    known = columns_of(feed)
    columns: dict[str, Column] = {}
    faults: list[RowError] = []
    kept: list[tuple[int, Mapping[str, Any]]] = []
    for number, values in rows:
        bad = False
        for target in values:
            if target in columns:
                continue
            column = known.get(target) or _made(feed, target)
            if column is None:
                faults.append(_no_column(number, target, known))
                bad = True
            else:
                columns[target] = column
        if not bad:
            kept.append((number, values))
    # What has no column at all is missing, not blank.
    for target in {feed.key_target, *feed.required}:
        columns.setdefault(target, known[target])
    places = tuple(Place(at, target, column) for at, (target, column) in enumerate(columns.items()))
    latest = max(as_of, timezone.localdate() + _AHEAD)
    reader = load.reader_for(
        feed,
        Layout(places),
        {},
        load.conventions(settings.DEFAULT_CURRENCY, latest),
        as_of,
    )
    records = []
    for number, values in kept:
        try:
            texts = [_text(values.get(target), column) for target, column in columns.items()]
        except _NoCellError as error:
            faults.append(RowError(number, error.target, error.shown, error.reason, _FORMS))
        else:
            records.append(Record(number, texts))
    good, more = reader.check(records)
    return reader, good, [*faults, *more]


def _made(feed: Feed, target: str) -> Column | None:
    """The column of a usage measure nobody has sent before."""
    key = target.removeprefix(MEASURE_PREFIX)
    if MEASURE_PREFIX not in feed.prefixes or key == target:
        return None
    is_key = (
        0 < len(key) <= 60 and key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    )
    return measure_column(key) if is_key else None


def _no_column(number: int, target: str, known: Iterable[str]) -> RowError:
    near = get_close_matches(str(target), list(known), n=1, cutoff=0.6)
    remedy = f"Did you mean {near[0]}?" if near else "Leave it out."
    return RowError(number, shown(str(target)), "", "There is no such field.", remedy)


class _NoCellError(Exception):
    """A value no cell of a file could have been."""

    def __init__(self, target: str, value: Any, reason: str) -> None:
        self.target, self.shown, self.reason = target, shown(str(value)), reason
        super().__init__(reason)


def _text(value: Any, column: Column) -> str:
    match value:
        case None:
            return ""
        case bool():
            if column.kind is not Kind.YES_NO:
                raise _NoCellError(
                    column.target, value, "It is true or false, which says nothing here."
                )
            return "yes" if value else "no"
        case str():
            return value
        case int() | float():
            return repr(value)
        case datetime() | date():
            return value.isoformat()
        case list() | tuple() if all(isinstance(part, str) for part in value):
            return "; ".join(value)
    reason = f"It is a {type(value).__name__}, which no field holds."
    raise _NoCellError(column.target, value, reason)
