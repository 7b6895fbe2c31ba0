"""The lists of accounts: portfolio and at-risk queue."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import django_tables2 as tables
from django.conf import settings
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import may_assign, may_write
from accounts.models import Account
from csm.lib import display
from csm.lib.addresses import PLACE
from csm.lib.dates import today
from csm.lib.htmx import answer
from csm.lib.paging import PAGE_SIZES, size_of
from csm.lib.scopes import scope_of
from csm.nav import night_of
from csm.portfolio import facets, work_cells
from csm.portfolio.filters import UNJUDGED, AccountFilter
from csm.portfolio.links import with_params
from csm.portfolio.list_pages import ListPage
from csm.portfolio.list_ways import RISK, UNKNOWN, pages_of
from csm.portfolio.nothing import nothing
from csm.portfolio.reasons import parts_told
from csm.portfolio.rows import FIELDS, Record, Row, rows
from csm.portfolio.selectors import HIGH_RISK, decorated, starting_from
from csm.portfolio.tables import (
    ACT,
    COLUMNS_FIELD,
    AtRiskTable,
    PortfolioTable,
    UnknownTable,
    asked_columns,
    choice_of_columns,
    offered_quickly,
    order_of,
    ordered,
)
from csm.portfolio.totals import (
    COUNTED,
    Expected,
    How,
    Totals,
    by_band,
    counted,
    counted_apart,
    estimated,
    told_by_night,
    totals_of,
)
from playbooks.access import covered_by
from scoring.engine.spec import UNKNOWN_BAND

# What htmx gets of a list when its filters change.
_FRAGMENT = "portfolio/_swap.html"
# What a queue holds, and the band that is.
_WITHIN = {RISK: HIGH_RISK, UNKNOWN: UNJUDGED}
_BAND_OF = {RISK: 0, UNKNOWN: UNKNOWN_BAND}
# Lists of up to so many accounts tell each one's place in the queue when they are sorted otherwise.
_RANKED = 1_000
# Parameters the filter form carries along.
_KEPT = ("scope", "tab", "sort", "per", COLUMNS_FIELD)
_FACETS = ("band", "owner", "industry", "size", "renewal")
_WORK = ("alerts", "severity", "plan", "clock", "tasks")
_MORE_FACETS = ("lifecycle", "tier", *_WORK, "change", "moved", "churned")
_MORE = (*_MORE_FACETS, "by", "days", "score_min", "score_max")


class Listing:
    """One list as its URL asks for it: filtered, sorted, counted, paged.

    `within` narrows it further ("risk", "unknown"); such a list counts the other of the two, too. Nothing is
    read before it is asked for.
    """

    def __init__(
        self, request: HttpRequest, table: type[tables.Table], within: str | None = None
    ) -> None:
        self.request = request
        self.query = request.GET
        self.scope = scope_of(request)
        self.run = night_of(request)
        self.within = within
        start = starting_from(request.user, self.scope, self.run, self.query.get("churned"))
        self.filter = AccountFilter(self.query, start, run=self.run)
        user: Any = request.user
        # As its addresses are called.
        self.name = "portfolio" if table is PortfolioTable else "at-risk"
        self.acts = table is AtRiskTable and may_write(user)
        self.kind = table

    @cached_property
    def table(self) -> tables.Table:
        """Its columns and their order; a list too large to be sorted offers what an index sorts."""
        return ordered(
            self.kind,
            self.asked_order,
            asked_columns(self.query),
            acting=self.acts,
            quick=self.is_large,
        )

    @property
    def asked_order(self) -> str:
        return self.query.get("sort", "")

    @property
    def is_large(self) -> bool:
        """Whether it has more accounts than are counted, and sorted, while a page is made."""
        return self.totals.count.how is not How.COUNTED or self.totals.accounts > COUNTED

    @property
    def order_refused(self) -> str:
        """The header of the column that was asked for and is not offered in so large a list."""
        bare = self.asked_order.split(",")[0].removeprefix("-")
        column = self.kind.base_columns.get(bare)
        if not self.is_large or column is None or not column.order_by:
            return ""
        return "" if offered_quickly(self.kind, bare) else str(column.verbose_name)

    def narrowed(self, within: str | None) -> QuerySet[Account]:
        """What passes the filters; `within` as the list's own, None for all of it."""
        found = self.filter.qs
        return found.filter(_WITHIN[within]) if within else found

    @cached_property
    def accounts(self) -> QuerySet[Account]:
        """The whole list in its order."""
        return decorated(self.narrowed(self.within)).order_by(*order_of(self.table).whole())

    @cached_property
    def _totals(self) -> list[Totals]:
        """Of the list, and of the other one when there are two."""
        shown = (
            [self.within] if self.within is None else [self.within, *({*_WITHIN} - {self.within})]
        )
        user: Any = self.request.user
        bands = by_band(user, self.scope, self.run, self.filter.values)
        if bands is not None and sum(bands.values()) > COUNTED and self.run:
            return self._asked_for(
                told_by_night(
                    [
                        sum(bands.values()) if each is None else bands.get(_BAND_OF[each], 0)
                        for each in shown
                    ],
                    self.run,
                )
            )
        if self.within and (bands is not None or self.is_of_small_book):
            return counted_apart(self.filter.qs, [_WITHIN[each] for each in shown if each])
        expected = None if bands is not None else self.expected
        return self._asked_for(totals_of([self.narrowed(each) for each in shown], expected))

    @cached_property
    def expected(self) -> Expected | None:
        """What the planner expects; asked where the night's sums do not say that there are few."""
        return None if self.is_of_small_book else estimated(self.narrowed(self.within))

    @property
    def is_of_small_book(self) -> bool:
        """Whether the book has so few accounts that whatever passes the filters is counted."""
        return (
            self.book is not None and self.book <= COUNTED and "churned" not in self.filter.values
        )

    @cached_property
    def book(self) -> int | None:
        """Accounts of the scope without any filter, as the night summed them."""
        bands = by_band(self.request.user, self.scope, self.run, {})
        return None if bands is None else sum(bands.values())

    def _asked_for(self, found: list[Totals]) -> list[Totals]:
        """`found`, the list counted to its end where the address asks for it."""
        if "exact" in self.query and not found[0].known:
            found[0] = counted([self.narrowed(self.within)], None)[0]
        return found

    @property
    def totals(self) -> Totals:
        """At most three statements, see `totals.totals_of`."""
        return self._totals[0]

    def total_of(self, within: str) -> Totals:
        """Of the queue or of the accounts nobody can judge, among the filtered."""
        return self._totals[0 if within == self.within else 1]

    @property
    def size(self) -> int:
        """Rows a page."""
        return size_of(self.query)

    @cached_property
    def page(self) -> ListPage:
        return ListPage(self.query, pages_of(self), self.totals.count, self.size)

    @cached_property
    def records(self) -> list[Record]:
        """The accounts of the page."""
        if not self.totals.accounts and self.totals.count.how is How.COUNTED:
            return []
        return [Record(*row[: len(FIELDS)]) for row in self.page.rows]

    @cached_property
    def rows(self) -> list[Row]:
        columns = [column.name for column in self.table.columns if column.name != ACT]
        found = rows(
            self.records,
            columns,
            as_of=self.filter.as_of,
            run=self.run,
            ranks=self._ranks() if "rank" in columns else None,
        )
        return self._with_actions(found) if self.acts else found

    def _with_actions(self, found: list[Row]) -> list[Row]:
        """Rows with what this colleague may do; the rows themselves are shared by everybody."""
        user: Any = self.request.user
        whose = None if may_assign(user) else {user.pk, *covered_by(user, on=today())}
        return [
            replace(row, cells=[*row.cells, work_cells.act(record, row.url, whose)], shared=row)
            for row, record in zip(found, self.records, strict=True)
        ]

    def _ranks(self) -> dict[int, int]:
        """Places in the queue of the whole filtered list, however it is sorted; none in a long one."""
        if tuple(self.table.order_by) == ("rank",):
            if self.page.place is None:
                return {}
            return {record.pk: self.page.place + at for at, record in enumerate(self.records, 1)}
        if self.is_large or self.totals.accounts > _RANKED:
            return {}
        every = self.accounts.order_by(F("urgency").desc(nulls_last=True), "-pk")
        return {pk: place for place, pk in enumerate(every.values_list("pk", flat=True), 1)}

    def context(self, csv: str) -> dict[str, Any]:
        """What every list's template needs; `csv` names the export of the same list."""
        offered = facets.choices(self.request.user, self.scope, self.run)
        on = facets.chips(self.filter, offered, self.query)
        return {
            "listing": self,
            "table": self.table,
            "rows": self.rows,
            "totals": self.totals,
            "arr": display.money(self.totals.arr, settings.DEFAULT_CURRENCY),
            "counted": self.totals.count,
            "count_url": with_params(self.query, exact=1) if self.totals.known is None else "",
            "order_refused": self.order_refused,
            "pager": self.page.context() if self.rows else {},
            "sizes": [
                {
                    "label": str(size),
                    "url": with_params(self.query, per=size),
                    "active": size == self.size,
                }
                for size in PAGE_SIZES
            ],
            # A queue holds one band only.
            "facets": facets.facets(
                self.filter, offered, _FACETS if self.within is None else _FACETS[1:]
            ),
            "more_facets": facets.facets(self.filter, offered, _MORE_FACETS),
            "more_on": sum(name in self.filter.values for name in _MORE),
            "values": self.filter.values,
            "errors": [
                (self.filter.filters[name].label, faults[0])
                for name, faults in self.filter.form.errors.items()
            ],
            "chips": on,
            "clear_url": self._clear_url(),
            "keep": self._kept(_KEPT),
            "columns": choice_of_columns(self.table),
            "columns_keep": self._kept(set(self.query) - {COLUMNS_FIELD, *PLACE}),
            "columns_url": with_params(self.query, **{COLUMNS_FIELD: None}),
            "columns_own": bool(asked_columns(self.query)),
            "acts": self.acts,
            "may_assign": may_assign(self.request.user),
            "csv_url": reverse(csv) + with_params(self.query, per=None),
            "caption": "Accounts" if self.within is None else "Accounts of the queue",
            **nothing(
                self.request.user,
                self.query,
                self.scope,
                clear_url=self._clear_url() if on else "",
                queue=self.within is not None,
                scored=self.run is not None,
            ),
        }

    def _kept(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Parameters a form carries along."""
        return [(name, value) for name in names for value in self.query.getlist(name) if value]

    def _clear_url(self) -> str:
        return with_params(self.query, **dict.fromkeys(self.filter.filters))


@require_safe
def portfolio(request: HttpRequest) -> HttpResponse:
    """Every account of the scope, filtered and sorted as the URL says."""
    listing = Listing(request, PortfolioTable)
    context = listing.context("portfolio_csv")
    return answer(request, "portfolio/portfolio.html", _FRAGMENT, context)


@require_safe
def at_risk(request: HttpRequest) -> HttpResponse:
    """The accounts in the lowest band by urgency; a second tab lists those nobody can judge."""
    listing = risk_listing(request)
    context = listing.context("at_risk_csv")
    unknown = listing.within == UNKNOWN
    tabs = [
        ("At risk", None, listing.total_of(RISK).count, not unknown),
        ("Unknown", "unknown", listing.total_of(UNKNOWN).count, unknown),
    ]
    context |= {
        "unknown": unknown,
        "tabs": [
            {
                "label": label,
                "url": with_params(request.GET, tab=tab, sort=None),
                "count": str(count),
                "active": active,
            }
            for label, tab, count, active in tabs
        ],
        "parts": parts_told(),
    }
    return answer(request, "portfolio/at_risk.html", _FRAGMENT, context)


def risk_listing(request: HttpRequest) -> Listing:
    """The at-risk queue, or with `?tab=unknown` the accounts without a band."""
    if request.GET.get("tab") == "unknown":
        return Listing(request, UnknownTable, UNKNOWN)
    return Listing(request, AtRiskTable, RISK)
