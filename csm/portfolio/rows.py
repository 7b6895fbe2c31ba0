"""Accounts as rows of cells: formatted here once, so that the templates only print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display, markup
from csm.portfolio import work_cells
from csm.portfolio.reasons import Part, Work, parts_of, why_now, why_unknown
from scoring.engine.spec import UNKNOWN_BAND, UNKNOWN_NAME, UNKNOWN_TONE
from scoring.models import ScoreRun
from scoring.selectors import snapshots_of
from scoring.services.versions import published_spec

TREND_DAYS = 30

Cell = tuple[str, SafeString | str]


class Record(NamedTuple):
    """The columns a list reads, in the order of `values_list`; money in minor units."""

    pk: int
    external_id: str
    name: str
    industry: str
    size_segment: str
    lifecycle_stage: str
    arr_amount: int | None
    currency: str
    renewal_on: date | None
    last_touch_on: date | None
    churned_on: date | None
    owner__first_name: str | None
    owner__last_name: str | None
    owner__username: str | None
    health_as_of: date | None
    version_id: int | None
    score: float | None
    band: int | None
    band_name: str | None
    tone: str | None
    coverage: float | None
    change_7d: float | None
    change_30d: float | None
    top_driver: str | None
    top_driver_lost: float | None
    priority: float | None
    predicted_6m_amount: int | None
    tier: str | None
    owner_id: int | None
    work__alerts_open: int | None
    work__alerts_untaken: int | None
    work__severity: int | None
    work__top_alert_id: int | None
    work__top_alert_name: str | None
    work__plans_open: int | None
    work__plan_id: int | None
    work__plan_title: str | None
    work__next_task_title: str | None
    work__next_due_on: date | None
    work__tasks_overdue: int | None
    work__clock_label: str | None
    work__clock_due_at: datetime | None
    work__clock_broken: bool | None
    work__alert_points: float | None
    work__clock_points: float | None
    work__priority: float | None

    @property
    def owner_name(self) -> str:
        """As the user is shown everywhere; empty for nobody."""
        full = f"{self.owner__first_name or ''} {self.owner__last_name or ''}".strip()
        return full or self.owner__username or ""

    @property
    def scale(self) -> float:
        """The top of the display scale of the scorecard that scored the account."""
        return published_spec(self.version_id).display.scale_max if self.version_id else 100

    @property
    def urgency(self) -> float | None:
        """Points of the at-risk queue, 0–100: with open work, else those of its health alone."""
        return self.priority if self.work__priority is None else self.work__priority

    def parts(self, as_of: date) -> list[Part]:
        """The reasons of its place in the at-risk queue, with points."""
        return parts_of(
            score=self.score,
            change_30d=self.change_30d,
            renewal_on=self.renewal_on,
            arr_amount=self.arr_amount,
            currency=self.currency,
            as_of=as_of,
            work=Work(
                alert=self.work__top_alert_name or "",
                severity=self.work__severity,
                alert_points=self.work__alert_points or 0.0,
                clock=self.work__clock_label or "",
                clock_due_at=self.work__clock_due_at,
                clock_broken=bool(self.work__clock_broken),
                clock_points=self.work__clock_points or 0.0,
            ),
            top=self.scale,
        )

    def why_now(self, as_of: date) -> str:
        """The reason of its place in the at-risk queue."""
        return why_now(self.parts(as_of))

    def why_unknown(self) -> str:
        """What is missing for a band."""
        least = published_spec(self.version_id).min_coverage if self.version_id else 0
        return why_unknown(coverage=self.coverage, least=least)


FIELDS = Record._fields


@dataclass(slots=True)
class Row:
    """One line of a list for components/table.html.

    `drawn` is what it looks like, by how it may be selected; `shared` the row it is, with cells of its own
    behind.
    """

    url: str
    cells: list[Cell]
    name: str
    id: int
    drawn: dict[bool | str, str] = field(default_factory=dict)
    shared: "Row | None" = None


def trends(records: Sequence[Record], run: ScoreRun | None) -> dict[int, list[float | None]]:
    """The scores of the last 30 nights by account, oldest first, None where there was none.

    One query. Nights under another version than today's are left out: they are not comparable.
    """
    if run is None or not records:
        return {}
    first = run.as_of - timedelta(days=TREND_DAYS - 1)
    versions = {record.pk: record.version_id for record in records}
    found: dict[int, list[float | None]] = {pk: [None] * TREND_DAYS for pk in versions}
    nights = snapshots_of(list(versions), since=first, until=run.as_of)
    fields = ("account_id", "as_of", "version_id", "score")
    for pk, day, version_id, score in nights.values_list(*fields):
        if version_id == versions[pk]:
            found[pk][(day - first).days] = score
    return found


# A row is a function of its record, its rank and the night, so it is remembered: most pages are asked for
# again before anything on them changed. Emptied when full; about 4 KB a row.
_MOST_REMEMBERED = 4_000
_remembered: dict[tuple[Any, ...], Row] = {}


def rows(
    records: Sequence[Record],
    columns: Sequence[str],
    *,
    as_of: date,
    run: ScoreRun | None,
    ranks: Mapping[int, int] | None = None,
) -> list[Row]:
    """Rows with the cells of `columns` (names of `tables`), formatted. One query at most, for the trends.

    A trend is that of the night of `run`: nights filled in behind it later show from the next night on.
    """
    night = (run.pk, run.finished_at) if run else None
    shared = (night, as_of, tuple(columns))
    places = ranks or {}
    keys = [(*shared, places.get(record.pk), record) for record in records]
    found = {key: _remembered[key] for key in keys if key in _remembered}
    missing = [record for key, record in zip(keys, records, strict=True) if key not in found]
    points = trends(missing, run) if "trend" in columns else {}
    for key in keys:
        if key not in found:
            record = key[-1]
            url = _address(record.pk)
            cells = [_CELLS[name](record, as_of, url, points, places) for name in columns]
            found[key] = Row(url=url, name=record.name, cells=cells, id=record.pk)
    if len(_remembered) + len(missing) > _MOST_REMEMBERED:
        _remembered.clear()
    if night:
        _remembered.update(found)
    return [found[key] for key in keys]


@cache
def _pattern() -> str:
    # `reverse` per row costs as much as all of the row's cells.
    return reverse("account", args=[0])


def _address(pk: int) -> str:
    return _pattern().replace("/0/", f"/{pk}/")


def _account(record: Record, as_of: date, url: str, *_: Any) -> Cell:
    detail = " · ".join(text for text in (record.industry, record.size_segment) if text)
    if record.churned_on and record.churned_on <= as_of:
        detail = f"Churned {display.day(record.churned_on)}" + (f" · {detail}" if detail else "")
    return "clip", markup.link(url, record.name, detail)


def _score(record: Record, as_of: date, *_: Any) -> Cell:
    if record.score is None:
        return "r", markup.score(None)
    top = record.scale
    html = markup.score(record.score, top)
    if top != 100:
        html = mark_safe(f'{html}<span class="unit">/{display.number(top)}</span>')
    if record.health_as_of != as_of and record.health_as_of is not None:
        html = mark_safe(f'{html}<span class="detail">on {display.day(record.health_as_of)}</span>')
    # A figure from too little data is printed paler than one that was judged.
    return ("r quiet" if record.band == UNKNOWN_BAND else "r"), html


def _band(record: Record, *_: Any) -> Cell:
    return "", markup.band(record.band_name or UNKNOWN_NAME, record.tone or UNKNOWN_TONE, True)


def _change_7d(record: Record, *_: Any) -> Cell:
    return "r", _delta(record.change_7d, record.scale, "over 7 days")


def _change_30d(record: Record, *_: Any) -> Cell:
    return "r", _delta(record.change_30d, record.scale, "over 30 days")


def _delta(change: float | None, top: float, period: str) -> SafeString:
    return markup.delta(None if change is None else change * top / 100, period=period)


def _trend(
    record: Record, as_of: date, url: str, points: Mapping[int, list[float | None]], *_: Any
) -> Cell:
    return "", markup.sparkline(points.get(record.pk, ()), tone=record.tone or "")


def _driver(record: Record, *_: Any) -> Cell:
    if not record.top_driver:
        return "", markup.unknown("nothing lost or nothing known")
    lost = display.number((record.top_driver_lost or 0) * record.scale / 100, 1)
    return "clip", mark_safe(
        f'{escape(record.top_driver)}<span class="detail">{display.MINUS}{lost} points</span>'
    )


def _arr(record: Record, *_: Any) -> Cell:
    return "r", markup.money(record.arr_amount, record.currency)


def _renewal(record: Record, as_of: date, *_: Any) -> Cell:
    if record.renewal_on is None:
        return "", markup.unknown()
    left = (record.renewal_on - as_of).days
    words = f"in {left:,} d" if left > 0 else "today" if left == 0 else f"{-left:,} d overdue"
    return "", mark_safe(f'{markup.day(record.renewal_on)}<span class="detail">{words}</span>')


def _owner(record: Record, *_: Any) -> Cell:
    return "", markup.owner(record.owner_name)


def _last_touch(record: Record, as_of: date, *_: Any) -> Cell:
    if record.last_touch_on is None:
        return "", markup.unknown()
    ago = (as_of - record.last_touch_on).days
    words = "today" if ago == 0 else f"{ago:,} d ago" if ago > 0 else f"in {-ago:,} d"
    return "", mark_safe(
        f'<span class="num" title="{display.day(record.last_touch_on)}">{words}</span>'
    )


def _coverage(record: Record, *_: Any) -> Cell:
    if record.coverage is None:
        return "", markup.unknown("not scored yet")
    least = published_spec(record.version_id).min_coverage if record.version_id else 0.5
    return "", markup.coverage(record.coverage, least)


def _predicted(record: Record, *_: Any) -> Cell:
    return "r", markup.money(record.predicted_6m_amount, record.currency)


def _tier(record: Record, *_: Any) -> Cell:
    return "c", record.tier or markup.unknown("no tier")


def _rank(record: Record, as_of: date, url: str, points: Any, ranks: Mapping[int, int]) -> Cell:
    rank = display.number(ranks.get(record.pk))
    return "r", mark_safe(
        f'<b class="num">{rank}</b><span class="detail">{display.number(record.urgency)} pts</span>'
    )


def _reason(record: Record, as_of: date, *_: Any) -> Cell:
    parts = record.parts(as_of)
    return "wrap why-cell", work_cells.reason(_two_lines(why_now(parts), 2), parts, record.urgency)


def _why(record: Record, *_: Any) -> Cell:
    return "", _two_lines(record.why_unknown(), 1)


def _two_lines(text: str, first: int) -> SafeString:
    """A reason in a row's height: its `first` parts, the others below."""
    parts = text.split(", ")
    rest = ", ".join(parts[first:])
    tail = f'<span class="detail">{escape(rest)}</span>' if rest else ""
    return mark_safe(f"{escape(', '.join(parts[:first]))}{',' if rest else ''}{tail}")


_CELLS = {
    "account": _account,
    "score": _score,
    "band": _band,
    "change_7d": _change_7d,
    "change_30d": _change_30d,
    "trend": _trend,
    "driver": _driver,
    "arr": _arr,
    "renewal": _renewal,
    "owner": _owner,
    "last_touch": _last_touch,
    "coverage": _coverage,
    "predicted": _predicted,
    "tier": _tier,
    "rank": _rank,
    "reason": _reason,
    "why": _why,
    "alerts": work_cells.alerts,
    "plan": work_cells.plan,
    "clock": work_cells.clock,
}
