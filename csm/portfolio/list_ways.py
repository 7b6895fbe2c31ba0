"""The way a list is read from the database: walked in its order, found first, or put together of two."""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.models import Account
from csm.portfolio import gathering, unscored
from csm.portfolio.keyset import Merged, Order, Pages
from csm.portfolio.rows import FIELDS
from csm.portfolio.selectors import decorated, with_keys
from csm.portfolio.tables import order_of
from csm.portfolio.totals import How
from scoring.engine.spec import UNKNOWN_BAND, UNKNOWN_NAME

if TYPE_CHECKING:
    from csm.portfolio.lists import Listing

# What a queue holds.
RISK: Final = "risk"
UNKNOWN: Final = "unknown"
_CHANGES: Final = ("change_7d", "change_30d")
_HEALTH_AT: Final = FIELDS.index("health_as_of")


def pages_of(listing: "Listing") -> Pages:
    """The pages of a list, in the way that reads fewest rows."""
    order = order_of(listing.table)
    wide = _wide(order.keys)
    found = with_keys(listing.narrowed(listing.within), order.keys)
    gathered = _is_gathered(listing, order)
    values = listing.filter.values
    if listing.within is None and (gathered or order.keys == ("score",)):
        # Few are found by the index of scores, whatever they are sorted by.
        found = found.filter(gathering.in_score_range(values, listing.run))
    if gathered and listing.within == RISK:
        # As a value no index holds: that of all who are at risk would be read for the few of a book.
        few = listing.filter.qs.alias(at=Coalesce("health__band", UNKNOWN_BAND)).filter(at=0)
        found = with_keys(few, order.keys)
    lists = [found]
    if gathered and _is_of_unknown(listing) and not listing.is_of_small_book:
        # Each by an index of its own; together they would be looked for among all accounts.
        lists = [
            found.filter(health__band=UNKNOWN_BAND),
            found.filter(_unscored(listing), health=None),
        ]
    if listing.within == RISK and order.keys == ("urgency",) and not gathered:
        # With open work and without, each by the points that its own index knows.
        parts = [
            (found.filter(work__isnull=empty), wide, _by_points(table, order.descending))
            for table, empty in (("work", False), ("health", True))
        ]
        at_once = connection.vendor == "postgresql" and not listing.filter.values
        return Merged(parts, found, order, wide, len(FIELDS), at_once=at_once)
    return Pages(
        lists,
        order,
        wide,
        len(FIELDS),
        gathered=gathered,
        health_at=_HEALTH_AT,
        unscored=lambda: Q() if gathered else _unscored(listing),
        glance=_glance(listing, order) if gathered else None,
    )


def _is_gathered(listing: "Listing", order: Order) -> bool:
    """Whether its accounts are found before they are sorted, see `gathering`."""
    values, by_name = listing.filter.values, order.keys == ("name",)
    if connection.vendor != "postgresql" or (by_name and not values and listing.within != UNKNOWN):
        return False  # by name, the index of a book has them in just that order
    total = listing.totals.count
    every = listing.run.accounts if listing.run else 0
    if "q" in values:
        return gathering.pays_for_search(total.accounts, every, by_name=by_name)
    if _is_of_unknown(listing) and total.exact and not listing.is_of_small_book:
        unknown = listing.run.unknown if listing.run else 0
        return gathering.pays_for_unknown(
            unknown, total.accounts, listing.book or every, rows=listing.size
        )
    if not values:
        covered = listing.within is None and order.tie == "pk"
        book = listing.book or total.accounts
        return gathering.pays(book, every, rows=listing.size, covered=covered)
    if listing.is_of_small_book or total.how is How.NIGHT or listing.expected is None:
        return listing.is_of_small_book
    return gathering.pays_for(listing.expected, (by_name and listing.book) or every)


def _glance(listing: "Listing", order: Order) -> tuple[QuerySet[Any], int] | None:
    """For `Pages`: of filtered lists of large books, where enough accounts pass.

    Not by a column of health: what is filtered by then has to do with the order too often. By its change, the
    accounts whose band changed stand at the beginning.
    """
    every, book = listing.run.accounts if listing.run else 0, listing.book
    if book is None or listing.is_of_small_book:
        return None
    if order.tie != "pk" and not _begins_with_moved(listing, order):
        return None
    # By name, the index of a book has them in just that order.
    if 4 * book < every and order.keys != ("name",):
        return None
    if _is_of_unknown(listing) or not listing.filter.values:
        return None
    total = listing.totals.count
    passing = listing.expected.rows if listing.expected and not total.exact else total.accounts
    most = gathering.glanced(passing, book, rows=listing.size)
    return None if most is None else (with_keys(listing.filter.queryset, order.keys), most)


def _begins_with_moved(listing: "Listing", order: Order) -> bool:
    """Whether it is sorted by the change that moved those it holds from one band to another."""
    falling = {"down": False, "up": True}.get(listing.filter.values.get("moved", ""))
    return order.keys[0] in _CHANGES and order.descending == falling


def _is_of_unknown(listing: "Listing") -> bool:
    """Whether it holds the accounts without a band, and no others."""
    return listing.within == UNKNOWN or listing.filter.values.get("band") == [UNKNOWN_NAME]


def _unscored(listing: "Listing") -> Q:
    churned = "churned" in listing.filter.values
    return unscored.condition(listing.run, churned=churned)


@cache
def _wide(keys: tuple[str, ...]) -> QuerySet[Any]:
    """The rows of any list, not yet narrowed: resolving their columns takes longer than reading them."""
    return decorated(Account.objects.all()).values_list(*FIELDS, *keys)


def _by_points(table: str, descending: bool) -> Order:
    """The queue's order among accounts with open work ("work"), or without ("health")."""
    return Order(
        (f"{table}__priority",), ("number",), f"{table}__account_id", descending, nullable=False
    )
