"""Every component in its states, on one page for staff. All figures on it are made up."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field

import django_tables2 as tables
from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe

from csm.lib import display, markup

AS_OF = dt.date(2026, 11, 21)
BANDS = [("Low", "poor", 0, 50), ("Medium", "fair", 50, 80), ("High", "good", 80, 100)]
SIZES = ["Small Business", "Mid-Market", "Large", "Enterprise"]

Cell = tuple[str, str]


def _band(score: float | None) -> tuple[str, str]:
    if score is None:
        return "Unknown", "unknown"
    return next((name, tone) for name, tone, low, high in reversed(BANDS) if score >= low)


@dataclass(frozen=True)
class Row:
    """A prepared row of `components/table.html`."""

    id: str
    url: str
    name: str
    cells: list[Cell] = field(default_factory=list)


class SampleTable(tables.Table):
    """Declares columns and order; the rows are prepared beside it."""

    account = tables.Column()
    score = tables.Column(attrs={"th": {"class": "r"}})
    band = tables.Column(orderable=False)
    change = tables.Column("30 days", attrs={"th": {"class": "r"}})
    trend = tables.Column(orderable=False)
    driver = tables.Column("Top driver", orderable=False)
    arr = tables.Column("ARR", attrs={"th": {"class": "r"}})
    renewal = tables.Column()
    owner = tables.Column()
    coverage = tables.Column()


class SampleFilter:
    """Stands in for a FilterSet: the bar only reads its form."""

    class form_class(forms.Form):
        q = forms.CharField(
            label="Name or id",
            required=False,
            widget=forms.TextInput(attrs={"placeholder": "Find an account"}),
        )
        band = forms.ChoiceField(choices=[("", "Any band"), *((b[0], b[0]) for b in BANDS)])
        industry = forms.ChoiceField(choices=[("", "Any industry"), ("sw", "Software")])
        size = forms.ChoiceField(choices=[("", "Any size"), *((s, s) for s in SIZES)])

    @property
    def form(self) -> forms.Form:
        return self.form_class(initial={"band": "Low"})


ACCOUNTS: list[tuple[str, str, float | None, float | None, str, int | None, str, float]] = [
    ("Brightwater Logistics", "Transport · Enterprise", 31.2, -8.4, "No activity for 41 days",
     48_200_000_00, "Maya Lindqvist", 0.95),
    ("Kestrel & Sons", "Retail · Mid-Market", 46.9, -2.1, "1 of 6 contacts has an e-mail",
     1_240_000_00, "Tom Okafor", 1.0),
    ("Østerbro Energi", "Energy · Large", 63.4, 0.0, "Activities below half of peers",
     9_870_000_00, "Maya Lindqvist", 0.78),
    ("Halden Biotech", "Healthcare · Large", 71.8, 3.6, "Pipeline without next step",
     22_500_000_00, "Ines Carvalho", 0.9),
    ("Juniper Street Media", "Media · Small Business", 84.5, 1.2, "Few contacts known",
     310_000_00, "Tom Okafor", 1.0),
    ("Copperline Insurance", "Finance · Enterprise", 91.0, 4.9, "Nothing stands out",
     131_000_000_00, "Ines Carvalho", 0.97),
    ("Fjordline", "Transport · Mid-Market", None, None, "Less than half of the data arrived",
     None, "", 0.32),
]  # fmt: skip


def _trend(score: float | None, change: float | None) -> list[float | None]:
    if score is None or change is None:
        return [None] * 12
    wave = [score - change * (11 - i) / 11 + 1.8 * math.sin(i * 1.7) for i in range(12)]
    return [None if i in (3, 4) and change == 0 else p for i, p in enumerate(wave)]


def _rows() -> list[Row]:
    rows = []
    for index, (name, kind, score, change, driver, arr, owner, share) in enumerate(ACCOUNTS):
        band, tone = _band(score)
        cells: list[Cell] = [
            ("", markup.link("#", name, kind)),
            ("r", markup.score(score)),
            ("", markup.band(band, tone, plain=True)),
            ("r", markup.delta(change, period="over 30 days")),
            ("", markup.sparkline(_trend(score, change), tone=tone)),
            ("clip", driver),
            ("r", markup.money(arr)),
            ("", markup.day(AS_OF + dt.timedelta(days=17 + 23 * index))),
            ("", markup.owner(owner)),
            ("", markup.coverage(share)),
        ]
        rows.append(Row(f"A-{1040 + index}", "#", name, cells))
    return rows


def _measures() -> list[list[Cell]]:
    lines: list[tuple[str, str, float | None, float, int | None]] = [
        ("Activities in 30 days", "4", 6.2, 20, 1),
        ("Days since last activity", "41 days", 3.1, 20, 1),
        ("Contacts with e-mail", "5 of 6", 25.0, 30, 3),
        ("Annual revenue", "$48.2M", 4.4, 10, 12),
        ("Won amount", "", None, 10, None),
    ]
    return [
        [
            ("", name),
            ("r", value or markup.unknown("no data")),
            ("r", markup.unknown("no data") if got is None else markup.number(got, 1)),
            (
                "r",
                markup.unknown("no data") if got is None else markup.number(weight - got, 1),
            ),
            ("r", markup.number(weight)),
            ("", markup.points_bar(got, weight, 30)),
            (
                "r quiet",
                markup.unknown("no data") if age is None else display.days(age),
            ),
        ]
        for name, value, got, weight, age in lines
    ]


def _heat() -> dict[str, object]:
    industries = [
        "Energy",
        "Finance",
        "Healthcare",
        "Media",
        "Retail",
        "Software",
        "Transport",
    ]
    rows = []
    for i, industry in enumerate(industries):
        cells: list[dict[str, object]] = []
        for j in range(len(SIZES)):
            n = 40 + 37 * ((i * 5 + j * 3) % 7)
            rate = min(0.98, max(0.03, 0.86 - 0.2 * j + 0.09 * math.sin(i * 2.1 + j)))
            none = (i, j) == (3, 3)
            level = None if none else round(rate * 10)
            cells.append(
                {
                    "level": level,
                    "value": display.percent(rate),
                    "n": display.number(n),
                    "url": "#",
                }
            )
        rows.append({"label": industry, "cells": cells})
    return {
        "corner": "Industry",
        "columns": SIZES,
        "rows": rows,
        "low": "0% high-risk",
        "high": "100%",
    }


def _histogram() -> dict[str, object]:
    bins = [
        {
            "label": f"{low}–{low + 5}",
            "count": round(900 * math.exp(-(((low - 47) / 19) ** 2))),
            "tone": _band(low)[1],
        }
        for low in range(0, 100, 5)
    ]
    return {
        "id": "g-histogram",
        "kind": "histogram",
        "label": "Number of accounts per five points of health score; most lie between 40 and 60.",
        "data": {"bins": bins, "x": "Health score", "y": "Accounts"},
        "headers": [("", "Score"), ("r", "Accounts")],
        "rows": [[("", b["label"]), ("r", display.number(int(str(b["count"]))))] for b in bins],
    }


def _line() -> dict[str, object]:
    points: list[dict[str, object]] = []
    for i in range(0, 181, 3):
        value = 74 - 0.19 * i + 4 * math.sin(i / 9) - (9 if i > 120 else 0)
        known = not 60 < i < 72
        points.append(
            {
                "x": str(AS_OF - dt.timedelta(days=180 - i)),
                "y": round(value, 1) if known else None,
            }
        )
    zones = [{"name": n, "tone": t, "low": lo, "high": hi} for n, t, lo, hi in BANDS]
    mark = {"x": str(AS_OF - dt.timedelta(days=60)), "label": "Version 3"}
    return {
        "id": "g-line",
        "kind": "line",
        "label": "Health over 180 days, falling from 74 to 31; version 3 took effect on 22 Sep.",
        "data": {
            "points": points, "name": "Health", "min": 0, "max": 100, "zones": zones,
            "marks": [mark],
        },
        "headers": [("", "Day"), ("r", "Health")],
        "rows": [
            [("", str(p["x"])), ("r", markup.unknown("no data") if p["y"] is None else str(p["y"]))]
            for p in points
        ],
    }  # fmt: skip


def _stacked() -> dict[str, object]:
    shares = {
        "Low": [58, 49, 34, 22],
        "Medium": [30, 36, 42, 45],
        "High": [12, 15, 24, 33],
    }
    return {
        "id": "g-stacked",
        "kind": "stacked",
        "label": "Share of accounts per band by size; the low band shrinks with size.",
        "data": {
            "labels": SIZES,
            "series": [{"name": n, "tone": t, "values": shares[n]} for n, t, *_ in BANDS],
            "share": True,
            "y": "Share of accounts",
        },
        "headers": [("", "Size"), *(("r", n) for n, *_ in BANDS)],
        "rows": [
            [("", size), *(("r", f"{shares[n][i]}%") for n, *_ in BANDS)]
            for i, size in enumerate(SIZES)
        ],
    }


def _hbar() -> dict[str, object]:
    data = [(a[0], a[5] // 100) for a in ACCOUNTS if a[5] is not None]
    data.sort(key=lambda pair: -pair[1])
    return {
        "id": "g-hbar",
        "kind": "hbar",
        "label": "Predicted six-month revenue of the six largest accounts.",
        "data": {
            "labels": [n for n, _ in data],
            "values": [v for _, v in data],
            "name": "Predicted",
            "x": "USD in six months",
        },
        "headers": [("", "Account"), ("r", "Predicted")],
        "rows": [[("", n), ("r", markup.money(v * 100))] for n, v in data],
    }


def _scatter() -> dict[str, object]:
    points = []
    for i in range(140):
        x = 10 ** (4.5 + 3.4 * ((i * 37) % 101) / 101)
        y = max(2.0, min(98.0, 50 + 24 * math.sin(i * 1.3) + 5 * math.log10(x) - 30))
        points.append({"x": round(x), "y": round(y, 1), "name": f"A-{i}", "tone": _band(y)[1]})
    return {
        "id": "g-scatter",
        "kind": "scatter",
        "label": "Health against ARR for 140 accounts; the shape of a mark repeats its band.",
        "data": {
            "points": points,
            "x": "ARR, USD (log)",
            "y": "Health score",
            "logx": True,
        },
        "headers": [("", "Account"), ("r", "ARR"), ("r", "Health")],
        "rows": [
            [
                ("", str(p["name"])),
                ("r", markup.money(int(str(p["x"])) * 100)),
                ("r", str(p["y"])),
            ]
            for p in points[:12]
        ],
    }


def _matrix() -> dict[str, object]:
    counts = {
        "Low": [1900, 1704, 981, 547],
        "Medium": [804, 1102, 1180, 785],
        "High": [60, 184, 291, 347],
    }
    cells = [
        {"x": size, "y": name, "v": row[i], "n": row[i]}
        for name, row in counts.items()
        for i, size in enumerate(SIZES)
    ]
    return {
        "id": "g-matrix",
        "kind": "matrix",
        "label": "Accounts per band and size; most low ones are small businesses.",
        "data": {"columns": SIZES, "rows": list(counts), "cells": cells, "name": "Accounts"},
        "headers": [("", "Band"), *(("r", size) for size in SIZES)],
        "rows": [
            [("", name), *(("r", display.number(n)) for n in row)] for name, row in counts.items()
        ],
        "size": "low",
    }


def _split() -> tuple[SafeString, list[dict[str, object]]]:
    counts = [("Low", "poor", 5132), ("Medium", "fair", 3871), ("High", "good", 882),
              ("Unknown", "unknown", 115)]  # fmt: skip
    legend = [
        {"name": n, "tone": t, "count": c, "share": c / 10_000, "url": "#"} for n, t, c in counts
    ]
    return markup.split_bar(counts, "Accounts per band"), legend


def gallery(request: HttpRequest) -> HttpResponse:
    """The component gallery; 404 for colleagues without staff rights."""
    if not request.user.is_staff:
        raise Http404
    for level, text in (
        (
            messages.SUCCESS,
            "Night of 21 Nov finished: 10,000 accounts scored in 3.1 s.",
        ),
        (messages.WARNING, "Usage data is 4 days old; its measures are frozen."),
        (
            messages.ERROR,
            "Weights add up to 90. Add 10 to a component before publishing.",
        ),
    ):
        messages.add_message(request, level, text)
    split, legend = _split()
    context = {
        "as_of_day": AS_OF,
        "bands": BANDS,
        "short_bands": [
            ("Critical", "poor", 0, 50), ("At-Risk", "fair", 50, 70), ("Healthy", "good", 70, 90),
            ("Thriving", "good", 90, 100),
        ],
        "split": split,
        "legend": legend,
        "delta_down": markup.delta(-1.4, period="over 7 days"),
        "delta_up": markup.delta(2.3, unit="%", period="over 7 days", good="down"),
        "action": mark_safe('<button class="btn" type="button">Export CSV</button>'),
        "table": SampleTable([], order_by="score"),
        "rows": _rows(),
        "measures_headers": [
            ("", "Measure"), ("r", "Value"), ("r", "Earned"), ("r", "Lost"), ("r", "Weight"),
            ("", "Points"), ("r", "Data age"),
        ],
        "measures": _measures(),
        "measures_foot": [("", "Activity 40, contacts 30, value 20"), ("", ""), ("r", "38.7"),
                          ("r", "41.3"), ("r", "90"), ("", ""), ("", "")],
        "filter": SampleFilter(),
        "chips": [{"label": "Band: Low", "remove_url": "?"}, {"label": "Owner: me", "remove_url": "?"}],
        "pager": {"first": 26, "last": 50, "total": 5132, "prev_url": "?page=1", "next_url": "?page=3"},
        "heat": _heat(),
        "charts": [_histogram(), _stacked(), _hbar(), _scatter(), _matrix()],
        "line": _line(),
        "tabs": [
            {"label": "Overview", "url": "#", "active": True},
            {"label": "Health", "url": "#", "active": False},
            {"label": "Contacts", "url": "#", "active": False, "count": 6},
        ],
        "crumbs": [{"label": "Portfolio", "url": "#"}, {"label": "Brightwater Logistics", "url": ""}],
        "trend": _trend(46.9, -9.0),
        "gaps": [60, 61, None, None, 66, 64, 70, 71],
    }  # fmt: skip
    return render(request, "gallery.html", context)
