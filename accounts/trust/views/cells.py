"""Cells of the data-quality pages, prepared so that templates only place them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.models import Freeze
from accounts.trust.freshness import Fresh
from accounts.trust.tables import feed_label
from csm.lib import display, markup

Cell = tuple[str, Any]

SPARK_DAYS: Final = 42
STATES: Final = {
    "fresh": ("Fresh", "good"),
    "late": ("Late", "fair"),
    "silent": ("Silent", "poor"),
    "irregular": ("No rhythm yet", "unknown"),
}
SERIES_HEADERS: Final = (
    ("", "Feed"),
    ("", "State"),
    ("", "Last fact"),
    ("", "Usual"),
    ("", "Next expected"),
    ("", "Last import"),
    ("r", "Rows a day"),
)


def state_cell(each: Fresh) -> SafeString:
    """Fresh, late or silent, and whether the breaker holds it."""
    mark = markup.band(*STATES[each.state], plain=True)
    if each.frozen is not None:
        return format_html(
            '{} <span class="badge" title="{}">{} Frozen</span>',
            mark,
            each.frozen.details.get("sentence", ""),
            markup.icon("lock"),
        )
    return mark if each.watched else format_html('{} <span class="quiet">not watched</span>', mark)


def usual_text(days: float | None) -> str:
    """An interval in words."""
    if days is None:
        return ""
    return (
        "every day"
        if days <= 1
        else f"every {display.number(days, 0 if days == int(days) else 1)} d"
    )


def series_row(
    each: Fresh, as_of: date, urls: Mapping[str, str] | None = None, *, source: bool = True
) -> list[Cell]:
    """One series as `SERIES_HEADERS`; `urls` are the pages of sources by key."""
    where = (urls or {}).get(each.source)
    name = each.measure or each.label
    below = f"{each.label} · {each.source}" if each.measure else each.source
    label: Any = markup.link(where, name, below) if where else _two(name, below if source else "")
    usual = usual_text(each.rhythm.usual)
    return [
        ("wrap", label),
        ("", state_cell(each)),
        ("", _aged(each.last_on, as_of)),
        ("", usual or markup.unknown(f"{each.rhythm.n} gaps seen, six are needed")),
        ("", markup.day(each.next_on)),
        ("", markup.day(each.imported_on)),
        ("r", spark(each, as_of)),
    ]


def _two(name: str, below: str) -> SafeString:
    if not below:
        return format_html("{}", name)
    return format_html('{}<span class="detail">{}</span>', name, below)


def _aged(on: date | None, as_of: date) -> SafeString:
    if on is None:
        return markup.unknown("never")
    age = (as_of - on).days
    return format_html(
        '{}<span class="detail">{}</span>',
        display.day(on),
        f"{display.days(age)} ago" if age else "today",
    )


def spark(each: Fresh, as_of: date) -> SafeString:
    """Rows per day of the last weeks; a day without any is zero within the series, a gap before it."""
    rows = {day.on: day.rows for day in each.series}
    first = each.series[0].on if each.series else as_of
    points = [
        rows.get(day, 0) if day >= first else None
        for day in (as_of - timedelta(days=n) for n in range(SPARK_DAYS - 1, -1, -1))
    ]
    newest = each.series[-1].rows if each.series else 0
    label = f"Rows a day over {SPARK_DAYS} days, {display.number(newest)} on the last day with any"
    return markup.sparkline(points, label)


def freeze_cards(freezes: Iterable[Freeze], feeds: Sequence[Fresh]) -> list[dict[str, Any]]:
    """Open freezes with what happened since and whether lifting is suggested."""
    by_key = {each.key: each for each in feeds if not each.measure}
    cards = []
    for frozen in freezes:
        series = by_key.get((frozen.source, frozen.feed))
        last = series.last_on if series else None
        cards.append(
            {
                "freeze": frozen,
                "label": feed_label(frozen.feed),
                "sentence": frozen.details.get("sentence", str(frozen)),
                "since": last if last and last > frozen.good_on else None,
                "suggest": bool(
                    frozen.reason == Freeze.Reason.SILENT and last and last > frozen.good_on
                ),
                "lift_url": reverse("quality_lift", args=[frozen.pk]),
            }
        )
    return cards


def shown(value: Any, kind: str) -> Any:
    """A figure of a contradiction as a cell."""
    if value is None or value == "":
        return markup.unknown()
    if kind == "date":
        return markup.day(value)
    if kind == "money":
        return markup.money(round(value), settings.DEFAULT_CURRENCY)
    if kind == "count":
        return markup.number(float(value))
    if kind == "flag":
        return "churned" if value else "customer"
    return str(value)
