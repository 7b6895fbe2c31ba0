"""The columns of the lists: order, headers, sort keys. Cells are prepared in `rows`."""

from functools import lru_cache
from typing import Any

import django_tables2 as tables
from django.db.models import F
from django.db.models.expressions import OrderBy

# Shared by every list, so that a link can sort the portfolio and the queue alike.
ORDER_FIELD = "sort"
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
    band = tables.Column(verbose_name="Band", order_by=("band", "score"))
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

    class Meta:
        order_by = ("account",)
        order_by_field = ORDER_FIELD


class AtRiskTable(PortfolioTable):
    """The queue: the most urgent first, with the reason in words."""

    rank = tables.Column(verbose_name="Rank", order_by=("-priority",), attrs=_RIGHT)
    reason = tables.Column(verbose_name="Why now", orderable=False)

    class Meta:
        order_by = ("rank",)
        order_by_field = ORDER_FIELD
        sequence = ("rank", "account", "reason", "...")
        exclude = ("tier", "predicted")


class UnknownTable(PortfolioTable):
    """Accounts nobody can judge yet, and why."""

    why = tables.Column(verbose_name="Why unknown", orderable=False)

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
        )


def ordered(table: Any, asked: str) -> tables.Table:
    """The table class in the order `asked` for (`-arr,account`), or its own when that makes no sense.

    It holds no rows, so equal orders share one.
    """
    known = table.base_columns
    aliases = [alias for alias in asked.split(",") if alias.removeprefix("-") in known][:2]
    return _ordered(table, tuple(aliases))


@lru_cache(maxsize=256)
def _ordered(table: Any, aliases: tuple[str, ...]) -> tables.Table:
    made: tables.Table = table([], order_by=aliases or None)
    if not made.order_by:
        made.order_by = table._meta.order_by
    return made


def ordering(table: tables.Table) -> list[Any]:
    """The table's order for a queryset: unknown last both ways, ties by primary key."""
    paths = [path for alias in table.order_by for path in table.columns[alias.bare].order_by]
    return [*map(_key, paths), "pk"]


def _key(path: str) -> str | OrderBy:
    if path.lstrip("-") == "name":
        # Never null, and plain it reads the index by name.
        return path
    key = F(path.lstrip("-"))
    return key.desc(nulls_last=True) if path.startswith("-") else key.asc(nulls_last=True)
