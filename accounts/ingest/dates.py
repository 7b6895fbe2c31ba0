"""Days and moments as people and systems write them; which of day and month comes first in a column."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from accounts.ingest.faults import BLANK_REMEDY, CellFault

DATE_ORDERS: Final = ("dmy", "mdy")

_YEARS: Final = range(1900, 2200)
_EPOCH_YEARS: Final = range(1980, 2101)
_SAMPLES: Final = 3
# Month names by their first three letters, English and German.
_ENGLISH: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_MONTHS: Final = {name: number for number, name in enumerate(_ENGLISH, start=1)} | {
    "mär": 3,
    "mrz": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}
_TIME: Final = re.compile(
    r"(?:T|,?\s+(?:at\s+)?)(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?\s*([ap])?(?:\.?m\.?)?"
    r"\s*(Z|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?|UTC|GMT)?$",
    re.IGNORECASE | re.ASCII,
)
_YEAR_FIRST: Final = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})", re.ASCII)
_DAY_OR_MONTH_FIRST: Final = re.compile(
    r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:[T, ].*)?", re.ASCII
)
_TWO_DIGIT_YEAR: Final = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{2}", re.ASCII)
_COMPACT: Final = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(\d{2})(Z?))?(?:\.0+)?", re.ASCII
)
_MONTH_ONLY: Final = re.compile(r"(\d{4})[-/.](\d{1,2})", re.ASCII)
_EPOCH: Final = re.compile(r"(\d{9,19})(\.\d+)?", re.ASCII)
_WEEKDAY: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
_DAY_NAMED_MONTH: Final = re.compile(
    _WEEKDAY + r"(\d{1,2})(?:st|nd|rd|th)?[\s.-]+([^\W\d_]{3,9})\.?[\s,-]+(\d{4})", re.IGNORECASE
)
_NAMED_MONTH_DAY: Final = re.compile(
    _WEEKDAY + r"([^\W\d_]{3,9})\.?[\s-]+(?:(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+)?(\d{4})",
    re.IGNORECASE,
)
# Digits of an epoch by their unit: seconds, milliseconds, microseconds, nanoseconds.
_EPOCH_UNITS: Final = {
    9: 1,
    10: 1,
    12: 10**3,
    13: 10**3,
    15: 10**6,
    16: 10**6,
    18: 10**9,
    19: 10**9,
}
_SPREADSHEET_DAYS: Final = re.compile(r"[1-7]\d{4}(\.\d+)?", re.ASCII)


def read_day(text: str, zone: tzinfo, order: str | None = None) -> date:
    """The day `text` names, in `zone` where it names a moment; CellFault when it names none."""
    return read_moment(text, zone, order)[0]


def read_moment(text: str, zone: tzinfo, order: str | None = None) -> tuple[date, datetime | None]:
    """The day in `zone`, and the moment where `text` holds one. A time without a zone is one of `zone`.

    `order` is "dmy" or "mdy" and needed for dates such as 3/4/2026 only.
    """
    try:
        day, moment = _read(text, zone, order)
    except (ValueError, OverflowError) as error:
        if isinstance(error, CellFault):
            raise
        raise CellFault("is no day of the calendar.", "Write it as YYYY-MM-DD.") from None
    if day.year not in _YEARS:
        raise CellFault(
            f"is outside the years {_YEARS.start} to {_YEARS.stop - 1}.",
            f"Check the year. {BLANK_REMEDY}",
        )
    return day, moment


def _read(text: str, zone: tzinfo, order: str | None) -> tuple[date, datetime | None]:
    if len(text) == 10 and text[4] == "-" and text[7] == "-" and text.isascii():
        return date(_whole(text[:4]), _whole(text[5:7]), _whole(text[8:])), None
    if epoch := _EPOCH.fullmatch(text):
        moment = _from_epoch(epoch, zone)
        if moment is not None:
            return moment.date(), moment
    if compact := _COMPACT.fullmatch(text):
        day = date(*(int(part) for part in compact.groups()[:3]))
        if not compact[4]:
            return day, None
        clock = time(int(compact[4]), int(compact[5]), int(compact[6]))
        return _placed(datetime.combine(day, clock), UTC if compact[7] else zone, zone)
    clock, own_zone, plain = time(), None, text
    timed = _TIME.search(text)
    if timed:
        clock, own_zone, plain = _clock(timed), _zone(timed[6]), text[: timed.start()].strip()
    day = _calendar_day(plain, text, order)
    if not timed:
        return day, None
    return _placed(datetime.combine(day, clock), own_zone or zone, zone)


def _placed(naive: datetime, own: tzinfo, zone: tzinfo) -> tuple[date, datetime]:
    # A zone moves midnight: the day is the one in the book's own time zone.
    moment = naive.replace(tzinfo=own).astimezone(zone)
    return moment.date(), moment


def _whole(digits: str) -> int:
    if not digits.isdigit():
        raise CellFault("is no date.", "Write it as YYYY-MM-DD, e.g. 2026-11-22.")
    return int(digits)


def _from_epoch(epoch: re.Match[str], zone: tzinfo) -> datetime | None:
    unit = _EPOCH_UNITS.get(len(epoch[1]))
    if unit is None:
        return None
    seconds, rest = divmod(int(epoch[1]), unit)
    micro = rest * 10**6 // unit + (round(float(epoch[2]) * 10**6) if epoch[2] and unit == 1 else 0)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, microseconds=micro)
    return moment.astimezone(zone) if moment.year in _EPOCH_YEARS else None


def _clock(timed: re.Match[str]) -> time:
    hour = int(timed[1])
    if half := timed[5]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if half.lower() == "p" else 0)
    micro = int((timed[4] or "0")[:6].ljust(6, "0"))
    return time(hour, int(timed[2]), int(timed[3] or 0), micro)


def _zone(text: str | None) -> tzinfo | None:
    if not text:
        return None
    digits = re.sub(r"[^\d]", "", text).ljust(4, "0")
    ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-ahead if "-" in text else ahead)


def _calendar_day(text: str, cell: str, order: str | None) -> date:
    if numbers := _YEAR_FIRST.fullmatch(text):
        return date(int(numbers[1]), int(numbers[3]), int(numbers[4]))
    if numbers := _DAY_OR_MONTH_FIRST.fullmatch(text):
        return _in_order(int(numbers[1]), int(numbers[2]), int(numbers[3]), order)
    if month := _MONTH_ONLY.fullmatch(text):
        return date(int(month[1]), int(month[2]), 1)
    if (named := _DAY_NAMED_MONTH.fullmatch(text)) and (number := _month(named[2])):
        return date(int(named[3]), number, int(named[1]))
    if (named := _NAMED_MONTH_DAY.fullmatch(text)) and (number := _month(named[1])):
        return date(int(named[3]), number, int(named[2] or 1))
    if _TWO_DIGIT_YEAR.fullmatch(text):
        raise CellFault("is no date: its year has two digits.", "Write the year in full.")
    if _SPREADSHEET_DAYS.fullmatch(cell):
        raise CellFault(
            "is no date; it may be a spreadsheet's number of a day.",
            "Export it again with the column formatted as a date.",
        )
    raise CellFault("is no date.", "Write it as YYYY-MM-DD, e.g. 2026-11-22.")


def _month(name: str) -> int | None:
    return _MONTHS.get(name[:3].casefold())


def _in_order(first: int, second: int, year: int, order: str | None) -> date:
    if order is None:
        raise CellFault(
            "could be day or month first.",
            "Write it as YYYY-MM-DD, or set `date_order: dmy` or `mdy` in a mapping file.",
        )
    day, month = (first, second) if order == "dmy" else (second, first)
    if month > 12 >= day:
        meant = "day" if order == "dmy" else "month"
        raise CellFault(
            f"does not fit its column, where the {meant} comes first.",
            "Write all dates of a column in the same order, or as YYYY-MM-DD.",
        )
    return date(year, month, day)


@dataclass
class OrderEvidence:
    """What the cells of one column tell of the order of day and month, in a few numbers."""

    day_first: int = 0
    month_first: int = 0
    undecided: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Take note of one cell; anything but a date with its year last is passed over."""
        numbers = _DAY_OR_MONTH_FIRST.fullmatch(text)
        if numbers is None:
            return
        first, second = int(numbers[1]), int(numbers[2])
        if first > 12 >= second:
            self.day_first += 1
        elif second > 12 >= first:
            self.month_first += 1
        elif first <= 12:
            # 5/5/2026 is the same day in both.
            self.undecided += first != second
            if first != second and len(self.samples) < _SAMPLES and text not in self.samples:
                self.samples.append(text)

    @property
    def is_ambiguous(self) -> bool:
        """Whether somebody has to say the order: some cells need it and the others do not tell."""
        return self.order is None and (self.undecided > 0 or self.day_first > 0)

    @property
    def order(self) -> str | None:
        """The order the cells that decide are in, the more frequent one where they disagree."""
        if self.day_first == self.month_first:
            # Days equal to their months can be read in either.
            return None if self.undecided or self.day_first else "dmy"
        return "dmy" if self.day_first > self.month_first else "mdy"
