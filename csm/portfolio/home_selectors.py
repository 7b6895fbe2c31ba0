"""What home shows, in three queries over the book and one over the daily roll-up."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import Case, Count, F, Min, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Abs

from accounts.access import seen_by
from accounts.models import Account
from accounts.selectors import customers
from csm.lib.statements import Statement
from csm.portfolio.filters import changed, moved, recent_changes, renewing
from csm.portfolio.rows import FIELDS, Record
from csm.portfolio.selectors import IN_CURRENCY, past_totals, sorted_by
from scoring.engine.spec import UNKNOWN_BAND, UNKNOWN_NAME, UNKNOWN_TONE
from scoring.models import BandChange, ScoreRun
from scoring.selectors import with_health
from scoring.services.versions import number_and_note, published_spec

CHANGED_DAYS = 14
RENEWAL_DAYS = 90
# A smaller move than this is noise; the counts beside the movers and the lists they open use it too.
MOVER_POINTS = 5
LISTED = 5
# Roll-ups change with a night and with what is scored again by day; the key says both.
_TREND_SECONDS = 3600


@dataclass
class Amount:
    """A count of accounts with their ARR (minor units) over the `known` ones in the book's currency."""

    accounts: int = 0
    arr: int = 0
    known: int = 0

    def add(self, accounts: int, arr: int | None, known: int) -> None:
        self.accounts += accounts
        self.arr += arr or 0
        self.known += known


@dataclass
class BandTotal(Amount):
    """One band of the split."""

    name: str = ""
    tone: str = ""


@dataclass
class Figures:
    """The figures of a book; each is the count of the list its filter opens."""

    all: Amount = field(default_factory=Amount)
    at_risk: Amount = field(default_factory=Amount)
    unknown: Amount = field(default_factory=Amount)
    renewing: Amount = field(default_factory=Amount)
    bands: list[BandTotal] = field(default_factory=list)
    moved_down: int = 0
    moved_up: int = 0
    to_or_from_unknown: int = 0
    declined: int = 0
    improved: int = 0
    predicted: int = 0
    predicted_known: int = 0


def figures(
    accounts: QuerySet[Account],
    run: ScoreRun | None,
    as_of: date,
    days: int,
    *,
    few: bool = False,
) -> Figures:
    """One query: the book grouped by band, everything else counted within the groups.

    `days` (7 or 30) is the span of `declined` and `improved`. `few`: see `gathering.pays_one_by_one`.
    """
    soon = renewing(RENEWAL_DAYS, as_of)
    down, up, fog = (
        moved(direction, run, CHANGED_DAYS, of_few=few) for direction in ("down", "up", "unknown")
    )
    rows = (
        accounts.order_by()
        .values("health__band", "health__band_name", "health__tone")
        .annotate(
            n=Count("pk"),
            arr=Sum("arr_amount", filter=IN_CURRENCY),
            known=Count("arr_amount", filter=IN_CURRENCY),
            soon=Count("pk", filter=soon),
            soon_arr=Sum("arr_amount", filter=soon & IN_CURRENCY),
            soon_known=Count("arr_amount", filter=soon & IN_CURRENCY),
            down=Count("pk", filter=down),
            up=Count("pk", filter=up),
            fog=Count("pk", filter=fog),
            declined=Count("pk", filter=changed(f"down{days}", MOVER_POINTS)),
            improved=Count("pk", filter=changed(f"up{days}", MOVER_POINTS)),
            predicted=Sum("health__predicted_6m_amount", filter=IN_CURRENCY),
            predicted_known=Count("health__predicted_6m_amount", filter=IN_CURRENCY),
        )
    )
    found = Figures()
    bands: dict[str, tuple[tuple[bool, int], BandTotal]] = {}
    for row in rows:
        band = row["health__band"]
        name, tone = row["health__band_name"] or UNKNOWN_NAME, row["health__tone"] or UNKNOWN_TONE
        amount = (row["n"], row["arr"], row["known"])
        place = (band is None or band == UNKNOWN_BAND, band or 0)
        # Two scorecards may call a band the same: the list behind the number filters by name as well.
        bands.setdefault(name, (place, BandTotal(name=name, tone=tone)))[1].add(*amount)
        found.all.add(*amount)
        if band == 0:
            found.at_risk.add(*amount)
        elif band is None or band == UNKNOWN_BAND:
            found.unknown.add(*amount)
        found.renewing.add(row["soon"], row["soon_arr"], row["soon_known"])
        found.moved_down += row["down"]
        found.moved_up += row["up"]
        found.to_or_from_unknown += row["fog"]
        found.declined += row["declined"]
        found.improved += row["improved"]
        found.predicted += row["predicted"] or 0
        found.predicted_known += row["predicted_known"]
    found.bands = [total for _, total in sorted(bands.values(), key=lambda pair: pair[0])]
    return found


def _soonest(record: Record) -> tuple[date, int, int]:
    """The next renewal first, the largest of a day before the others."""
    assert record.renewal_on is not None
    return record.renewal_on, 1 if record.arr_amount is None else -record.arr_amount, record.pk


@dataclass(frozen=True)
class Shortlists:
    """The few accounts home names."""

    declined: list[Record]
    improved: list[Record]
    renewals: list[Record]


def shortlists(user: Any, scope: str, as_of: date, days: int, *, few: bool = False) -> Shortlists:
    """Biggest movers of `days` (7 or 30) and next renewals of a book; one query for all three lists.

    `few` says that the book is small among all accounts, see `sorted_by`.
    """
    change = f"change_{days}d"
    found = [Record(*row) for row in _listed(seen_by(user, scope), as_of, days, few).rows()]
    # An account may be in the query for another of the lists.
    moved_ = [
        record
        for record in found
        if getattr(record, change) and record.band not in (None, UNKNOWN_BAND)
    ]
    due = [
        record
        for record in found
        if record.renewal_on and as_of <= record.renewal_on <= as_of + timedelta(days=RENEWAL_DAYS)
    ]
    by_change = sorted(moved_, key=lambda record: (getattr(record, change), record.pk))
    rising = sorted(moved_, key=lambda record: (-getattr(record, change), record.pk))
    return Shortlists(
        declined=[each for each in by_change if getattr(each, change) < 0][:LISTED],
        improved=[each for each in rising if getattr(each, change) > 0][:LISTED],
        renewals=sorted(due, key=_soonest)[:LISTED],
    )


@lru_cache(maxsize=256)
def _listed(seen: Q, as_of: date, days: int, few: bool) -> Statement:
    """The accounts of all three lists; what a colleague may see is in `seen`, and nowhere else."""
    accounts = customers(Account.objects.filter(seen, merged_into=None), as_of)
    path = sorted_by(f"health__change_{days}d", few=few)
    down = accounts.filter(changed(f"down{days}")).order_by(path.asc(), "pk")
    up = accounts.filter(changed(f"up{days}")).order_by(path.desc(), "pk")
    soon = accounts.filter(renewing(RENEWAL_DAYS, as_of)).order_by(
        sorted_by("renewal_on", few=few), F("arr_amount").desc(nulls_last=True), "pk"
    )
    named = _either([each.values("pk")[:LISTED] for each in (down, up, soon)])
    accounts = with_health(accounts).order_by()
    return Statement(accounts.filter(pk__in=named).values_list(*FIELDS))


def newest_changes(accounts: QuerySet[Account], run: ScoreRun | None) -> list[dict[str, Any]]:
    """The newest moves down and up a band in the book, the downs first, each with the largest first.

    Dicts with `down`, account, bands, scores (0–100) and dates. One query.
    """
    # The order and the conditions of `BandChange`'s indexes: of a large book only the first are read.
    order = (F("as_of").desc(), Abs(F("new_score") - F("old_score")).desc(), F("pk").asc())
    judged = (
        recent_changes(run, CHANGED_DAYS)
        .filter(account__in=accounts.order_by().values("pk"))
        .filter(old_band__gte=0, new_band__gte=0)
    )
    down, up = judged.filter(new_band__lt=F("old_band")), judged.filter(new_band__gt=F("old_band"))
    named = _either([each.order_by(*order).values("pk")[:LISTED] for each in (down, up)])
    found: Any = (
        BandChange.objects.filter(pk__in=named)
        .annotate(
            down=Case(When(new_band__lt=F("old_band"), then=Value(True)), default=Value(False))
        )
        .order_by("-down", *order)
        .values(
            "down",
            "account_id",
            "account__name",
            "account__industry",
            "version_id",
            "as_of",
            "old_band",
            "new_band",
            "old_score",
            "new_score",
        )
    )
    return list(found)


def _either(parts: list[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    """The keys of several sliced lists: tests joined by OR would be tried on every row there is."""
    if not connection.features.supports_slicing_ordering_in_compound:
        every = parts[0].model._default_manager.order_by().values("pk")
        parts = [every.filter(pk__in=part) for part in parts]
    return parts[0].union(*parts[1:], all=True)


@dataclass(frozen=True)
class Day:
    """One night of the trend: mean score of the judged accounts, accounts by (band name, tone).

    `versions` names what scored it: {version id: "CRM engagement v2"}.
    """

    on: date
    versions: dict[int, str]
    mean: float | None
    judged: int
    bands: dict[tuple[str, str], int]

    @property
    def accounts(self) -> int:
        """All of them, Unknown included."""
        return sum(self.bands.values())

    def share(self, band: tuple[str, str]) -> float | None:
        """The part of the accounts in `band`, 0–1."""
        return self.bands.get(band, 0) / self.accounts if self.accounts else None


def trend(user: Any, scope: str, run: ScoreRun) -> list[Day]:
    """The nights of the last 180 days from the roll-ups, within what `user` sees in `scope`.

    One query, remembered until its sums change. Owner and team are those of that night.
    """
    key = f"trend:{run.sums_of}:{user.pk}:{scope}"
    found: list[Day] | None = cache.get(key)
    if found is None:
        found = _days(user, scope, run)
        cache.set(key, found, _TREND_SECONDS)
    return found


@lru_cache(maxsize=256)
def _totalled(seen: Q, as_of: date, scorecard: int | None) -> Statement:
    """Accounts and scores by night, version and band; as `_listed` made of nothing but its arguments."""
    rows = past_totals(seen, as_of, scorecard).order_by("as_of", "band")
    place = ("as_of", "version_id", "band", "band_name")
    if not seen:
        return Statement(rows.values_list(*place, "tone", "accounts", "scored", "score_sum"))
    return Statement(
        rows.values_list(*place).annotate(
            Min("tone"), Sum("accounts"), Sum("scored"), Sum("score_sum")
        )
    )


@dataclass
class _Night:
    """What a day is put together from."""

    versions: dict[int, str] = field(default_factory=dict)
    bands: dict[tuple[str, str], int] = field(default_factory=dict)
    total: float = 0.0
    judged: int = 0


def _days(user: Any, scope: str, run: ScoreRun) -> list[Day]:
    rows = _totalled(seen_by(user, scope), run.as_of, run.scorecard_id).rows()
    labels = {version: _label(version) for version in {row[1] for row in rows}}
    nights: dict[date, _Night] = {}
    for on, version, band, name, tone, accounts, scored, score_sum in rows:
        night = nights.get(on)
        if night is None:
            night = nights[on] = _Night()
        night.versions[version] = labels[version]
        night.bands[name, tone] = night.bands.get((name, tone), 0) + accounts
        if band != UNKNOWN_BAND:
            night.total += score_sum
            night.judged += scored
    return [
        Day(
            on=on,
            versions=night.versions,
            mean=night.total / night.judged if night.judged else None,
            judged=night.judged,
            bands=night.bands,
        )
        for on, night in nights.items()
    ]


def _label(version: int) -> str:
    return f"{published_spec(version).name} v{number_and_note(version)[0]}"
