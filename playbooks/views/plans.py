"""Plans as a list, as a file and as a board."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import may_assign, may_write
from accounts.downloads import as_csv
from csm.lib import display, markup
from csm.lib.addresses import with_params, without_value
from csm.lib.dates import today
from csm.lib.paging import page_of
from csm.lib.scopes import scope_of
from playbooks.filters.plans import PlanFilter
from playbooks.models import Intervention
from playbooks.selectors import plans as selectors
from playbooks.tables import plans as tables

PER_PAGE = 50
_KEPT = ("scope", "sort")


class Listing:
    """The list of plans as its address asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.on: date = today()
        self.scope = scope_of(request)
        self.plans: QuerySet[Intervention] = selectors.plans_in(request.user, self.scope)
        self.filter = PlanFilter(request.GET, on=self.on, **selectors.offered(self.plans))
        self.table = tables.ordered(request.GET.get("sort", ""))

    @property
    def found(self) -> QuerySet[Intervention]:
        """The whole list in its order, with what a row shows."""
        found = selectors.rows(self.plans.filter(self.filter.condition))
        return found.order_by(*tables.ordering(self.table))


@require_safe
def plans(request: HttpRequest) -> HttpResponse:
    """The plans of a scope, filtered and sorted as the address says."""
    listing = Listing(request)
    found = selectors.totals(listing.plans, on=listing.on, within=listing.filter.condition)
    number = page_of(request.GET, found.listed, PER_PAGE)
    first, now = (number - 1) * PER_PAGE, timezone.now()
    shown = list(listing.found[first : first + PER_PAGE]) if found.listed else []
    keep = with_params(request.GET)
    context = {
        "filter": listing.filter,
        "keep": [(name, request.GET[name]) for name in _KEPT if request.GET.get(name)],
        "chips": [
            {"label": label, "remove_url": without_value(request.GET, [name])}
            for name, label in listing.filter.chips()
        ],
        "clear_url": without_value(request.GET, listing.filter.filters),
        "tiles": tiles(found, listing.scope),
        "table": listing.table,
        "rows": [tables.row(plan, on=listing.on, now=now) for plan in shown],
        "listed": found.listed,
        "pager": {
            "first": first + 1,
            "last": first + len(shown),
            "total": found.listed,
            "noun": "plans",
            "prev_url": f"{keep}&page={number - 1}" if number > 1 else None,
            "next_url": f"{keep}&page={number + 1}" if first + PER_PAGE < found.listed else None,
        },
        "csv_url": reverse("plans_csv") + keep,
        "views": views(listing.scope, board=False),
        "may_assign": may_assign(request.user),
        "may_write": may_write(request.user),
        "as_of": listing.on,
    }
    return render(request, "playbooks/plans.html", context)


@require_safe
def plans_csv(request: HttpRequest) -> HttpResponseBase:
    """The list as filtered, as CSV; recorded in the export log."""
    listing = Listing(request)
    count = listing.plans.filter(listing.filter.condition).count()

    def lines() -> Any:
        yield tables.CSV_HEADERS
        for plan in listing.found.iterator(chunk_size=1_000):
            yield tables.csv_line(plan)

    return as_csv(request, "plans", "plans", lines(), count)


@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """Plans in columns by where they stand."""
    on, scope = today(), scope_of(request)
    plans = selectors.plans_in(request.user, scope)
    found = selectors.totals(plans, on=on, within=Q(pk__in=[]))
    now = timezone.now()
    columns = [
        {
            "title": column.title,
            "count": column.count,
            "url": f"{reverse('plans')}?scope={scope}&{column.query}",
            "more": column.count - len(column.cards),
            "empty": column.empty,
            "cards": [_card(plan, on, now) for plan in column.cards],
        }
        for column in selectors.board(plans, found, on=on)
    ]
    context = {
        "columns": columns,
        "tiles": tiles(found, scope),
        "views": views(scope, board=True),
        "may_write": may_write(request.user),
        "empty": not (found.open or found.closed),
        "as_of": on,
    }
    return render(request, "playbooks/plans_board.html", context)


def tiles(found: selectors.Totals, scope: str) -> list[dict[str, Any]]:
    """What the scope holds, each figure with the list it opens."""
    here = f"{reverse('plans')}?scope={scope}"
    currency = settings.DEFAULT_CURRENCY
    share = f"{found.recovered} of {found.closed} recovered" if found.closed else ""
    return [
        {"label": "Open plans", "value": markup.number(found.open), "url": here},
        {
            "label": "Overdue",
            "value": markup.number(found.overdue),
            "url": f"{here}&state=active&due=overdue",
            "definition": "Past the target day, and the exit test does not hold.",
        },
        {
            "label": "Exit test holds",
            "value": markup.number(found.holding),
            "url": f"{here}&state=holding",
            "definition": "They close as recovered once it has held its days in a row.",
        },
        {
            "label": "Cause not found",
            "value": markup.number(found.no_cause),
            "url": f"{here}&cause=none",
            "definition": "Open plans without a root cause.",
        },
        {
            "label": "ARR at risk",
            "value": markup.money(found.arr, currency) if found.arr_known else None,
            "definition": "ARR of the accounts when their open plans started.",
            "n": f"known for {found.arr_known} of {found.open} open plans",
        },
        {
            "label": "Closed in 30 days",
            "value": markup.number(found.closed),
            "url": f"{here}&due=lately",
            "n": share,
        },
    ]


def views(scope: str, *, board: bool) -> list[dict[str, Any]]:
    """The switch between list and board."""
    return [
        {"label": "List", "url": f"{reverse('plans')}?scope={scope}", "active": not board},
        {"label": "Board", "url": f"{reverse('plans_board')}?scope={scope}", "active": board},
    ]


def _card(plan: Any, on: date, now: datetime) -> dict[str, Any]:
    health = getattr(plan.account, "health", None)
    return {
        "plan": plan,
        "url": reverse("plan", args=[plan.pk]),
        "owner": str(plan.owner) if plan.owner else "",
        "state": tables.test_state(plan),
        "target": tables.target(plan, on),
        "tasks": f"{plan.tasks_done} of {plan.tasks_all}" if plan.tasks_all else "",
        "tasks_done": plan.tasks_done,
        "tasks_all": plan.tasks_all,
        "next": plan.next_title,
        "score": tables.score_move(plan, health),
        "arr": display.money(plan.arr_start, plan.account.currency),
        "clock": tables.clock(getattr(plan.account, "work", None), now) if plan.is_open else "",
    }
