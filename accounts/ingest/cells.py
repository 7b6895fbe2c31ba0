"""One cell as a value, or the reason why not. A blank cell never gets here: it is unknown, not zero."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from accounts.ingest.columns import AS_OF, Column, Kind, fold
from accounts.ingest.dates import read_day, read_moment
from accounts.ingest.faults import CellFault as CellFault
from accounts.ingest.figures import (
    other_currency,
    read_amount,
    read_minutes,
    read_number,
    read_sentiment,
)
from accounts.ingest.ids import MergedId, read_ids

_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_UNDECODED: Final = re.compile(r"[\ud800-\udfff]")
# What systems and people write where there is nothing.
_NOTHING: Final = frozenset(
    {
        "-",
        "--",
        "\N{EN DASH}",
        "\N{EM DASH}",
        "n/a",
        "#n/a",
        "null",
        "(null)",
        "\\n",
        "none",
        "<null>",
    }
)
_YES: Final = frozenset(
    {"true", "t", "yes", "y", "1", "1.0", "on", "x", "ja", "j", "oui", "si", "sim"}
)
_NO: Final = frozenset({"false", "f", "no", "n", "0", "0.0", "off", "nein", "non", "nao"})


@dataclass(frozen=True)
class Conventions:
    """How this file writes things down, and whom it may name.

    `people` and `teams` map a case-folded name or e-mail to an id, or to None where several share it.
    `latest` is the last day a figure may be of.
    """

    currency: str
    zone: ZoneInfo
    latest: date
    date_order: str | None = None
    decimal_comma: bool = False
    people: dict[str, int | None] = field(default_factory=dict)
    teams: dict[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Style:
    """How one column of one file writes things down, where the file as a whole does not say.

    `date_order` is dmy or mdy, `unit` what figures are in (cents, thousands, millions, percent). `salesforce`
    lengthens ids to 18 characters. A `lenient` column's cells that cannot be read count as unknown; each
    spelling that could not is counted in `left_blank`.
    """

    date_order: str | None = None
    unit: str | None = None
    salesforce: bool = False
    lenient: bool = False
    left_blank: dict[str, str] = field(default_factory=dict, compare=False)


PLAIN: Final = Style()
_LEFT_BLANK_KEPT: Final = 10_000


def is_nothing(text: str) -> bool:
    """Whether a stripped cell is blank or stands for nothing."""
    return not text or text.lower() in _NOTHING


def parser_for(
    column: Column, conventions: Conventions, style: Style = PLAIN
) -> Callable[[str], Any]:
    """The function that turns a stripped, non-empty cell of `column` into its value or raises CellFault.

    It gives None for what stands for nothing: "-", "n/a", "null" and their like.
    """
    parse = _parser(column, conventions, style)

    def read(text: str) -> Any:
        if text.lower() in _NOTHING:
            return None
        try:
            return parse(text)
        except CellFault as fault:
            if not style.lenient:
                raise
            if len(style.left_blank) < _LEFT_BLANK_KEPT:
                style.left_blank[text] = fault.reason
            return None

    return read


def _parser(column: Column, conventions: Conventions, style: Style) -> Callable[[str], Any]:
    figures: dict[str, Any] = {
        "currency": conventions.currency,
        "decimal_comma": conventions.decimal_comma,
    }
    order = style.date_order or conventions.date_order
    match column.kind:
        case Kind.CATEGORY:
            synonyms = dict(column.synonyms)
            return lambda text: _category(text, synonyms, column.accepted)
        case Kind.TEXT:
            return partial(_text, max_length=column.max_length)
        case Kind.ID:
            return partial(_external_id, max_length=column.max_length, style=style)
        case Kind.IDS:
            return partial(_external_ids, max_length=column.max_length, style=style)
        case Kind.DATE:
            latest = conventions.latest if column.target == AS_OF else None
            return lambda text: _day(text, conventions, order, latest)
        case Kind.DATETIME:
            return lambda text: read_moment(text, conventions.zone, order)
        case Kind.YES_NO:
            return _yes_no
        case Kind.SLUG:
            return partial(_slug, max_length=column.max_length)
        case Kind.VALUE:
            return tidy
        case Kind.AMOUNT:
            return partial(read_amount, column=column, unit=style.unit, **figures)
        case Kind.MINUTES | Kind.HOURS:
            return partial(read_minutes, column=column, **figures)
        case Kind.SENTIMENT:
            return partial(read_sentiment, column=column, **figures)
        case Kind.CURRENCY:
            return lambda text: _currency(text, conventions.currency)
        case Kind.OWNER:
            return lambda text: _looked_up(
                text, conventions.people, "user", "username or e-mail address"
            )
        case Kind.TEAM:
            return lambda text: _looked_up(text, conventions.teams, "team", "team name")
        case Kind.TAGS:
            return _tags
        case _:
            return partial(read_number, column=column, unit=style.unit, **figures)


def _day(text: str, conventions: Conventions, order: str | None, latest: date | None) -> date:
    day = read_day(text, conventions.zone, order)
    if latest is not None and day > latest:
        raise CellFault("lies in the future.", "A reading is dated the day its figures describe.")
    return day


def tidy(text: str) -> str:
    """`text` composed and on one line, with single spaces; CellFault when it holds control characters."""
    if _CONTROL.search(text):
        raise CellFault("contains control characters.", "Remove them, or export the file again.")
    if _UNDECODED.search(text):
        raise CellFault(
            "contains bytes that are no text in the file's encoding.",
            "Export the file as UTF-8, or set `encoding` in a mapping file.",
        )
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _text(text: str, max_length: int) -> str:
    value = tidy(text)
    if len(value) > max_length:
        raise CellFault(f"is longer than {max_length} characters.", "Shorten it.")
    return value


def _external_id(text: str, max_length: int, style: Style) -> str:
    """The id, with those that became it where the cell lists several (`MergedId`)."""
    first, *others = _external_ids(text, max_length, style)
    return MergedId(first, tuple(others)) if others else first


def _external_ids(text: str, max_length: int, style: Style) -> list[str]:
    ids = read_ids(tidy(text), salesforce=style.salesforce)
    if not ids:
        raise CellFault("is no id.", "Write the id itself.")
    return [_text(each, max_length) for each in ids]


def is_yes(text: str) -> bool | None:
    """Whether `text` means yes or no; None when it is neither."""
    plain = text.strip().lower()
    return True if plain in _YES else False if plain in _NO else None


def _yes_no(text: str) -> bool:
    said = is_yes(text)
    if said is None:
        raise CellFault(
            "is neither yes nor no.",
            "Write yes or no. A mapping file can translate other words under `values`.",
        )
    return said


def _slug(text: str, max_length: int) -> str:
    plain = unicodedata.normalize("NFKD", tidy(text)).encode("ascii", "ignore").decode()
    # A word of its own where capitals begin one: apiCalls, API calls and api_calls are the same key.
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    key = re.sub(r"[^a-z0-9-]+", "_", plain.lower()).strip("_-")
    if not key:
        raise CellFault("has no letters or digits of a key.", "Name it in Latin letters.")
    if len(key) > max_length:
        raise CellFault(f"is longer than {max_length} characters.", "Shorten it.")
    return key


def _category(text: str, synonyms: dict[str, str], accepted: list[str]) -> str:
    value = synonyms.get(fold(text))
    if value is None:
        raise CellFault(
            "is not one of the accepted values.",
            f"Accepted: {', '.join(accepted)}. "
            "A mapping file can translate other spellings under `values`.",
        )
    return value


def _currency(text: str, currency: str) -> str:
    if text.upper() != currency:
        raise CellFault(*other_currency(text, currency))
    return currency


def _looked_up(text: str, known: dict[str, int | None], what: str, named_by: str) -> int:
    key = tidy(text).casefold()
    if key not in known:
        raise CellFault(
            f"is no {what} of this workbench.", f"Use the {named_by}, or create the {what} first."
        )
    found = known[key]
    if found is None:
        raise CellFault(f"is shared by several {what}s.", "Use the username.")
    return found


def _tags(text: str) -> list[str]:
    parts = (tidy(part) for part in re.split(r"[;|,]", text))
    return list(dict.fromkeys(part for part in parts if part))
