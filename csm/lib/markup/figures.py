"""Figures and names as HTML: what a cell, a tile or a header shows."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display

TONES = ("good", "fair", "poor", "unknown")

# Shape repeats what colour says: disc, half disc, triangle, dashed ring.
_SHAPES = {
    "good": '<circle cx="6" cy="6" r="5" fill="currentColor"/>',
    "fair": (
        '<circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        '<path d="M6 1.75a4.25 4.25 0 0 0 0 8.5z" fill="currentColor"/>'
    ),
    "poor": '<path d="M6 .9 11.6 11H.4z" fill="currentColor"/>',
    "unknown": (
        '<circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" stroke-width="1.5" '
        'stroke-dasharray="2 1.6"/>'
    ),
}


@lru_cache(maxsize=64)
def unknown(why: str = "unknown") -> SafeString:
    """The dash for a figure nobody knows; `why` is spoken and shown on hover."""
    words = escape(why)
    return mark_safe(
        f'<span class="unknown" title="{words}"><span aria-hidden="true">{display.MISSING}</span>'
        f'<span class="visually-hidden">{words}</span></span>'
    )


def shape(tone: str) -> SafeString:
    """The sign of a tone, 12 × 12, in the current colour."""
    return mark_safe(
        '<svg class="shape" viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">'
        f"{_SHAPES.get(tone, _SHAPES['unknown'])}</svg>"
    )


@lru_cache(maxsize=256)
def band(name: str, tone: str, plain: bool = False) -> SafeString:
    """A band's name with shape and colour; `plain` leaves out the tinted ground (dense tables)."""
    tone = tone if tone in TONES else "unknown"
    kind = "band-plain" if plain else "band"
    return mark_safe(f'<span class="{kind} tone-{tone}">{shape(tone)}{escape(name)}</span>')


def score(value: float | None, top: float = 100, tone: str = "") -> SafeString:
    """A score 0..100 on the display scale 0..`top`."""
    if value is None:
        return unknown("score unknown")
    css = f" tone-{tone}" if tone in TONES else ""
    return mark_safe(f'<span class="score{css}">{display.score(value, top)}</span>')


def delta(
    value: float | None,
    digits: int = 1,
    unit: str = "points",
    period: str = "",
    good: str = "up",
) -> SafeString:
    """A change with arrow, sign and spoken words; `good` says which direction is the good one.

    A `unit` of "%" is shown as well; others are only spoken, where the column or tile names them.
    """
    if value is None:
        return unknown("change unknown")
    text = display.signed(value, digits)
    sign = "%" if unit == "%" else ""
    when = f" {escape(period)}" if period else ""
    if not text.strip("+0.,"):
        return mark_safe(
            f'<span class="delta"><span aria-hidden="true">±{text}{sign}</span>'
            f'<span class="visually-hidden">no change{when}</span></span>'
        )
    up = value > 0
    css = "delta-good" if up == (good == "up") else "delta-poor"
    size = text.lstrip("+" + display.MINUS)
    return mark_safe(
        f'<span class="delta {css}"><span aria-hidden="true">{"▲" if up else "▼"} {text}{sign}</span>'
        f'<span class="visually-hidden">{"up" if up else "down"} {size} {escape(unit)}{when}'
        "</span></span>"
    )


def money(minor: int | None, currency: str = "USD") -> SafeString:
    """An amount in integer minor units, short, with the whole amount on hover."""
    if minor is None:
        return unknown()
    full = escape(display.money(minor, currency, full=True))
    return mark_safe(
        f'<span class="num" title="{full}">{escape(display.money(minor, currency))}</span>'
    )


def number(value: float | None, digits: int = 0, unit: str = "") -> SafeString:
    """A number with its unit."""
    if value is None:
        return unknown()
    tail = f'<span class="unit">{escape(unit)}</span>' if unit else ""
    return mark_safe(f'<span class="num">{display.number(value, digits)}{tail}</span>')


def percent(ratio: float | None, digits: int = 0) -> SafeString:
    """A ratio 0..1 as a percentage."""
    if ratio is None:
        return unknown()
    return mark_safe(f'<span class="num">{escape(display.percent(ratio, digits))}</span>')


def day(value: dt.date | dt.datetime | None) -> SafeString:
    """A date as 21 Nov 2026, machine-readable in the element."""
    if value is None:
        return unknown()
    iso = value.date() if isinstance(value, dt.datetime) else value
    return mark_safe(f'<time class="num" datetime="{iso.isoformat()}">{display.day(value)}</time>')


@lru_cache(maxsize=1024)
def avatar(name: str) -> SafeString:
    """Initials in a disc; decoration, so the name must stand beside it."""
    # A stable ground out of six, so that a colleague keeps a colour over all pages.
    ground = sum(name.encode()) % 6
    letters = escape(display.initials(name))
    return mark_safe(f'<span class="avatar-i ground-{ground}" aria-hidden="true">{letters}</span>')


@lru_cache(maxsize=1024)
def owner(name: str) -> SafeString:
    """A colleague's avatar and name; a dash for nobody."""
    if not name:
        return unknown("no owner")
    return mark_safe(f'<span class="owner">{avatar(name)}<span>{escape(name)}</span></span>')


def link(url: str, text: str, detail: str = "") -> SafeString:
    """A row's name as a link, with a quieter second part."""
    tail = f'<span class="detail">{escape(detail)}</span>' if detail else ""
    return mark_safe(f'<a class="row-link" href="{escape(url)}">{escape(text)}</a>{tail}')
