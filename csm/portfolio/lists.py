"""The lists of accounts: portfolio and at-risk queue."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import django_tables2 as tables
from django.conf import settings
from django.db.models import Count, F, Q, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.access import in_scope, may_assign, may_write
from accounts.models import Account
from csm.lib import display
from csm.lib.dates import today
from csm.lib.htmx import answer
from csm.lib.paging import PAGE_SIZES, page_of, size_of
from csm.lib.scopes import scope_of
from csm.nav import night_of
from csm.portfolio import facets, work_cells
from csm.portfolio.filters import UNJUDGED, AccountFilter
from csm.portfolio.links import with_params
from csm.portfolio.rows import FIELDS, Record, Row, rows
from csm.portfolio.selectors import HIGH_RISK, IN_CURRENCY, URGENCY, customers_in
from csm.portfolio.tables import (
    ACT,
    COLUMNS_FIELD,
    AtRiskTable,
    PortfolioTable,
    UnknownTable,
    asked_columns,
    choice_of_columns,
    ordered,
    ordering,
)
from playbooks import urgency
from playbooks.access import covered_by
from scoring import priority
from scoring.models import ScoreRun
from scoring.selectors import with_health

# What htmx gets of a list when its filters change.
_FRAGMENT = "portfolio/_swap.html"
# Parameters the filter form carries along.
_KEPT = ("scope", "tab", "sort", "per", COLUMNS_FIELD)
_FACETS = ("band", "owner", "industry", "size", "renewal")
_WORK = ("alerts", "severity", "plan", "clock", "tasks")
_MORE_FACETS = ("lifecycle", "tier", *_WORK, "change", "moved", "churned")
_MORE = (*_MORE_FACETS, "by", "days", "score_min", "score_max")


def starting_from(
    user: Any, scope: str, run: ScoreRun | None, churned: str | None
) -> QuerySet[Account]:
    """The accounts a list starts from: customers, unless `churned` ("yes", "all") asks for others."""
    if churned not in ("yes", "all"):
        return customers_in(user, scope, run)
    accounts = in_scope(user, scope)
    if churned == "all":
        return accounts
    return accounts.filter(churned_on__lte=run.as_of) if run else accounts.exclude(churned_on=None)


@dataclass(frozen=True)
class Totals:
    """What a list adds up to; `arr` in minor units of the book's currency over `known` accounts."""

    accounts: int
    arr: int | None
    known: int
    at_risk: int = 0
    unknown: int = 0


class Listing:
    """One list as its URL asks for it: filtered, sorted, counted, paged.

    `within` narrows it further ("risk", "unknown"). Nothing is read before it is asked for.
    """

    def __init__(
        self,
        request: HttpRequest,
        table: type[tables.Table],
        within: Q | None = None,
        *,
        split: bool = False,
    ) -> None:
        self.request = request
        self.query = request.GET
        self.scope = scope_of(request)
        self.run = night_of(request)
        self.within = within
        self.split = split
        start = starting_from(request.user, self.scope, self.run, self.query.get("churned"))
        self.filter = AccountFilter(self.query, start, run=self.run)
        user: Any = request.user
        # As its addresses are called.
        self.name = "portfolio" if table is PortfolioTable else "at-risk"
        self.acts = table is AtRiskTable and may_write(user)
        self.table = ordered(
            table, self.query.get("sort", ""), asked_columns(self.query), acting=self.acts
        )

    @cached_property
    def accounts(self) -> QuerySet[Account]:
        """The whole list in its order."""
        found = self.filter.qs
        if self.within is not None:
            found = found.filter(self.within)
        # Joined last: the count of a list that no health filters then reads one table.
        return with_health(found).annotate(urgency=URGENCY).order_by(*ordering(self.table))

    @cached_property
    def totals(self) -> Totals:
        """One query. With `split`, the accounts at risk and unknown among the filtered are counted too."""
        wanted: dict[str, Any] = {
            "accounts": Count("pk", filter=self.within),
            "arr": Sum("arr_amount", filter=_both(self.within, IN_CURRENCY)),
            "known": Count("arr_amount", filter=_both(self.within, IN_CURRENCY)),
        }
        if self.split:
            wanted |= {
                "at_risk": Count("pk", filter=HIGH_RISK),
                "unknown": Count("pk", filter=UNJUDGED),
            }
        return Totals(**self.filter.qs.order_by().aggregate(**wanted))

    @property
    def size(self) -> int:
        """Rows a page."""
        return size_of(self.query)

    @property
    def page(self) -> int:
        """The page asked for, or the last one there is."""
        return page_of(self.query, self.totals.accounts, self.size)

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size

    @cached_property
    def records(self) -> list[Record]:
        """The accounts of the page."""
        if not self.totals.accounts:
            return []
        found = self.accounts[self.first : self.first + self.size].values_list(*FIELDS)
        return [Record(*values) for values in found]

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
            replace(row, cells=[*row.cells, work_cells.act(record, row.url, whose)])
            for row, record in zip(found, self.records, strict=True)
        ]

    def _ranks(self) -> dict[int, int]:
        """Places in the queue of the whole filtered list, however it is sorted."""
        if tuple(self.table.order_by) == ("rank",):
            return {record.pk: self.first + place for place, record in enumerate(self.records, 1)}
        place = Window(RowNumber(), order_by=[F("urgency").desc(nulls_last=True), F("pk").asc()])
        every = self.accounts.annotate(place=place).order_by(*ordering(self.table))
        page = every[self.first : self.first + self.size]
        return dict(page.values_list("pk", "place"))

    def pager(self) -> dict[str, Any]:
        """Context of components/pagination.html."""
        total, last = self.totals.accounts, min(self.first + self.size, self.totals.accounts)
        return {
            "first": self.first + 1,
            "last": last,
            "total": total,
            "prev_url": self._page_url(self.page - 1) if self.page > 1 else None,
            "next_url": self._page_url(self.page + 1) if last < total else None,
        }

    def _page_url(self, number: int) -> str:
        return f"{with_params(self.query)}&page={number}"

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
            "pager": self.pager(),
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
            "columns_keep": self._kept(set(self.query) - {COLUMNS_FIELD, "page"}),
            "columns_url": with_params(self.query, **{COLUMNS_FIELD: None}),
            "columns_own": bool(asked_columns(self.query)),
            "acts": self.acts,
            "may_assign": may_assign(self.request.user),
            "csv_url": reverse(csv) + with_params(self.query, per=None),
            "caption": "Accounts" if self.within is None else "Accounts of the queue",
            **self._nothing(bool(on)),
        }

    def _kept(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """Parameters a form carries along."""
        return [(name, value) for name in names for value in self.query.getlist(name) if value]

    def _clear_url(self) -> str:
        return with_params(self.query, **dict.fromkeys(self.filter.filters))

    def _nothing(self, filtered: bool) -> dict[str, str]:
        """What an empty list says."""
        if filtered:
            return {
                "empty_title": "No account matches",
                "empty_text": "Take a filter off, or clear them all.",
                "empty_url": self._clear_url(),
            }
        if self.run is None and self.within is not None:
            return {
                "empty_title": "No night yet",
                "empty_text": "Accounts appear here once a night has been scored.",
            }
        if self.within is not None:
            return {
                "empty_title": "Nothing here",
                "empty_text": "No account of this scope is in the queue.",
            }
        user: Any = self.request.user
        wider = {"empty_url": with_params(self.query, scope="all"), "empty_label": "Show all"}
        imports = {"empty_url": reverse("import_new"), "empty_label": "Import a file"}
        return {
            "empty_title": "No accounts in this scope",
            "empty_text": "Look at all accounts, or import a file of them under Imports."
            if user.is_admin
            else "None of your accounts are in it. Look at all you may see, or ask an administrator.",
            **(wider if self.scope != "all" else imports if user.is_admin else {}),
        }


def _both(within: Q | None, other: Q) -> Q:
    return other if within is None else within & other


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
    unknown = listing.within is UNJUDGED
    tabs = [
        ("At risk", None, listing.totals.at_risk, not unknown),
        ("Unknown", "unknown", listing.totals.unknown, unknown),
    ]
    context |= {
        "unknown": unknown,
        "tabs": [
            {
                "label": label,
                "url": with_params(request.GET, tab=tab, sort=None),
                "count": display.number(count),
                "active": active,
            }
            for label, tab, count, active in tabs
        ],
        "parts": [
            ("Health", priority.HEALTH, "the lower the score, the more; all of it at score 0"),
            (
                "Trend",
                priority.TREND,
                f"points lost in 30 days; all of it at a fall of {priority.WORST_FALL:.0f} or more",
            ),
            (
                "Renewal",
                priority.RENEWAL,
                f"from {priority.RENEWAL_DAYS:.0f} days ahead; all of it when due or overdue",
            ),
            (
                "ARR",
                priority.ARR,
                f"on a log scale from {display.compact(priority.ARR_FROM)} to "
                f"{display.compact(priority.ARR_TO)} a year; unknown ARR adds nothing",
            ),
            (
                "Alerts",
                urgency.ALERTS,
                "by the loudest open alert that is not snoozed, and 2 more while nobody has taken it; "
                "alerts about an opportunity add nothing",
            ),
            (
                "Clocks",
                urgency.CLOCKS,
                "all of it once a clock is overdue; 7 when due within a day, 4 within three, 2 later",
            ),
        ],
    }
    return answer(request, "portfolio/at_risk.html", _FRAGMENT, context)


def risk_listing(request: HttpRequest) -> Listing:
    """The at-risk queue, or with `?tab=unknown` the accounts without a band."""
    if request.GET.get("tab") == "unknown":
        return Listing(request, UnknownTable, UNJUDGED, split=True)
    return Listing(request, AtRiskTable, HIGH_RISK, split=True)
