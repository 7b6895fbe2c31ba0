"""The figures of one insights page: what its URL asks for, each read once, as tables with links."""

import hashlib
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from accounts.access import seen_by
from csm.lib.remembered import Told, told
from csm.lib.scopes import scope_of
from csm.nav import night_of
from csm.portfolio import facets, gathering
from csm.portfolio import insights_selectors as select
from csm.portfolio.filters import NOBODY, NOT_KNOWN, AccountFilter, as_stored
from csm.portfolio.insights_characteristics import Characteristic, characteristics
from csm.portfolio.insights_groups import Grouped, grouped
from csm.portfolio.insights_history import Night, history, narrowed, owned, version_changes
from csm.portfolio.insights_large import Counted, OfInsights, slices_of, with_predictions
from csm.portfolio.insights_revenue import LISTED as CONTRIBUTORS
from csm.portfolio.insights_revenue import Contributor, Point, contributors, scatter, tiers_of
from csm.portfolio.insights_selectors import UNKNOWN, Accounts, Band, Tally
from csm.portfolio.large_books import is_large
from csm.portfolio.links import list_url
from csm.portfolio.selectors import book
from scoring.engine.spec import ScorecardSpec
from scoring.models import DailyRollup, NightTotal, ScoreRun
from scoring.selectors import specs_of

FILTERS = ("industry", "size", "owner")
# Reading every metric of a larger stretch of accounts takes longer than a page may; the CSV still does.
PAGE_STRETCH = 100_000
_REMEMBERED_SECONDS = 600


class Figures:
    """Figures of the accounts a request asks for. Needs a finished night; nothing is read before asked."""

    def __init__(self, request: HttpRequest, run: ScoreRun) -> None:
        self.request = request
        self.run = run
        self.scope = scope_of(request)
        picked = QueryDict(mutable=True)
        for name in FILTERS:
            picked.setlist(name, request.GET.getlist(name))
        self._picked = picked
        start = book(request.user, self.scope, run)
        self.filter = AccountFilter(picked, start, run=run)
        self.accounts: Accounts = self.filter.qs

    @classmethod
    def of(cls, request: HttpRequest) -> "Figures | None":
        """None before the first night."""
        run = night_of(request)
        return cls(request, run) if run else None

    @property
    def currency(self) -> str:
        return settings.DEFAULT_CURRENCY

    @cached_property
    def specs(self) -> list[ScorecardSpec]:
        return list(specs_of(self.run).values())

    @cached_property
    def top(self) -> float:
        """The display scale when all scorecards of the night share one, else 100."""
        scales = {spec.display.scale_max for spec in self.specs}
        return scales.pop() if len(scales) == 1 else 100.0

    @cached_property
    def high_risk_bands(self) -> list[str]:
        """The words for the lowest band."""
        return list(dict.fromkeys(spec.high_risk_band.name for spec in self.specs))

    # --- addresses ---

    def list_of(self, **params: Any) -> str:
        """The portfolio of this page's accounts, narrowed further by `params`."""
        kept = {name: value for name, value in self.filter.values.items() if name not in params}
        return list_url("portfolio", self.scope, **kept, **params)

    @property
    def query(self) -> str:
        """The address's parameters with the scope spelled out, for the downloads of this page."""
        query = self.request.GET.copy()
        query["scope"] = self.scope
        return query.urlencode()

    def csv_url(self, table: str) -> str:
        return f"{reverse('insights_csv', args=[table])}?{self.query}"

    @property
    def characteristics_csv(self) -> str:
        return self.csv_url("characteristics")

    def owner_name(self, pk: int | None) -> str:
        return "Nobody" if pk is None else self._owners.get(str(pk), f"Colleague {pk}")

    @staticmethod
    def param(name: str) -> str:
        """A name as a filter value; the empty one has a word of its own."""
        return name or NOT_KNOWN

    @staticmethod
    def owner_param(pk: int | None) -> str:
        return NOBODY if pk is None else str(pk)

    # --- reads ---

    @cached_property
    def offered(self) -> dict[str, list[facets.Choice]]:
        return facets.choices(self.request.user, self.scope, self.run)

    @cached_property
    def _owners(self) -> dict[str, str]:
        return dict(self.offered["owner"])

    @cached_property
    def is_large(self) -> bool:
        """Whether there are more accounts than are added up while the page is made."""
        return is_large(self.request.user, self.scope, self.run, self.filter.values)

    @cached_property
    def _told(self) -> Told[Counted] | None:
        asked = OfInsights(self.request.user, self.scope, self.run, [self._picked.urlencode()])
        return told(asked, at=timezone.now())

    @property
    def counting(self) -> bool:
        """Whether the figures of a large book are still being counted."""
        return self.is_large and self._told is None

    @property
    def counted_at(self) -> datetime | None:
        """When the figures of a large book were counted; None for what is counted with the page."""
        return self._told.at if self.is_large and self._told else None

    @property
    def _counted(self) -> Counted | None:
        """Where nothing is counted yet, pages say so and ask for no figure."""
        return self._told.value if self.is_large and self._told else None

    @cached_property
    def _night(self) -> QuerySet[DailyRollup]:
        """The sums of the night of these accounts."""
        rows = DailyRollup.objects.filter(
            seen_by(self.request.user, self.scope), run=self.run, as_of=self.run.as_of
        )
        return narrowed(rows, *self._narrow)

    @cached_property
    def _grouped(self) -> Grouped:
        return grouped(self.accounts)

    @cached_property
    def segments(self) -> list[select.Slice]:
        if (counted := self._counted) is not None:
            return with_predictions(slices_of(self._night, *select.SEGMENT), counted.segments)
        return self._grouped.segments

    @cached_property
    def people(self) -> list[select.Slice]:
        counted = self._counted
        return counted.people if counted else self._grouped.people

    @cached_property
    def total(self) -> Tally:
        return select.total(self.segments)

    @cached_property
    def bands(self) -> list[Band]:
        return select.bands_of(self.total)

    @cached_property
    def by_industry(self) -> dict[str, Tally]:
        return select.by_industry(self.segments)

    @cached_property
    def by_size(self) -> dict[str, Tally]:
        return select.by_size(self.segments)

    @cached_property
    def by_stage(self) -> dict[str, Tally]:
        return select.by_stage(self.people)

    @cached_property
    def _by_owner(self) -> dict[int | None, Tally]:
        # The night's sums know owners, not stages.
        return select.by_owner(self._slices_by_owner() if self._counted else self.people)

    def _slices_by_owner(self) -> list[select.Slice]:
        industries, sizes, owners = self._narrow
        if industries or sizes:
            return slices_of(self._night, "owner_id")
        seen = seen_by(self.request.user, self.scope) & owned(owners)
        totals = NightTotal.objects.filter(seen, is_whole=False, run=self.run, as_of=self.run.as_of)
        return slices_of(totals, "owner_id")

    @property
    def owner_ids(self) -> list[int | None]:
        """In the order of `by_owner`."""
        return list(self._by_owner)

    @cached_property
    def by_owner(self) -> dict[str, Tally]:
        """By name; two colleagues of one name are told apart by their number."""
        names = [self.owner_name(pk) for pk in self._by_owner]
        return {
            f"{name} ({pk})" if names.count(name) > 1 else name: tally
            for name, (pk, tally) in zip(names, self._by_owner.items(), strict=True)
        }

    @cached_property
    def matrix(self) -> select.Matrix:
        return select.risk_matrix(self.segments)

    @cached_property
    def spread(self) -> select.Distribution:
        return self._counted.spread if self._counted else select.distribution(self.accounts)

    @cached_property
    def tiers(self) -> dict[str, Tally]:
        return self._counted.tiers if self._counted else tiers_of(self._grouped.tiers)

    @cached_property
    def contributors(self) -> list[Contributor]:
        if self._counted:
            return self._counted.contributors
        few = gathering.pays(self.total.accounts, self.run.accounts, rows=CONTRIBUTORS)
        return contributors(self.accounts, few=few)

    @cached_property
    def points(self) -> list[Point]:
        return self._counted.points if self._counted else scatter(self.accounts, self.spread.pairs)

    @cached_property
    def history(self) -> list[Night]:
        industries, sizes, owners = self._narrow
        return history(
            self.request.user,
            self.scope,
            self.run,
            industries=industries,
            sizes=sizes,
            owners=owners,
        )

    @property
    def _narrow(self) -> tuple[list[str], list[str], list[int | None]]:
        """Industries, sizes and owners of the filters as roll-ups store them."""
        values = self.filter.values
        return (
            as_stored(values.get("industry", [])),
            as_stored(values.get("size", [])),
            [None if each == NOBODY else int(each) for each in values.get("owner", [])],
        )

    @property
    def version_changes(self) -> list[date]:
        return version_changes(self.history)

    @cached_property
    def characteristics(self) -> list[Characteristic]:
        """Remembered by the very query that selects the accounts, so never shown to whom it is not for."""
        sql, params = self.accounts.order_by("pk").values_list("pk").query.sql_with_params()
        asked = f"{self.run.pk} {self.run.finished_at} {sql} {params}"
        key = "characteristics:" + hashlib.sha256(asked.encode()).hexdigest()
        found: list[Characteristic] | None = cache.get(key)
        if found is None:
            found = characteristics(self.accounts, self.run)
            cache.set(key, found, _REMEMBERED_SECONDS)
        return found

    @cached_property
    def too_wide(self) -> bool:
        """Whether the accounts lie too far apart to read their metrics for a page."""
        if self.is_large or self.total.accounts > PAGE_STRETCH:
            return True
        return self._grouped.span > PAGE_STRETCH

    # --- words every table shares ---

    def rows_of(self, groups: dict[Any, Tally]) -> list[list[Any]]:
        """Per group: name, accounts, mean, high-risk share, share of each band, Unknown last."""
        return [
            [
                name or UNKNOWN,
                tally.accounts,
                tally.mean,
                tally.rate,
                *(tally.bands.get(band, 0) / tally.accounts for band in self.bands),
            ]
            for name, tally in groups.items()
        ]
