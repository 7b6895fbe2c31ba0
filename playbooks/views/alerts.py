"""The list of alerts: filtered and sorted by its address, acted on without leaving it."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.downloads import as_csv
from csm.lib import display
from csm.lib.addresses import with_params, without_value
from csm.lib.dates import today
from csm.lib.htmx import answer
from csm.lib.money import exponent
from csm.lib.paging import PAGE_SIZES, page_of, size_of
from csm.lib.scopes import scope_of
from playbooks.filters.alerts import AGES, NOBODY, TAKEN, VIEWS, AlertFilter
from playbooks.models import Severity, Trigger
from playbooks.selectors import alerts as selectors
from playbooks.selectors.alerts import Counts, Option, Record
from playbooks.tables.alerts import HEADER, Row, line, nothing, ordered, ordering, row
from playbooks.views.alert_actions import row_actions
from playbooks.views.facets import Facet

_CHUNK = 1_000
_KEPT = ("scope", "sort", "per")


class Listing:
    """The list as its address asks for it. Nothing is read before it is asked for."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.query = request.GET
        self.on = today()
        self.scope = scope_of(request)
        self.filter = AlertFilter(request.GET, user=request.user, on=self.on)
        self.of_scope = selectors.in_view_of(request.user, self.scope, on=self.on)
        self.table = ordered(request.GET.get("sort", ""))

    @cached_property
    def counts(self) -> Counts:
        return selectors.counts(self.of_scope, self.filter)

    @cached_property
    def alerts(self) -> Any:
        """The whole list in its order."""
        return self.of_scope.filter(self.filter.condition).order_by(*ordering(self.table))

    @property
    def size(self) -> int:
        return size_of(self.query)

    @property
    def page(self) -> int:
        """The page asked for, or the last one there is."""
        return page_of(self.query, self.counts.shown, self.size)

    @property
    def rows(self) -> list[Row]:
        if not self.counts.shown:
            return []
        first = (self.page - 1) * self.size
        page = self.alerts[first : first + self.size]
        records = [Record(*each) for each in selectors.lines(page, self.request.user, on=self.on)]
        return [row(each, self.on, self._actions(each)) for each in records]

    def _actions(self, record: Record) -> Any:
        if not (record.may_act and record.is_open):
            return nothing()
        return row_actions(self.request, record, self.on)

    def pager(self) -> dict[str, Any]:
        """Context of components/pagination.html."""
        first, total = (self.page - 1) * self.size, self.counts.shown
        last = min(first + self.size, total)
        before, after = self.page - 1, self.page + 1
        here = with_params(self.query)
        return {
            "first": first + 1,
            "last": last,
            "total": total,
            "noun": "alerts",
            "prev_url": f"{here}&page={before}" if before else None,
            "next_url": f"{here}&page={after}" if last < total else None,
        }

    def facets(self) -> list[Facet]:
        """The filters with their values and which are on."""
        there = selectors.options(self.of_scope)
        values = self.filter.values
        offered = _offered(there)
        found = []
        for name, choices in offered.items():
            on = values.get(name, [])
            chosen = on if isinstance(on, list) else [str(on)]
            if name == "state" and not chosen:
                chosen = ["open"]
            # A value from a link that is not on offer is on all the same: it must be seen to be removed.
            choices = choices + [(each, each) for each in chosen if each not in dict(choices)]
            found.append(
                Facet(
                    name=name,
                    label=AlertFilter.LABELS[name],
                    options=tuple((value, label, value in chosen) for value, label in choices),
                    many=name in _MANY,
                    none="" if name == "state" else "Any",
                    chosen=tuple(label for value, label in choices if value in chosen),
                )
            )
        return found

    def chips(self, facets: list[Facet]) -> list[dict[str, str]]:
        """Filters that are on, each with the address that takes it off."""
        found = []
        if "q" in self.filter.values:
            found.append(
                {
                    "label": f"“{self.filter.values['q']}”",
                    "remove_url": without_value(self.query, ["q"]),
                }
            )
        for facet in facets:
            if facet.name not in self.filter.values:
                continue
            for value, label, on in facet.options:
                if on:
                    one = value if facet.many else None
                    found.append(
                        {
                            "label": f"{facet.label}: {label}",
                            "remove_url": without_value(self.query, [facet.name], one),
                        }
                    )
        return found


_MANY = ("trigger", "severity", "family", "owner")


def _offered(there: list[Option]) -> dict[str, list[tuple[str, str]]]:
    triggers = dict.fromkeys((each.trigger, each.trigger_name) for each in there)
    owners = dict.fromkeys(
        (str(each.owner_id), each.owner) for each in there if each.owner_id is not None
    )
    nobody = [(NOBODY, "Nobody")] if any(each.owner_id is None for each in there) else []
    return {
        "state": list(VIEWS.items()),
        "severity": [(str(each.value), str(each.label)) for each in reversed(Severity)],
        "trigger": sorted(triggers, key=lambda pair: pair[1].casefold()),
        "family": [(each.value, str(each.label)) for each in Trigger.Family],
        "owner": nobody + sorted(owners, key=lambda pair: pair[1].casefold()),
        "taken": list(TAKEN.items()),
        "age": [(key, label) for key, (label, *_) in AGES.items()],
    }


@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    """Alerts of the scope, the loudest first; by default those open and not snoozed."""
    listing = Listing(request)
    facets, counts = listing.facets(), listing.counts
    clear_url = with_params(request.GET, **dict.fromkeys(AlertFilter.LABELS))
    chips = listing.chips(facets)
    context = {
        "table": listing.table,
        "rows": listing.rows,
        "counts": counts,
        "tiles": _tiles(listing),
        "held_url": f"{reverse('alerts')}?scope={listing.scope}&state=held",
        "facets": facets[:5],
        "more_facets": facets[5:],
        "more_on": sum(name in listing.filter.values for name in ("taken", "age")),
        "values": listing.filter.values,
        "errors": [
            (AlertFilter.LABELS[name], faults[0]) for name, faults in listing.filter.errors.items()
        ],
        "chips": chips,
        "clear_url": clear_url,
        "pager": listing.pager(),
        "sizes": [
            {
                "label": str(size),
                "url": with_params(request.GET, per=size),
                "active": size == listing.size,
            }
            for size in PAGE_SIZES
        ],
        "keep": [(name, request.GET[name]) for name in _KEPT if request.GET.get(name)],
        "csv_url": reverse("alerts_csv") + with_params(request.GET, per=None),
        "may_act": _may_act(request),
        "query": with_params(request.GET, scope=listing.scope).lstrip("?"),
        "here": request.get_full_path(),
        **_empty(listing, bool(chips), clear_url),
    }
    return answer(request, "playbooks/alerts.html", "playbooks/alerts_swap.html", context)


def _may_act(request: HttpRequest) -> bool:
    user: Any = request.user
    return user.is_admin or user.role in ("csm", "manager")


def _tiles(listing: Listing) -> list[dict[str, Any]]:
    counts, base = listing.counts, f"{reverse('alerts')}?scope={listing.scope}"
    told = {
        "open": ("Open", counts.open, base, "Neither snoozed nor held.", ""),
        "untaken": ("Nobody has taken", counts.untaken, f"{base}&taken=no", "", "of those open"),
        "overflow": (
            "Overflow",
            counts.overflow,
            f"{base}&state=overflow",
            "Above the number of alerts one colleague is told of on a day. They are open like the "
            "others; nobody was told of them one by one.",
            "of those open",
        ),
        "held": (
            "Held",
            counts.held,
            f"{base}&state=held",
            "A source the trigger reads is frozen: whether the alert is true shows when it is back.",
            "a source is frozen" if counts.held else "every source speaks",
        ),
        "snoozed": (
            "Snoozed",
            counts.snoozed,
            f"{base}&state=snoozed",
            "Open, and out of the way until the day somebody chose.",
            "",
        ),
    }
    return [
        {"label": label, "value": display.number(n), "url": url, "definition": words, "note": note}
        for label, n, url, words, note in told.values()
    ]


def _empty(listing: Listing, filtered: bool, clear_url: str) -> dict[str, str]:
    """What an empty list says."""
    if filtered:
        return {
            "empty_title": "No alert matches",
            "empty_text": "Take a filter off, or clear them all.",
            "empty_url": clear_url,
            "empty_label": "Clear all filters",
        }
    if listing.scope != "all":
        return {
            "empty_title": "Nothing is open here",
            "empty_text": "No trigger has found anything on these accounts. Look at all you may see.",
            "empty_url": with_params(listing.query, scope="all"),
            "empty_label": "Show all",
        }
    return {
        "empty_title": "Nothing is open",
        "empty_text": "Alerts open after a night, when the rule of a trigger that is switched on holds.",
        "empty_url": reverse("triggers"),
        "empty_label": "Look at the triggers",
    }


@require_safe
def alerts_csv(request: HttpRequest) -> HttpResponseBase:
    """The whole list the address asks for, read in chunks."""
    listing = Listing(request)
    found = selectors.lines(listing.alerts, request.user, on=listing.on)

    def rows() -> Iterator[Any]:
        yield HEADER
        for values in found.iterator(chunk_size=_CHUNK):
            yield line(Record(*values), _money)

    name = f"alerts-{listing.on.isoformat()}"
    return as_csv(request, "alerts", name, rows(), listing.counts.shown)


def _money(minor: int | None, currency: str) -> str:
    if minor is None:
        return ""
    return f"{display.major_units(minor, currency):.{exponent(currency)}f}"
