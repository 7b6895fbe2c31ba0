"""Books too large to be added up while a page is made: by the night's sums, and by counts made once."""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db.models import Sum

from accounts.access import seen_by
from csm.lib.remembered import Figure, rows_asked_for
from csm.portfolio import home_selectors
from csm.portfolio.home_selectors import BandTotal, Day, Figures
from csm.portfolio.selectors import book, customers_in
from csm.portfolio.totals import by_band, hash_of
from scoring.engine.spec import UNKNOWN_BAND
from scoring.models import DailyRollup, ScoreRun

# Books of up to so many accounts are added up while the page is made.
LIVE: Final = 20_000
_REMEMBERED_SECONDS: Final = 3_600


def is_large(
    user: Any, scope: str, run: ScoreRun | None, values: dict[str, Any] | None = None
) -> bool:
    """Whether the night of `run` summed more than `LIVE` accounts for what `user` sees in `scope`.

    `values` narrows them by filters the sums know, see `totals.by_band`.
    """
    bands = by_band(user, scope, run, values or {})
    return bands is not None and sum(bands.values()) > LIVE


def is_large_night(nights: list[Day], run: ScoreRun) -> bool:
    """The same of a trend that has been read already: whether the night of `run` closes it that large."""
    return bool(nights) and nights[-1].on == run.as_of and nights[-1].accounts > LIVE


def summed(user: Any, scope: str, run: ScoreRun) -> Figures:
    """What the night's sums know of a book: accounts, bands and ARR; the counts are those of the lists.

    One query and one a band, remembered until the next night.
    """
    everyone = hash_of([str(seen_by(user, scope)), user.pk])
    key = f"home:{run.pk}:{run.finished_at}:{everyone}".replace(" ", "_")
    rows: list[tuple[Any, ...]] | None = cache.get(key)
    if rows is None:
        sums = DailyRollup.objects.filter(seen_by(user, scope), run=run, as_of=run.as_of)
        grouped = sums.order_by().values_list("band", "band_name", "tone")
        rows = list(
            grouped.annotate(n=Sum("accounts"), arr=Sum("arr_amount"), known=Sum("arr_known"))
        )
        cache.set(key, rows, _REMEMBERED_SECONDS)
    found = Figures()
    for band, name, tone, _, arr, known in sorted(
        rows, key=lambda row: (row[0] == UNKNOWN_BAND, row[0], row[1])
    ):
        total = next((each for each in found.bands if each.name == name), None)
        if total is None:
            total = BandTotal(name=name, tone=tone)
            total.accounts = sum((by_band(user, scope, run, {"band": [name]}) or {}).values())
            found.bands.append(total)
        total.add(0, int(arr), known)
        found.all.add(0, int(arr), known)
        if band == 0:
            found.at_risk.add(0, int(arr), known)
        elif band == UNKNOWN_BAND:
            found.unknown.add(0, int(arr), known)
    bands = by_band(user, scope, run, {}) or {}
    found.all.accounts = sum(bands.values())
    found.at_risk.accounts = bands.get(0, 0)
    found.unknown.accounts = bands.get(UNKNOWN_BAND, 0)
    return found


@dataclass
class OfBook(Figure[Any]):
    """A figure of the accounts somebody sees in a scope, as a night left them."""

    user: Any
    scope: str
    run: ScoreRun
    more: list[Any] = field(default_factory=list)

    @property
    def args(self) -> list[Any]:
        return [self.user.pk, self.scope, self.run.pk, *self.more]

    @classmethod
    def asked(cls, *args: Any) -> Self:
        user, scope, run, *more = args
        found = get_user_model().objects.get(pk=user)
        return cls(found, scope, ScoreRun.objects.get(pk=run), more)

    def depends_on(self) -> list[Any]:
        accounts = customers_in(self.user, self.scope, self.run)
        return [rows_asked_for(accounts), self.run.pk, self.run.finished_at, self.more]


class OfHome(OfBook):
    """What home says and the night's sums do not know. `more` is the days movers are told over."""

    def count(self) -> Figures:
        accounts = book(self.user, self.scope, self.run)
        return home_selectors.figures(accounts, self.run, self.run.as_of, self.more[0])


def completed(found: Figures, counted: Figures) -> Figures:
    """The night's sums with what else was counted; renewals, moves and predictions come from `counted`."""
    found.renewing = counted.renewing
    found.moved_down, found.moved_up = counted.moved_down, counted.moved_up
    found.to_or_from_unknown = counted.to_or_from_unknown
    found.declined, found.improved = counted.declined, counted.improved
    found.predicted, found.predicted_known = counted.predicted, counted.predicted_known
    return found
