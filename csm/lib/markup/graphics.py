"""Small drawings as SVG: gauge, sparkline, points, coverage. Sizes are attributes, never styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import cos, pi, sin
from typing import NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display
from csm.lib.markup.figures import TONES, shape

# A flat line must look flat: fewer points than this of movement are not stretched to full height.
LEAST_SPAN = 10.0


class Band(NamedTuple):
    """One band of a scorecard on 0..100, half-open `[low, high)`."""

    name: str
    tone: str
    low: float
    high: float


def _arc(cx: float, cy: float, r: float, start: float, stop: float) -> str:
    """The path of an arc over the upper half; 0 is the left end, 100 the right one."""
    a, b = pi * (1 - start / 100), pi * (1 - stop / 100)
    return (
        f"M{cx + r * cos(a):.2f} {cy - r * sin(a):.2f}"
        f"A{r} {r} 0 0 1 {cx + r * cos(b):.2f} {cy - r * sin(b):.2f}"
    )


def gauge(
    value: float | None,
    band_name: str,
    tone: str,
    bands: Iterable[Sequence[object]] = (),
    top: float = 100,
    label: str = "Health",
) -> SafeString:
    """A half ring: score 0..100 shown on 0..`top`, band word, band limits as an outer rim.

    `bands` are (name, tone, low, high). With no value the ring is dashed and says Unknown.
    """
    tone = tone if value is not None and tone in TONES else "unknown"
    cx, cy = 90.0, 92.0
    parts = []
    for each in bands:
        limits = Band(*each)  # type: ignore[arg-type]
        low, high = max(limits.low, 0.0), min(limits.high, 100.0)
        edge = "fill-" + (limits.tone if limits.tone in TONES else "unknown")
        # A hair of space between neighbours shows where a band begins.
        parts.append(
            f'<path class="g-rim {edge}" d="{_arc(cx, cy, 82, low + 0.8, high - 0.8)}">'
            f"<title>{escape(limits.name)} {display.score(low, top)}–{display.score(high, top)}"
            "</title></path>"
        )
    dashed = ' stroke-dasharray="3 5"' if value is None else ""
    parts.append(f'<path class="g-track" d="{_arc(cx, cy, 69, 0, 100)}"{dashed}/>')
    if value is not None:
        shown = min(max(value, 0.6), 100.0)
        parts.append(f'<path class="g-value fill-{tone}" d="{_arc(cx, cy, 69, 0, shown)}"/>')
    figure = "Unknown" if value is None else display.score(value, top)
    size = "g-figure g-none" if value is None else "g-figure"
    scale = display.number(top)
    said = (
        f"{label} unknown: not enough data"
        if value is None
        else f"{label} {figure} of {scale}, {band_name}"
    )
    return mark_safe(
        f'<figure class="gauge tone-{tone}"><svg viewBox="0 0 180 104" width="180" height="104" '
        f'role="img" aria-label="{escape(said)}">{"".join(parts)}'
        f'<text class="{size}" x="90" y="86" text-anchor="middle">{escape(figure)}</text>'
        f'<text class="g-end" x="21" y="103" text-anchor="middle">0</text>'
        f'<text class="g-end" x="159" y="103" text-anchor="middle">{scale}</text></svg>'
        f'<figcaption class="band tone-{tone}">{shape(tone)}{escape(band_name)}</figcaption>'
        "</figure>"
    )


def sparkline(
    points: Sequence[float | None],
    label: str = "",
    tone: str = "",
    width: int = 72,
    height: int = 20,
) -> SafeString:
    """A line over equally spaced `points`, oldest first; None is a gap, never a zero.

    Without a `label` it is decoration beside figures that say the same.
    """
    known = [p for p in points if p is not None]
    role = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    css = f" tone-{tone}" if tone in TONES else ""
    head = (
        f'<svg class="spark{css}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" {role}>'
    )
    if not known:
        mid = height / 2
        return mark_safe(
            f'{head}<path class="spark-none" d="M2 {mid}H{width - 2}" stroke-dasharray="2 3"/></svg>'
        )
    low, high = min(known), max(known)
    spare = max(LEAST_SPAN - (high - low), 0) / 2
    low, span = low - spare, (high - low) + 2 * spare
    step = (width - 6) / max(len(points) - 1, 1)
    path, pen = [], "M"
    x = y = 0.0
    for index, point in enumerate(points):
        if point is None:
            pen = "M"
            continue
        x, y = 3 + index * step, height - 3 - (point - low) / span * (height - 6)
        path.append(f"{pen}{x:.1f} {y:.1f}")
        pen = "L"
    return mark_safe(
        f'{head}<path d="{"".join(path)}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="1.75"/></svg>'
    )


def points_bar(earned: float | None, weight: float, most: float | None = None) -> SafeString:
    """Points earned out of `weight`, drawn to the scale of the heaviest line `most`.

    The solid part is earned, the pale part lost; a dashed frame says that nothing is known.
    """
    full = 120 * weight / (most or weight or 1)
    if earned is None:
        said = f"no data; would count up to {display.number(weight, 1)} points"
        inner = f'<rect class="p-none" x=".5" y="1.5" width="{max(full - 1, 1):.1f}" height="7" rx="2"/>'
    else:
        got = full * earned / weight if weight else 0.0
        said = (
            f"{display.number(earned, 1)} of {display.number(weight, 1)} points earned, "
            f"{display.number(weight - earned, 1)} lost"
        )
        inner = (
            f'<rect class="p-lost" y="1" width="{full:.1f}" height="8" rx="2"/>'
            f'<rect class="p-got" y="1" width="{got:.1f}" height="8" rx="2"/>'
        )
    return mark_safe(
        '<svg class="points" viewBox="0 0 120 10" width="120" height="10" role="img" '
        f'aria-label="{escape(said)}">{inner}</svg>'
    )


def coverage(ratio: float | None, least: float = 0.5, of: str = "weight") -> SafeString:
    """Share of the `of` (spoken) that has usable data, as five blocks and a figure; low is marked."""
    filled = 0 if ratio is None else round(ratio * 5)
    low = ratio is None or ratio < least
    blocks = "".join(
        f'<rect class="{"c-on" if i < filled else "c-off"}" x="{i * 7}" y="1" width="5.5" '
        'height="8" rx="1"/>'
        for i in range(5)
    )
    figure = escape(display.percent(ratio))
    note = " below minimum" if low else ""
    return mark_safe(
        f'<span class="coverage{" is-low" if low else ""}"><svg viewBox="0 0 35 10" width="35" '
        f'height="10" aria-hidden="true">{blocks}</svg><span class="num">{figure}</span>'
        f'<span class="visually-hidden"> of {escape(of)} has data{note}</span></span>'
    )


def split_bar(parts: Iterable[Sequence[object]], label: str) -> SafeString:
    """One bar split by band: `parts` are (name, tone, count). Needs a legend with the counts."""
    rows = [(str(n), str(t), float(c)) for n, t, c in parts]  # type: ignore[arg-type]
    total = sum(count for *_, count in rows)
    shown = [row for row in rows if row[2] > 0]
    x, cells = 0.0, []
    for index, (name, tone, count) in enumerate(shown, 1):
        width = 1000 * count / total
        css = tone if tone in TONES else "unknown"
        gap = 0 if index == len(shown) else 3
        cells.append(
            f'<rect class="fill-{css}" x="{x:.1f}" width="{max(width - gap, 1):.1f}" height="10">'
            f"<title>{escape(name)}: {display.number(count)}</title></rect>"
        )
        x += width
    said = ", ".join(f"{name} {display.number(count)}" for name, _, count in rows)
    return mark_safe(
        '<svg class="split" viewBox="0 0 1000 10" preserveAspectRatio="none" height="10" '
        f'role="img" aria-label="{escape(label)}: {escape(said)}">{"".join(cells)}</svg>'
    )
