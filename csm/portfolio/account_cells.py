"""Cells and rows of the account page, prepared so that its templates only place them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from csm.lib import display, markup
from scoring import wording
from scoring.engine.difference import CAUSES, Difference
from scoring.engine.explain import Line, display_points
from scoring.engine.spec import Measure
from scoring.models import BandChange
from scoring.services.explanations import Explained, Source, shown_points
from scoring.services.versions import published_spec

STALE_DAYS = 30
# The overview names the dearest lines only, the Health tab has all of them.
DEAREST = 3

Cell = tuple[str, str]


@dataclass(frozen=True)
class Group:
    """A component of the measures table with its own score, light, points and weight."""

    label: str
    score: SafeString
    light: SafeString
    earned: str
    lost: str
    weight: str
    rows: list[list[Cell]]


def gauge_of(explained: Explained) -> SafeString:
    """The gauge on the scorecard's display scale; an unjudged score keeps its figure in grey."""
    spec, told = explained.spec, explained.explanation
    return markup.gauge(
        told.score, told.band_name, explained.tone, wording.bands(spec), spec.display.scale_max
    )


def _shown(explained: Explained) -> list[tuple[Line, Measure, float | None, float | None, float]]:
    """(line, measure, earned, lost, weight) with figures that add up as shown."""
    told = explained.explanation
    points = shown_points(told)
    count = len(told.lines)
    earned: Sequence[float | None] = points.earned or [None] * count
    lost: Sequence[float | None] = points.lost or [None] * count
    return list(zip(told.lines, explained.spec.measures, earned, lost, points.weights, strict=True))


def component_rows(explained: Explained) -> list[list[Cell]]:
    """Component, its score, light, points, weight."""
    shown = _shown(explained)
    most = max((component.weight for component in explained.spec.components), default=1)
    rows: list[list[Cell]] = []
    for component in explained.spec.components:
        mine = [row for row in shown if row[0].component == component.key]
        earned, weight = _sum(row[2] for row in mine), _sum(row[4] for row in mine) or 0.0
        score = explained.explanation.component_scores[component.key]
        light = wording.light(component.bands, score)
        known = score is not None
        rows.append(
            [
                ("wrap", component.label),
                ("r", markup.number(score, 1) if known else markup.unknown("no data")),
                ("", markup.band(*light, plain=True) if light else ""),
                (
                    "",
                    markup.points_bar(
                        earned if known else None, weight or component.weight, max(most, weight)
                    ),
                ),
                ("r", markup.number(earned, 1) if known else markup.unknown("no data")),
                ("r quiet", display.number(weight, 1)),
            ]
        )
    return rows


def _sum(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 1) if known else None


def costs(explained: Explained, currency: str) -> list[dict[str, Any]]:
    """The measures that cost most points: label, value in words, points lost, what would be full."""
    lines = [row for row in _shown(explained) if row[3]]
    lines.sort(key=lambda row: -(row[3] or 0))
    return [
        {
            "label": line.label,
            "value": "no data" if line.missing else _value(line, measure, currency),
            "lost": display.number(lost, 1),
            "of": display.number(weight, 1),
            "how": wording.normaliser(measure, explained.stats.of(measure), currency),
        }
        for line, measure, _, lost, weight in lines[:DEAREST]
    ]


def _value(line: Line, measure: Measure, currency: str) -> str:
    text = wording.inputs_text(line.metric, measure.denominator, line.inputs, currency)
    unit = "" if text == display.MISSING else wording.unit(line.metric)
    return f"{text} {unit}".strip()


def difference_rows(found: Difference | None) -> dict[str, Any] | None:
    """Causes with their points, to one decimal and still adding up to the change shown."""
    if found is None or found.total is None:
        return None
    total = float(f"{found.total:.1f}")
    figures = display_points([found.parts[cause] for cause in CAUSES], total, 1)
    rows = []
    for cause, points in zip(CAUSES, figures, strict=True):
        moved = [change for change in found.changes if change.cause == cause]
        moved.sort(key=lambda change: -abs(change.points))
        named = ", ".join(
            f"{change.label} {display.signed(change.points)}"
            for change in moved[:3]
            if abs(change.points) >= 0.05
        )
        rows.append(
            {
                "label": wording.CAUSES[cause],
                "definition": wording.CAUSE_DEFINITIONS[cause],
                "points": markup.delta(points) if cause != "version" else _neutral(points),
                "measures": named,
            }
        )
    # A total with the scorecard's own change in it says nothing good or bad of the customer.
    mixed = abs(found.parts["version"]) >= 0.05
    return {"rows": rows, "total": _neutral(total) if mixed else markup.delta(total)}


def _neutral(points: float) -> SafeString:
    """A change of the scorecard is neither good nor bad for the customer: no colour."""
    return format_html('<span class="delta">{}</span>', display.signed(points))


def band_change(change: BandChange) -> dict[str, Any]:
    """When, from which band to which."""
    words = published_spec(change.version_id).band_words
    return {
        "on": change.as_of,
        "old": markup.band(*words[change.old_band], plain=True),
        "new": markup.band(*words[change.new_band], plain=True),
        "moved": None
        if change.old_score is None or change.new_score is None
        else markup.delta(change.new_score - change.old_score),
    }


def revenue_rule(explained: Explained) -> dict[str, str]:
    rule = explained.spec.revenue
    return {"formula": wording.revenue(rule), "tiers": wording.tiers(rule)}


def measure_groups(
    explained: Explained, sources: Mapping[str, Source], currency: str
) -> list[Group]:
    """The measures table: component → its lines, every figure as it adds up."""
    shown = _shown(explained)
    groups = []
    for component in explained.spec.components:
        mine = [row for row in shown if row[0].component == component.key]
        score = explained.explanation.component_scores[component.key]
        light = wording.light(component.bands, score)
        groups.append(
            Group(
                label=component.label,
                score=markup.number(score, 1) if score is not None else markup.unknown("no data"),
                light=markup.band(*light, plain=True) if light else SafeString(""),
                earned=_text(None if score is None else _sum(row[2] for row in mine)),
                lost=_text(None if score is None else _sum(row[3] for row in mine)),
                weight=_text(_sum(row[4] for row in mine)),
                rows=[_measure_cells(explained, row, sources, currency) for row in mine],
            )
        )
    return groups


def _text(value: float | None) -> str:
    return display.number(value, 1)


def _measure_cells(
    explained: Explained,
    row: tuple[Line, Measure, float | None, float | None, float],
    sources: Mapping[str, Source],
    currency: str,
) -> list[Cell]:
    line, measure, earned, lost, weight = row
    stats = explained.stats.of(measure)
    told = f"{wording.metric_definition(line.metric)} Counts {wording.normaliser(measure, stats, currency)}."
    no_data = markup.unknown("no data")
    label = format_html("{}{}", line.label, markup.defn(told))
    if line.note:
        label = format_html('{}<span class="measure-note">{}</span>', label, line.note)
    counted = not line.missing or (earned is not None and weight > 0)
    return [
        ("wrap", label),
        ("r", no_data if line.missing else _value_cell(line, measure, currency)),
        ("r", no_data if line.normalised is None else markup.number(line.normalised, 1)),
        ("", markup.points_bar(earned if counted else None, weight or line.original_weight, 40)),
        ("r", markup.number(earned, 1) if counted else no_data),
        ("r", markup.number(lost, 1) if counted else no_data),
        ("r", _weight_cell(line, weight)),
        ("r", _age_cell(line, sources)),
    ]


def _value_cell(line: Line, measure: Measure, currency: str) -> SafeString:
    text = wording.inputs_text(line.metric, measure.denominator, line.inputs, currency)
    unit = wording.unit(line.metric)
    tail = format_html(' <span class="unit">{}</span>', unit) if unit else ""
    return format_html('<span class="num">{}{}</span>', text, tail)


def _weight_cell(line: Line, weight: float) -> SafeString:
    """Effective weight; the scorecard's own below it when gaps moved weight around."""
    if abs(weight - line.original_weight) < 0.15:
        return markup.number(weight, 1)
    return format_html(
        '<span class="detail">set {}</span> {}',
        wording.plain(line.original_weight, 2),
        markup.number(weight, 1),
    )


def _age_cell(line: Line, sources: Mapping[str, Source]) -> SafeString:
    source = sources.get(line.metric)
    if source is None:
        return markup.unknown("no data")
    if source.age_days is None:
        return format_html('<span class="quiet">{}</span>', source.source)
    who = f"derived from {source.source}" if source.derived else source.source
    if source.frozen:
        return format_html(
            '<span class="detail">{}</span> <strong class="stale" title="{}">{} {}</strong>',
            who,
            "Frozen that night: the last good value, until an admin has looked at its source",
            markup.icon("lock", "Frozen"),
            display.days(source.age_days),
        )
    if source.age_days > STALE_DAYS:
        return format_html(
            '<span class="detail">{}</span> <strong class="stale" title="Older than {} days">{} {}</strong>',
            who,
            STALE_DAYS,
            markup.icon("alert-triangle", "Stale"),
            display.days(source.age_days),
        )
    return format_html('<span class="detail">{}</span> {}', who, display.days(source.age_days))


def total_row(explained: Explained) -> dict[str, Any]:
    """The sums under the table, the cap line, and the score on the display scale."""
    told, points = explained.explanation, shown_points(explained.explanation)
    top = explained.spec.display.scale_max
    return {
        "computed": _text(points.computed),
        "lost": _text(None if points.computed is None else round(100 - points.computed, 1)),
        "weight": _text(_sum(points.weights)),
        "score": _text(points.score),
        "cap": told.cap,
        "cap_points": display.signed(points.cap),
        "displayed": None
        if top == 100
        else f"{display.score(told.score, top)} of {display.number(top)}",
    }
