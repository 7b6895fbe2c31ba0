"""What surrounds the table in a report's export: titles above the header, totals and notices below the rows."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from accounts.ingest.columns import fold

DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}

# No header cell reads like one of these.
_A_VALUE: Final = re.compile(r"[\d\s.,:/+%$€£-]*|.*\S@\S+\.\S+|\d{4}-\d\d-\d\dT.*")
_FIGURE: Final = re.compile(r"[\s\d.,'()%$€£¥A-Z-]*")
_TOTALS: Final = re.compile(
    r"(grand|report|sub)\s*-?totals?\s*(\([\d.,\s]+ (records?|rows?)\))?:?"
    r"|totals?\s*\([\d.,\s]+ (records?|rows?)\):?"
    r"|\(?[\d.,]+ (records?|rows?)( returned| exported| affected)?\)?\.?",
    re.IGNORECASE,
)
_PLAIN_TOTAL: Final = re.compile(r"(totals?|sum|count|records? count|average):?", re.IGNORECASE)
_NOTICE: Final = re.compile(
    r"confidential information\b.*|(copyright|\(c\)|©).*\b\d{4}\b.*|copyright (\(c\)|©).*"
    r"|.*all rights reserved\.?"
    r"|(report )?(generated|exported|printed|created) (by|on|at)\b.*|end of (report|file|data)\b.*",
    re.IGNORECASE | re.DOTALL,
)
# What a footer's first words may be: asked of every row, so that the rest is asked of few.
_OPENING: Final = re.compile(
    r"\s*(\(?c\)|©|\(?[\d.,]+ r|grand|report|sub|total|sum|count|record|average|confid|copyr|gener|export"
    r"|print|creat|end of|.{0,200}all rights)",
    re.IGNORECASE,
)


def header_place(rows: Sequence[Sequence[str]]) -> int:
    """Which of the first `rows` is the header: the first that is not blank, or one below a report's titles.

    A first row that fills at most half of the table's columns is a title when a later row, as wide as
    most rows are, reads like a header.
    """
    filled = [sum(bool(cell.strip()) for cell in row) for row in rows]
    first = next((place for place, count in enumerate(filled) if count), 0)
    widest = max(filled, default=0)
    if not rows or widest < 2 or filled[first] * 2 > widest:
        return first
    width = usual_width(row for row, count in zip(rows, filled, strict=True) if count * 2 > widest)
    for place in range(first + 1, len(rows)):
        if (
            filled[place] * 2 > widest
            and len(rows[place]) == width
            and reads_like_header(rows[place])
        ):
            return place
    return first


def usual_width(rows: Iterable[Sequence[str]]) -> int:
    """How many cells most of `rows` have, those of one cell apart; 0 when there are no others."""
    counts = Counter(len(row) for row in rows if len(row) > 1)
    return max(counts, key=lambda width: (counts[width], width)) if counts else 0


def reads_like_header(row: Sequence[str]) -> bool:
    """Whether `row` names columns: several different names, none of them a figure, date or address."""
    names = [cell.strip() for cell in row if cell.strip()]
    folded = [fold(name) for name in names]
    return (
        len(names) >= 2
        and len(set(folded)) == len(folded)
        and not any(len(name) > 120 or _A_VALUE.fullmatch(name) for name in names)
    )


def opens_like_footer(cells: Sequence[str]) -> bool:
    """Whether it is worth asking `is_footer` of a row."""
    first = next(filter(None, cells), "")
    return _OPENING.match(first) is not None


def is_footer(cells: Sequence[str], width: int, *, after_blank: bool, last: bool) -> bool:
    """Whether a record below the header belongs to the report, not to the table.

    A notice stands alone in its row; totals have figures beside them at most. A bare "Total" counts only
    below a blank row or in the last one: it may be somebody's name.
    """
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return False
    alone = len(filled) == 1 and (width > 1 or after_blank)
    if alone and (_NOTICE.fullmatch(filled[0]) or _TOTALS.fullmatch(filled[0])):
        return True
    if width == 1 or not all(_FIGURE.fullmatch(cell) for cell in filled[1:]):
        return False
    spare = len(filled) < max(width, 2)
    if spare and _TOTALS.fullmatch(filled[0]):
        return True
    return spare and (after_blank or last) and bool(_PLAIN_TOTAL.fullmatch(filled[0]))


def split(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """Physical `lines` as rows, as far as they can be read; for looking ahead only."""
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        pass
    return rows


def sniff(lines: list[str]) -> str:
    """The delimiter that splits the header and keeps most of the following records as wide as it.

    Below the titles of a report the header is the first row that is as wide as most and reads like one.
    """
    best, best_score = ",", (0.0, 1)
    for delimiter in DELIMITERS.values():
        rows = [row for row in split(lines, delimiter) if any(cell.strip() for cell in row)]
        if not rows:
            continue
        usual = usual_width(rows)
        header = next((row for row in rows if len(row) == usual), [])
        for width in {len(rows[0]), usual if reads_like_header(header) else 0}:
            score = (sum(len(row) == width for row in rows) / len(rows), width)
            if width > 1 and score > best_score:
                best, best_score = delimiter, score
    return best
