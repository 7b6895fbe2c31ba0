"""The two charts of home, as components/chart.html takes them."""

from collections.abc import Sequence
from typing import Any

from csm.lib import display, markup
from csm.portfolio.home_selectors import Day
from scoring.models import ScoreRun
from scoring.selectors import specs_of

# More bars than this and none can be read.
_MOST_BARS = 30
_TONES = ("poor", "fair", "good", "unknown")


def mean_score(nights: Sequence[Day], run: ScoreRun) -> dict[str, Any]:
    """Mean score per night with the bands as grounds; the line breaks where another version took over."""
    specs = list(specs_of(run).values())
    # Grounds are only true when every scorecard of the night shares them, and so is the scale.
    same = len({(spec.bands, spec.display.scale_max) for spec in specs}) == 1
    top = specs[0].display.scale_max if same else 100.0
    zones = (
        [
            {
                "low": b.low * top / 100,
                "high": b.high * top / 100,
                "tone": str(b.tone),
                "name": b.name,
            }
            for b in specs[0].bands
        ]
        if same
        else []
    )
    points: list[dict[str, Any]] = []
    marks = []
    for before, night in zip([None, *nights], nights, strict=False):
        known = night.versions if before is None else before.versions
        new = [text for pk, text in night.versions.items() if pk not in known]
        if new:
            marks.append({"x": night.on.isoformat(), "label": ", ".join(new)})
            # A change of the scorecard must not be drawn as a change of the customers.
            points.append({"x": night.on.isoformat(), "y": None})
        mean = None if night.mean is None else round(night.mean * top / 100, 2)
        points.append({"x": night.on.isoformat(), "y": mean})
    last = nights[-1] if nights else None
    label = "Mean health score per night"
    if last is not None and last.mean is not None:
        label += (
            f", {display.score(last.mean, top)} of {display.number(top)} on {display.day(last.on)}"
        )
    if marks:
        label += "; " + ", ".join(f"{mark['label']} from {mark['x']}" for mark in marks)
    return {
        "id": "mean-score",
        "kind": "line",
        "label": f"{label}.",
        "data": {
            "points": points,
            "name": "Mean score",
            "min": 0,
            "max": top,
            "zones": zones,
            "marks": marks,
        },
        "headers": [("", "Night"), ("r", "Mean score"), ("r", "Accounts"), ("", "Scorecard")],
        "rows": [
            [
                ("", display.day(night.on)),
                ("r", markup.score(night.mean, top)),
                ("r", display.number(night.judged)),
                ("", ", ".join(night.versions.values())),
            ]
            for night in reversed(nights)
        ],
    }


def band_shares(nights: Sequence[Day]) -> dict[str, Any]:
    """Share of accounts per band, a bar for every night or, over a long time, every seventh."""
    step = 7 if len(nights) > _MOST_BARS else 1
    shown = list(reversed(list(reversed(nights))[::step]))
    bands = sorted(
        {band for night in shown for band in night.bands},
        key=lambda band: (_TONES.index(band[1]), band[0]),
    )
    totals = [sum(night.bands.values()) for night in shown]
    series = [
        {
            "name": name,
            "tone": tone,
            "values": [
                round(100 * night.bands.get((name, tone), 0) / total, 1) if total else None
                for night, total in zip(shown, totals, strict=True)
            ],
        }
        for name, tone in bands
    ]
    return {
        "id": "band-shares",
        "kind": "stacked",
        "label": "Share of accounts per band, "
        + ("week by week." if step == 7 else "night by night."),
        "data": {
            "labels": [f"{night.on.day} {night.on:%b}" for night in shown],
            "series": series,
            "share": True,
            "y": "Share of accounts",
        },
        "headers": [("", "Night"), *(("r", name) for name, _ in bands), ("r", "Accounts")],
        "rows": [
            [
                ("", display.day(night.on)),
                *(
                    ("r", markup.percent(night.bands.get(band, 0) / total if total else None))
                    for band in bands
                ),
                ("r", display.number(total)),
            ]
            for night, total in reversed(list(zip(shown, totals, strict=True)))
        ],
    }
