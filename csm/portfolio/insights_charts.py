"""The pictures of the insights page: chart data beside the table that says the same."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from csm.lib import display, markup
from csm.portfolio import insights_selectors as select
from csm.portfolio.insights_figures import Figures
from csm.portfolio.insights_selectors import BIN, UNKNOWN, UNKNOWN_AS_BAND, Band, Tally
from csm.portfolio.insights_tables import Table

# What to aim for, in one line: tone of the band, column of the strategy table.
FOCUS = {
    ("good", "Small Business"): "Keep it light: referrals, prepaid terms, tips inside the product.",
    ("good", "Mid-Market"): "Review results together, know more people, offer the bundle.",
    (
        "good",
        "Large & Enterprise",
    ): "Align the executives, plan a multi-year renewal, win a reference.",
    ("fair", "Small Business"): "Train in groups and bring in more users.",
    ("fair", "Mid-Market"): "Agree usage goals, show the return, open another department.",
    ("fair", "Large & Enterprise"): "Renew the business case and run adoption sprints.",
    ("poor", "Small Business"): "Win use back quickly: weekly outreach, fast support.",
    ("poor", "Mid-Market"): "Find the cause, rebuild contacts, pilot a quick win.",
    ("poor", "Large & Enterprise"): "Bring in executives and agree a written way back.",
}
# More bars than this run into each other.
MOST_BARS = 45
NO_FOCUS = "Complete the data first: nobody can judge these yet."


def _chart(
    table: Table, kind: str, label: str, data: dict[str, Any], size: str = ""
) -> dict[str, Any]:
    return {
        "id": f"chart-{table.slug}",
        "kind": kind,
        "label": label,
        "data": data,
        "headers": table.headers,
        "rows": table.cells,
        "size": size,
    }


def distribution(figures: Figures, table: Table) -> dict[str, Any]:
    """Histogram; a bin that holds two bands (scorecards with other limits) shows each beside the other."""
    shown = []
    found = {(each.low, each.band): each.accounts for each in figures.spread.bins}
    lows = sorted({low for low, _ in found}) or [0]
    for low in range(lows[0], lows[-1] + BIN, BIN):
        inside = [(band, n) for (at, band), n in found.items() if at == low]
        for band, n in inside or [(UNKNOWN_AS_BAND, 0)]:
            shown.append({"label": _range(figures, low), "count": n, "tone": band.tone})
    data = {"bins": shown, "x": f"Health score, 0–{display.number(figures.top)}", "y": "Accounts"}
    spread = figures.spread
    label = f"Histogram of {spread.scored:,} health scores in bins of {BIN} points"
    return _chart(table, "histogram", label, data)


def _range(figures: Figures, low: int) -> str:
    scale = figures.top / 100
    digits = 0 if float(BIN * scale).is_integer() else 1
    return f"{display.number(low * scale, digits)}–{display.number((low + BIN) * scale, digits)}"


def history(figures: Figures, table: Table) -> dict[str, Any]:
    """Share of each band; over a long time a bar a week up to the newest night, the table has every night."""
    nights = figures.history
    step = 7 if len(nights) > MOST_BARS else 1
    drawn = nights[(len(nights) - 1) % step :: step]
    bands = sorted(
        {band for night in nights for band in night.bands},
        key=lambda band: (band.place < 0, band.place),
    )
    series = [
        {
            "name": band.name,
            "tone": band.tone,
            "values": [
                round(100 * night.bands.get(band, 0) / night.accounts, 2) for night in drawn
            ],
        }
        for band in bands
    ]
    data = {
        "labels": [display.day(night.as_of) for night in drawn],
        "series": series,
        "x": "",
        "y": "Share of accounts",
        "share": True,
    }
    label = f"Share of accounts per band on {len(drawn)} of {len(nights)} nights"
    rows = [
        [
            ("", display.day(night.as_of)),
            ("r", markup.number(night.accounts)),
            *(
                ("r", markup.percent(night.bands.get(band, 0) / night.accounts, 1))
                for band in bands
            ),
        ]
        for night in reversed(nights)
    ]
    headers = [("", "Night"), ("r", "Accounts"), *(("r", band.name) for band in bands)]
    return _chart(table, "stacked", label, data) | {
        "headers": headers,
        "rows": rows,
        "is_weekly": step > 1,
    }


def heat_map(figures: Figures) -> dict[str, Any]:
    """Share and n per cell; a cell opens its high-risk accounts, or all of them when there are none."""
    matrix = figures.matrix
    rows = []
    for industry in matrix.industries:
        cells: list[dict[str, Any]] = []
        for size in matrix.sizes:
            tally = matrix.cells.get((industry, size))
            cells.append(_cell(figures, industry, size, tally) if tally else {"level": None})
        rows.append({"label": industry or UNKNOWN, "cells": cells})
    return {
        "corner": "Industry",
        "columns": [size or UNKNOWN for size in matrix.sizes],
        "rows": rows,
        "low": "0%",
        "high": "100% high risk",
    }


def _cell(figures: Figures, industry: str, size: str, tally: Tally) -> dict[str, Any]:
    wanted: dict[str, Any] = {"industry": figures.param(industry), "size": figures.param(size)}
    if tally.high_risk:
        wanted["band"] = figures.high_risk_bands
    n = f"{tally.judged:,}"
    if tally.rate is None:
        return {"level": 0, "value": UNKNOWN, "n": 0, "url": figures.list_of(**wanted)}
    if tally.judged < select.SMALL_N:
        n += " · few"
    return {
        "level": round(tally.rate * 10),
        "value": display.percent(tally.rate, 1),
        "n": n,
        "url": figures.list_of(**wanted),
    }


def strategy(figures: Figures) -> dict[str, Any]:
    """Counts with links and a line of advice per cell, as headers and rows of a simple table."""
    found = select.strategy_matrix(figures.segments)
    columns = list(select.STRATEGY_SIZES)
    if any(size == UNKNOWN for _, size in found):
        columns.append(UNKNOWN)
    rows = []
    for band in figures.bands:
        cells: list[tuple[str, Any]] = [("", markup.band(band.name, band.tone))]
        for size in columns:
            tally = found.get((band, size))
            cells.append(("wrap", _strategy_cell(figures, band, size, tally)))
        rows.append(cells)
    return {"headers": [("", "Band"), *(("", size) for size in columns)], "rows": rows}


def _strategy_cell(figures: Figures, band: Band, size: str, tally: Tally | None) -> Any:
    if tally is None:
        return markup.unknown("no accounts")
    sizes = select.STRATEGY_SIZES.get(size) or _other_sizes(figures)
    url = figures.list_of(band=band.name, size=[figures.param(each) for each in sizes])
    focus = NO_FOCUS if band.place < 0 else FOCUS.get((band.tone, size), "Enter the size first.")
    return format_html(
        '<a class="row-link" href="{}">{}<span class="visually-hidden"> accounts, {}, {}</span></a> '
        '<span class="quiet small">{}</span><span class="detail">{}</span>',
        url,
        display.number(tally.accounts),
        band.name,
        size,
        f"{display.money(tally.arr_sum, figures.currency)} ARR"
        if tally.arr_known
        else "ARR unknown",
        focus,
    )


def _other_sizes(figures: Figures) -> list[str]:
    named = {size for sizes in select.STRATEGY_SIZES.values() for size in sizes}
    return [size for size in figures.matrix.sizes if size not in named]


def tiers(figures: Figures, table: Table) -> dict[str, Any]:
    """Predicted revenue per tier."""
    known = {tier: tally for tier, tally in figures.tiers.items() if tally.predicted_known}
    data = {
        "labels": [f"Tier {tier}" if tier else UNKNOWN for tier in known],
        "values": [
            display.major_units(tally.predicted, figures.currency) for tally in known.values()
        ],
        "name": "Predicted six-month revenue",
        "x": figures.currency,
        "urls": [figures.list_of(tier=figures.param(tier)) for tier in known],
    }
    return _chart(table, "hbar", "Predicted six-month revenue by tier", data, "low")


def revenue_by_industry(figures: Figures, table: Table) -> dict[str, Any]:
    """Predicted revenue per industry."""
    known = [
        (row, url) for row, url in zip(table.rows, table.urls, strict=True) if row[2] is not None
    ]
    data = {
        "labels": [row[0] for row, _ in known],
        "values": [display.major_units(row[2], figures.currency) for row, _ in known],
        "name": "Predicted six-month revenue",
        "x": figures.currency,
        "urls": [url for _, url in known],
    }
    return _chart(table, "hbar", "Predicted six-month revenue by industry", data)


def scatter(figures: Figures, table: Table) -> dict[str, Any]:
    """A sample of the accounts; the table beside it is of all."""
    # A thousand addresses: one is made, the others differ by the number in it.
    before, after = reverse("account", args=[0]).rsplit("0", 1)
    points = [
        {
            "x": display.major_units(each.predicted, figures.currency),
            "y": round(each.score * figures.top / 100, 2),
            "name": each.name,
            "tone": each.tone,
            "url": f"{before}{each.pk}{after}",
        }
        for each in figures.points
        if each.predicted > 0  # a logarithmic axis has no zero
    ]
    data = {
        "points": points,
        "x": f"Predicted six-month revenue, {figures.currency} (logarithmic)",
        "y": f"Health score, 0–{display.number(figures.top)}",
        "logx": True,
    }
    label = f"Health score against predicted revenue of {len(points):,} accounts"
    return _chart(table, "scatter", label, data, "tall")


def health(figures: Figures, table: Table, groups: Mapping[Any, Tally]) -> dict[str, Any]:
    """Headers and rows: the table with its band shares drawn as a bar."""
    plain = 4  # name, accounts, mean, high risk; what follows are the shares
    rows = []
    for cells, (name, tally) in zip(table.cells, groups.items(), strict=True):
        parts = [(band.name, band.tone, tally.bands.get(band, 0)) for band in figures.bands]
        rows.append(
            [*cells[:plain], ("split-cell", markup.split_bar(parts, f"Bands of {name or UNKNOWN}"))]
        )
    return {"headers": [*table.headers[:plain], ("", "Bands")], "rows": rows}


def segments(table: Table) -> dict[str, Any]:
    """Headers and rows: industry and size in one cell, without the columns the file has besides."""
    kept = slice(2, 5)
    rows = [
        [("", markup.link(url, str(row[0]), str(row[1]))), *cells[kept], cells[6]]
        for row, cells, url in zip(table.rows, table.cells, table.urls, strict=True)
    ]
    return {"headers": [("", "Segment"), *table.headers[kept], table.headers[6]], "rows": rows}
