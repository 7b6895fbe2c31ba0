"""The columns of the lists: order, headers, sort keys. Cells are prepared in `rows`."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import django_tables2 as tables

from csm.portfolio.keyset import Order

# Names the columns to show, in their order.
COLUMNS_FIELD = "cols"
ACT = "act"
# Shared by every list, so that a link can sort the portfolio and the queue alike.
ORDER_FIELD = "sort"
# Columns that an index sorts, whatever the size of the list.
QUICK = frozenset(
    {"account", "score", "change_7d", "change_30d", "arr", "renewal", "last_touch", "predicted"}
)
_HEALTH = frozenset(
    {
        "score",
        "band",
        "coverage",
        "change_7d",
        "change_30d",
        "top_driver_lost",
        "predicted_6m_amount",
        "tier",
    }
)
# Known of every account that has health.
_ALWAYS = frozenset({"band", "coverage", "tier"})
# How the values of a key are read from an address; the others are numbers.
_KINDS = {
    "name": "text",
    "tier": "text",
    "owner__first_name": "text",
    "owner__last_name": "text",
    "renewal_on": "day",
    "last_touch_on": "day",
    "work__next_due_on": "day",
    "work__clock_due_at": "moment",
    "arr_amount": "whole",
    "predicted_6m_amount": "whole",
    "band": "whole",
    "work__severity": "whole",
    "work__alerts_open": "whole",
}
_RIGHT = {"th": {"class": "r"}}


def _figure(header: str, key: str, *, largest_first: bool = False) -> tables.Column:
    return tables.Column(
        verbose_name=header, order_by=(key,), attrs=_RIGHT, initial_sort_descending=largest_first
    )


class PortfolioTable(tables.Table):
    """Sort keys are paths on a queryset of `portfolio.selectors.book`.

    The first click on a header shows what asks for attention: the lowest score, the largest ARR.
    """

    account = tables.Column(verbose_name="Account", order_by=("name",))
    score = _figure("Score", "score")
    band = tables.Column(verbose_name="Band", order_by=("band", "band_score"))
    change_7d = _figure("7 d", "change_7d")
    change_30d = _figure("30 d", "change_30d")
    trend = tables.Column(verbose_name="30-day trend", orderable=False)
    driver = tables.Column(
        verbose_name="Costs most points",
        order_by=("top_driver_lost",),
        initial_sort_descending=True,
    )
    arr = _figure("ARR", "arr_amount", largest_first=True)
    renewal = tables.Column(verbose_name="Renewal", order_by=("renewal_on",))
    owner = tables.Column(verbose_name="Owner", order_by=("owner__first_name", "owner__last_name"))
    last_touch = tables.Column(verbose_name="Last touch", order_by=("last_touch_on",))
    coverage = tables.Column(verbose_name="Coverage", order_by=("coverage",))
    predicted = _figure("Predicted 6 m", "predicted_6m_amount", largest_first=True)
    tier = tables.Column(verbose_name="Tier", order_by=("tier",), attrs={"th": {"class": "c"}})
    rank = tables.Column(verbose_name="Rank", order_by=("-urgency",), attrs=_RIGHT)
    reason = tables.Column(verbose_name="Why now", orderable=False)
    alerts = tables.Column(
        verbose_name="Alerts",
        order_by=("work__severity", "work__alerts_open"),
        initial_sort_descending=True,
    )
    plan = tables.Column(verbose_name="Plan and next step", order_by=("work__next_due_on",))
    clock = tables.Column(verbose_name="Clock", order_by=("work__clock_due_at",))

    # Left out until somebody asks for them.
    hidden: tuple[str, ...] = ("rank", "reason", "alerts", "plan", "clock")

    class Meta:
        order_by = ("account",)
        order_by_field = ORDER_FIELD


class AtRiskTable(PortfolioTable):
    """The queue: the most urgent first, with the reason in words; `act` for those who may act."""

    act = tables.Column(verbose_name="Act", orderable=False, attrs={"th": {"class": "act"}})
    hidden = ("tier", "predicted")

    class Meta:
        order_by = ("rank",)
        order_by_field = ORDER_FIELD
        sequence = (
            "rank",
            "account",
            "reason",
            "score",
            "band",
            "change_7d",
            "change_30d",
            "trend",
            "driver",
            "arr",
            "renewal",
            "owner",
            "last_touch",
            "alerts",
            "plan",
            "clock",
            "coverage",
            "...",
        )


class UnknownTable(PortfolioTable):
    """Accounts nobody can judge yet, and why."""

    why = tables.Column(verbose_name="Why unknown", orderable=False)
    hidden = ("alerts", "plan", "clock")

    class Meta:
        order_by = ("-arr",)
        order_by_field = ORDER_FIELD
        sequence = ("account", "why", "coverage", "arr", "renewal", "owner", "last_touch")
        exclude = (
            "tier",
            "predicted",
            "driver",
            "change_7d",
            "change_30d",
            "trend",
            "band",
            "score",
            "rank",
            "reason",
        )


def ordered(
    table: Any,
    asked: str,
    columns: Iterable[str] = (),
    *,
    acting: bool = False,
    quick: bool = False,
) -> tables.Table:
    """The table class in the order `asked` for ("-arr"), or its own when that makes no sense.

    `columns` are the names of those to show, in their order; none of them known: the table's own. `acting`
    keeps the column of actions, `quick` offers no order that takes sorting the whole list. It holds no rows,
    so equal ones are shared.
    """
    known = table.base_columns
    alias = next((each for each in asked.split(",") if each.removeprefix("-") in known), "")
    shown = [name for name in dict.fromkeys(columns) if name in known]
    # A row is named by its account whatever else is chosen.
    shown = shown and [*dict.fromkeys(["account", *shown])]
    return _ordered(table, alias, tuple(shown), acting, quick)


def offered_quickly(table: Any, alias: str) -> bool:
    """Whether a list of any size is offered in that order."""
    own = {each.removeprefix("-") for each in table._meta.order_by}
    return alias.removeprefix("-") in QUICK | own


@lru_cache(maxsize=256)
def _ordered(
    table: Any, alias: str, shown: tuple[str, ...], acting: bool, quick: bool
) -> tables.Table:
    made: tables.Table = table([], order_by=alias or None, sequence=_placed(table, shown))
    if quick:
        for column in made.columns.iterall():
            if not offered_quickly(table, column.name):
                column.column.orderable = False
        if alias and not offered_quickly(table, alias):
            made.order_by = table._meta.order_by
    if not made.order_by:
        made.order_by = table._meta.order_by
    # Hidden, not excluded: the list may be sorted by a column nobody looks at.
    for name in made.columns.names():
        left_out = (name not in shown) if shown else (name in table.hidden)
        if (not acting) if name == ACT else left_out:
            made.columns.hide(name)
    return made


def _placed(table: Any, shown: tuple[str, ...]) -> tuple[str, ...] | None:
    if not shown:
        return None
    # The rank stands before the name, as in the queue.
    first = [name for name in ("rank", "account") if name in shown]
    return (*first, *(name for name in shown if name not in first), "...")


def asked_columns(query: Any) -> list[str]:
    """The columns a URL names: `cols=score,arr`, or `cols=score&cols=arr` as a form sends it."""
    return [name for each in query.getlist(COLUMNS_FIELD) for name in each.split(",")][:40]


def choice_of_columns(table: tables.Table) -> list[tuple[str, str, bool]]:
    """(name, header, shown) of every column but the account's, in their order."""
    columns = [each for each in table.columns.iterall() if each.name not in ("account", ACT)]
    return [(each.name, str(each.header), each.visible) for each in columns]


def order_of(table: tables.Table) -> Order:
    """The table's order for a queryset of `lists`: unknown last both ways, ties by primary key."""
    alias = next(iter(table.order_by))
    paths = table.columns[alias.bare].order_by
    keys = tuple(path.lstrip("-") for path in paths)
    tie = "pk"
    if keys[0] in _HEALTH:
        tie = "health__account_id"
    elif keys[0].startswith("work__"):
        tie = "work__account_id"
    return Order(
        keys=keys,
        kinds=tuple(_KINDS.get(key, "number") for key in keys),
        tie=tie,
        # `-rank` is a path without a sign: the direction is that of the first key.
        descending=paths[0].startswith("-"),
        # The only key every account has.
        nullable=keys[0] != "name",
        hollow=keys[0] not in _ALWAYS,
    )
