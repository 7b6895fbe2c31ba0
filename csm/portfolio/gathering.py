"""When a list is better found first and sorted then than walked in its order until enough accounts pass.

PostgreSQL expects accounts that pass to be spread evenly along the order, and knows little of small books; the
night's sums know how large a book is. Walking a million scores finds an account of a book of 500 every 2,000
rows; finding all 500 first takes less than a millisecond.
"""

from typing import Any, Final

from django.db.models import Q

from csm.portfolio.totals import Expected
from scoring.engine.spec import UNKNOWN_NAME
from scoring.models import ScoreRun
from scoring.selectors import specs_of

# A search that finds up to so many reads them all.
_SEARCHED: Final = 50_000
# The index of a book has all of an account's own columns: so much faster than looking up its health.
_COVERED: Final = 8
# Books below are quick either way.
_SMALL: Final = 2_000
# Where one account in so many passes, a page of them is soon found.
_OFTEN: Final = 50
# The same where what passes has nothing to do with the order.
_OFTEN_ENOUGH: Final = 200
# What finding all may take, in the planner's units, before the chance is taken of walking far instead.
_BEARABLE: Final = 30_000.0
# A page is looked for among so many rows of an order before all that pass are found.
_GLANCED: Final = 4_000
# One account in so many changes its band: reading all changes is as quick as asking for those of so few.
_CHANGING: Final = 100
# Bands are told from scores rounded to four decimals.
_ROUNDED: Final = 0.0001


def pays(book: int, every: int, *, rows: int, covered: bool = False) -> bool:
    """Whether to find the `book` accounts of a list, not to walk all of `every` until `rows` passed.

    `covered` is a list by one of an account's own columns.
    """
    effort = book // _COVERED if covered else book
    return effort <= _SMALL or effort * book <= (rows + 1) * every


def pays_for_unknown(unknown: int, found: int, book: int, *, rows: int) -> bool:
    """The same of the `found` accounts without a band in a `book`: of all there are `unknown`, by an index."""
    return unknown <= _SMALL or unknown * found <= (rows + 1) * book


def pays_for_search(found: int, every: int, *, by_name: bool) -> bool:
    """The same of the `found` accounts of a search: their names say nothing of any other order."""
    return found <= _SEARCHED and (by_name or found * _OFTEN_ENOUGH < every)


def pays_for(expected: Expected, every: int) -> bool:
    """The same of a filtered list of a large book, by what the planner expects.

    What passes may all stand at the end of the order, so a walk is only trusted where many pass.
    """
    return expected.rows * _OFTEN < every and expected.effort <= _BEARABLE


def pays_one_by_one(book: int, every: int) -> bool:
    """Whether to ask for the changes of band of each account of a `book`, not to read those of all first."""
    return book * _CHANGING <= every


def glanced(passing: int, every: int, *, rows: int) -> int | None:
    """How many of `every` account in order to look at before `passing` are found; None where those are too few.

    A look ends with the page: it only goes as far where what passes has to do with the order.
    """
    return _GLANCED if passing * _GLANCED > (rows + 1) * every else None


def in_score_range(values: dict[str, Any], run: ScoreRun | None) -> Q:
    """The scores that accounts of the bands filtered by can have: where a walk by score begins and ends.

    Without it the best band is found behind all the others. Customers have the bands of the night's scorecards;
    those who left kept what they had, so with them there is no such range.
    """
    names = values.get("band", [])
    if not names or UNKNOWN_NAME in names or "churned" in values:
        return Q()
    bands = [band for spec in specs_of(run).values() for band in spec.bands if band.name in names]
    if not bands:
        return Q()
    low, high = min(band.low for band in bands), max(band.high for band in bands)
    return Q(health__score__gte=low - _ROUNDED, health__score__lte=high + _ROUNDED)
