"""The two charts of home, as components/chart.html takes them."""

from collections.abc import Iterator, Sequence
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
    for night, new in _with_new_versions(nights):
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
            # The days between two weeks add length to the table and nothing to read.
            for night in _weekly(nights)[::-1]
        ],
    }


def band_shares(nights: Sequence[Day]) -> dict[str, Any]:
    """Share of accounts per band, a bar for every night or, over a long time, every seventh.

    An empty bar named after it stands where another version took over.
    """
    shown = _weekly(nights)
    # The newest night's order from low to high; a band only older nights knew joins its tone.
    named = dict.fromkeys(band for night in reversed(shown) for band in night.bands)
    bands = sorted(named, key=lambda band: _TONES.index(band[1]))
    bars: list[tuple[str, Day | None]] = []
    takeovers = []
    for night, new in _with_new_versions(shown):
        if new:
            takeovers.append(f"{', '.join(new)} took over before {display.day(night.on)}")
            bars.append((", ".join(new), None))
        bars.append((f"{night.on.day} {night.on:%b}", night))
    weekly = len(shown) < len(nights)
    label = "Share of accounts per band, " + ("week by week" if weekly else "night by night")
    return {
        "id": "band-shares",
        "kind": "stacked",
        "label": "; ".join([label, *takeovers]) + ".",
        "note": "; ".join(takeovers),
        "data": {
            "labels": [text for text, _ in bars],
            "series": [
                {
                    "name": band[0],
                    "tone": band[1],
                    "values": [_percent(night, band) for _, night in bars],
                }
                for band in bands
            ],
            "share": True,
            "y": "Share of accounts",
        },
        "headers": [("", "Night"), *(("r", name) for name, _ in bands), ("r", "Accounts")],
        "rows": [
            [
                ("", display.day(night.on)),
                *(("r", markup.percent(night.share(band))) for band in bands),
                ("r", display.number(night.accounts)),
            ]
            for night in reversed(shown)
        ],
    }


def _weekly(nights: Sequence[Day]) -> list[Day]:
    """Every seventh night back from the newest, or all of them when they are few."""
    step = 7 if len(nights) > _MOST_BARS else 1
    return list(nights)[::-1][::step][::-1]


def _percent(night: Day | None, band: tuple[str, str]) -> float | None:
    share = None if night is None else night.share(band)
    return None if share is None else round(100 * share, 1)


def _with_new_versions(nights: Sequence[Day]) -> Iterator[tuple[Day, list[str]]]:
    """Each night with the versions that score it and did not score the night before."""
    known = nights[0].versions if nights else {}
    for night in nights:
        yield night, [text for pk, text in night.versions.items() if pk not in known]
        known = night.versions
