"""An account's history on its page: sparkline, chart with its table, cells of the CSV."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from csm.lib import display, markup
from csm.portfolio.account_selectors import band_of
from scoring import wording
from scoring.services.explanations import Explained, Night


def trend(nights: Sequence[Night], explained: Explained) -> dict[str, Any]:
    """A sparkline of the last 180 days with its ends in words."""
    known = [night for night in nights if night.score is not None]
    top = explained.spec.display.scale_max
    if len(known) < 2:
        return {"svg": "", "text": "The line begins with the second night."}
    low, high = (
        pick(night.score for night in known if night.score is not None) for pick in (min, max)
    )
    text = (
        f"{len(known)} nights since {display.day(known[0].as_of)}, between {display.score(low, top)} "
        f"and {display.score(high, top)}"
    )
    if version_marks(nights):
        text += "; the line breaks where the scorecard changed"
    return {
        "svg": markup.sparkline(
            _line(nights),
            f"Health: {text}",
            explained.tone,
            width=260,
            height=48,
        ),
        "text": text,
    }


def _line(nights: Sequence[Night]) -> list[float | None]:
    """Scores on 0–100 for a sparkline, None where it breaks."""
    return [point["y"] for point in _points(nights, 100, judged=None)]


def _points(nights: Sequence[Night], top: float, *, judged: bool | None) -> list[dict[str, Any]]:
    """Chart points; `judged` picks nights with or without a band.

    The line breaks where nights are missing and where another version took over: a change of the
    scorecard must not look like one of the customer.
    """
    steps = [(after.as_of - before.as_of).days for before, after in pairwise(nights)]
    usual = median(steps) if steps else 1
    points: list[dict[str, Any]] = []
    before: Night | None = None
    for night in nights:
        if before is not None:
            if (night.as_of - before.as_of).days > usual * 1.5:
                gap = before.as_of + timedelta(days=1)
                points.append({"x": gap.isoformat(), "y": None})
            elif night.version_id != before.version_id:
                points.append({"x": night.as_of.isoformat(), "y": None})
        chosen = judged is None or judged == (night.band >= 0)
        score = night.score if chosen else None
        points.append(
            {
                "x": night.as_of.isoformat(),
                "y": None if score is None else round(score * top / 100, 2),
            }
        )
        before = night
    return points


def version_marks(nights: Sequence[Night]) -> list[dict[str, Any]]:
    """Nights on which another version took over: these are changes of the rule, not of the customer."""
    return [
        {
            "on": after.as_of,
            "label": f"v{after.number}" if before.scorecard == after.scorecard else after.version,
            "version": after.version,
            "note": after.note,
        }
        for before, after in pairwise(nights)
        if before.version_id != after.version_id
    ]


def history_chart(nights: Sequence[Night], explained: Explained) -> dict[str, Any] | None:
    """Score by night on the grounds of the bands, with a line where the version changed."""
    if len(nights) < 2:
        return None
    spec = explained.spec
    top = spec.display.scale_max
    zones = [
        {"name": name, "tone": tone, "low": low * top / 100, "high": high * top / 100}
        for name, tone, low, high in wording.bands(spec)
    ]
    marks = [
        {"x": mark["on"].isoformat(), "label": mark["label"]} for mark in version_marks(nights)
    ]
    shown = explained.snapshot.as_of
    if shown != nights[-1].as_of:
        marks.append({"x": shown.isoformat(), "label": "shown"})
    thin = [night for night in nights if night.band < 0 and night.score is not None]
    first, last = nights[0], nights[-1]
    said = (
        f"Health from {display.day(first.as_of)} ({display.score(first.score, top)}) to "
        f"{display.day(last.as_of)} ({display.score(last.score, top)})"
    )
    return {
        "id": "health-history",
        "kind": "line",
        "label": said,
        "data": {
            "points": _points(nights, top, judged=True),
            "name": "Health",
            "min": 0,
            "max": top,
            "zones": zones,
            "marks": marks,
            "more": [
                {"name": "Too little data to judge", "points": _points(nights, top, judged=False)}
            ]
            if thin
            else [],
        },
        "headers": [
            ("", "Night"),
            ("r", "Score"),
            ("", "Band"),
            ("r", "Coverage"),
            ("", "Version"),
        ],
        "rows": [
            [
                ("num", display.day(night.as_of)),
                ("r", markup.score(night.score, top)),
                ("", markup.band(*band_of(night), plain=True)),
                ("r", display.percent(night.coverage)),
                ("", night.version),
            ]
            for night in reversed(nights)
        ],
    }


def csv_number(value: float | None) -> str:
    """A figure for machines; empty is unknown."""
    return "" if value is None else f"{value:.6g}"
