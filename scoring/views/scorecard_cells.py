"""Rows of the scorecard pages, prepared so that templates only place them."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.html import format_html

from csm.lib import display, markup
from scoring import wording
from scoring.engine.spec import Measure, ScorecardSpec
from scoring.engine.statistics import Stats
from scoring.scorecard_selectors import Listed
from scoring.services.versions import published_spec

Cell = tuple[str, str]


def listed(row: Listed) -> list[Cell]:
    """A row of the list of scorecards."""
    card, active, scored = row.scorecard, row.active, row.scored
    spec = published_spec(active.pk) if active else None
    top = spec.display.scale_max if spec else 100
    split = (
        markup.split_bar(scored.split, f"Accounts per band of {card.name}")
        if scored.accounts
        else ""
    )
    counts = ", ".join(f"{name} {display.number(count)}" for name, _, count in scored.split)
    return [
        ("wrap", markup.link(reverse("scorecard", args=[card.key]), card.name, card.description)),
        ("wrap", wording.scope(spec.scope, is_default=card.is_default) if spec else "Nothing yet"),
        ("", _state(row)),
        (
            "",
            format_html(
                'v{}<span class="detail">{}{}</span>',
                active.number,
                display.day(active.published_at),
                f" · {active.published_by}" if active.published_by else "",
            )
            if active
            else markup.unknown("no published version"),
        ),
        ("r", markup.number(scored.accounts)),
        ("r", markup.score(scored.mean, top)),
        (
            "split-cell",
            format_html('{}<span class="detail">{}</span>', split, counts) if split else "",
        ),
    ]


def _state(row: Listed) -> str:
    words = []
    if row.scorecard.is_default:
        words.append("Default")
    elif row.scorecard.is_active:
        words.append("Active")
    else:
        words.append("Not in use")
    if row.draft:
        words.append("Draft open")
    return format_html("{}", " · ".join(words))


def components(
    spec: ScorecardSpec, stats: Stats | None, clipped: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Components with their measures as rows of words and figures."""
    return [
        {
            "label": component.label,
            "weight": wording.plain(component.weight, 2),
            "lights": ", ".join(
                f"{light.name} from {wording.plain(light.low)}" for light in component.bands
            ),
            "rows": [
                _measure(component.weight, component.measures, measure, stats, clipped)
                for measure in component.measures
            ],
        }
        for component in spec.components
    ]


def _measure(
    weight: float,
    siblings: tuple[Measure, ...],
    measure: Measure,
    stats: Stats | None,
    clipped: Mapping[str, int],
) -> list[Cell]:
    whole = sum(other.weight for other in siblings) or 1.0
    told = wording.metric_definition(measure.metric)
    if measure.description:
        told = f"{measure.description} {told}"
    entry = stats.measures.get(measure.key) if stats else None
    # A scorecard knows no currency: limits stand in plain figures of the book's own.
    low, high = (None, None) if entry is None else (entry.minimum, entry.maximum)
    empty = markup.unknown("no night with this version yet") if entry is None else ""
    return [
        (
            "wrap",
            format_html(
                '{}{}<span class="measure-note">{}</span>',
                measure.label,
                markup.defn(told),
                f"{measure.metric} / {measure.denominator}"
                if measure.denominator
                else measure.metric,
            ),
        ),
        (
            "r",
            format_html(
                '{} <span class="detail">{} of it</span>',
                f"{wording.plain(weight * measure.weight / whole, 2)}%",
                f"{wording.plain(measure.weight * 100, 1)}%",
            ),
        ),
        ("wrap", wording.normaliser(measure)),
        ("wrap", wording.missing(measure)),
        ("r", empty or (wording.limit(measure.metric, low) if low is not None else "")),
        ("r", empty or (wording.limit(measure.metric, high) if high is not None else "")),
        ("r", empty or display.number(entry.count if entry else None)),
        ("r", empty or display.number(entry.missing if entry else None)),
        ("r", empty or display.number(clipped.get(measure.key, 0))),
    ]


def bands(spec: ScorecardSpec) -> list[dict[str, Any]]:
    """Bands from low to high with their limits on 0–100 and on the display scale."""
    top = spec.display.scale_max
    return [
        {
            "word": markup.band(band.name, str(band.tone)),
            "low": wording.plain(band.low),
            "high": wording.plain(band.high),
            "shown": ""
            if top == 100
            else f"shown {display.score(band.low, top)}–{display.score(band.high, top)}",
        }
        for band in spec.bands
    ]
