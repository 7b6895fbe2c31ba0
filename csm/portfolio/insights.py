"""What the book says as a whole: the insights page, its tables as CSV, the report as a ZIP."""

import csv
import tempfile
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from csm.lib import display
from csm.lib.htmx import whether_counted
from csm.lib.spreadsheet import MARK
from csm.portfolio import facets, insights_charts
from csm.portfolio.downloads import attach, record
from csm.portfolio.insights_books import cut_points
from csm.portfolio.insights_catalogue import TABLES
from csm.portfolio.insights_figures import FILTERS, Figures
from csm.portfolio.insights_tables import Table, spreadsheet_safe
from csm.portfolio.links import with_params
from csm.portfolio.report import Night, write_zip
from scoring.engine.spec import ScorecardSpec

SECTIONS = (
    ("distribution", "Distribution"),
    ("risk", "Risk"),
    ("in-common", "In common"),
    ("strategy", "Strategy"),
    ("revenue", "Revenue"),
    ("contributors", "Contributors"),
    ("health", "Health by"),
)
# Tables that need no count of the whole book.
_READ_BY_THEMSELVES = {"history", "characteristics"}
_DRAWN = {
    "distribution": insights_charts.distribution,
    "history": insights_charts.history,
    "tiers": insights_charts.tiers,
    "revenue-by-industry": insights_charts.revenue_by_industry,
    "health-and-revenue": insights_charts.scatter,
}


@require_safe
def insights(request: HttpRequest) -> HttpResponse:
    """The page; scope and filters are in the URL."""
    figures = Figures.of(request)
    if figures is None:
        return render(request, "portfolio/insights.html", {"figures": None})
    if (asked := whether_counted(request, figures.counting)) is not None:
        return asked
    offered = figures.offered
    context: dict[str, Any] = {
        "figures": figures,
        "facets": facets.facets(figures.filter, offered, FILTERS),
        "chips": facets.chips(figures.filter, offered, request.GET),
        "clear_url": with_params(request.GET, **dict.fromkeys(FILTERS)),
    }
    if not figures.counting and figures.total.accounts:
        context |= _sections(figures)
    return render(request, "portfolio/insights.html", context)


def _sections(figures: Figures) -> dict[str, Any]:
    shown = {
        slug: make
        for slug, make in TABLES.items()
        if slug != "characteristics" or not figures.too_wide
    }
    panels = {
        slug.replace("-", "_"): _panel(figures, make(figures)) for slug, make in shown.items()
    }
    total = figures.total
    by = {
        "industry": figures.by_industry,
        "size": figures.by_size,
        "owner": figures.by_owner,
        "stage": figures.by_stage,
    }
    for name, groups in by.items():
        panel = panels[f"health_by_{name}"]
        panel |= {"rows": insights_charts.health(figures, panel["table"], groups)}
    return {
        **panels,
        "sections": [{"label": label, "url": f"#{key}"} for key, label in SECTIONS],
        "heat": insights_charts.heat_map(figures),
        "segments": insights_charts.segments(panels["risk_segments"]["table"]),
        "strategy_matrix": insights_charts.strategy(figures),
        "legend": [
            {
                "name": band.name,
                "tone": band.tone,
                "count": total.bands[band],
                "share": total.bands[band] / total.accounts,
                "url": figures.list_of(band=band.name),
            }
            for band in figures.bands
        ],
        "split": [(band.name, band.tone, total.bands[band]) for band in figures.bands],
        "high_risk_url": figures.list_of(band=figures.high_risk_bands),
        "tier_schemes": [
            _scheme(figures, version, spec)
            for version, spec in zip(figures.run.plan, figures.specs, strict=True)
        ],
        "report_url": f"{reverse('report_zip')}?{figures.query}",
        "metric_table": _metric_table(panels.get("characteristics")),
    }


def _panel(figures: Figures, table: Table) -> dict[str, Any]:
    draw = _DRAWN.get(table.slug)
    chart = draw(figures, table) if draw and table.rows else None
    return {"table": table, "chart": chart, "csv": figures.csv_url(table.slug)}


def _metric_table(panel: dict[str, Any] | None) -> dict[str, Any] | None:
    """The metrics without their keys, which only the file needs; the label heads the row."""
    if panel is None:
        return None
    table: Table = panel["table"]
    return {"headers": table.headers[1:], "rows": [row[1:] for row in table.cells]}


def _scheme(figures: Figures, version: int, spec: ScorecardSpec) -> str:
    """How a scorecard sorts accounts into tiers, with the cut points of the night."""
    cuts = cut_points(figures.run, version, spec.revenue.tiers)

    def money(points: float) -> str:
        return display.money(round(points), figures.currency)

    if cuts.scheme == "amount":
        low, middle, high = map(money, cuts.points)
        return f"{spec.name}: by amount. 1 above {high}, 2 from {middle}, 3 from {low}, 4 below."
    if not cuts.points:
        return f"{spec.name}: by quantile; no account has a prediction yet."
    low, high = map(money, cuts.points)
    return f"{spec.name}: by quantile. A above {high} (Q75), B between, C below {low} (Q25), of the whole book."


@require_safe
def insights_csv(request: HttpRequest, table: str) -> HttpResponse:
    """One table of the page as CSV, for the same scope and filters; recorded."""
    figures = Figures.of(request)
    make = TABLES.get(table)
    if make is None or figures is None:
        raise Http404("There is no such table.")
    if figures.counting and table not in _READ_BY_THEMSELVES:
        messages.info(
            request, "The figures of so large a book are being counted: take the file in a moment."
        )
        return redirect(f"{reverse('insights')}?{figures.query}")
    made = make(figures)
    record(request, f"insights: {table}", len(made.rows))
    response = HttpResponse(MARK, content_type="text/csv; charset=utf-8")
    attach(response, f"{table}-{figures.run.as_of.isoformat()}.csv")
    writer = csv.writer(response)
    writer.writerow([spreadsheet_safe(name) for name in made.csv_header])
    writer.writerows([spreadsheet_safe(cell) for cell in row] for row in made.csv_rows)
    return response


@require_safe
def report_zip(request: HttpRequest) -> HttpResponse | FileResponse:
    """The files of `export_report` for the accounts of the page, as one ZIP; recorded."""
    figures = Figures.of(request)
    if figures is None:
        messages.info(request, "There is no report yet: it needs a scored night.")
        return redirect("insights")
    # Beyond a few megabytes the archive waits on disk, not in memory.
    archive = tempfile.SpooledTemporaryFile(max_size=8 * 1024 * 1024)  # noqa: SIM115 - the response closes it
    report = write_zip(Night(figures.run, figures.accounts), archive)
    record(request, "report", report.rows)
    archive.seek(0)
    response = FileResponse(archive, content_type="application/zip")
    attach(response, f"report-{figures.run.as_of.isoformat()}.zip")
    return response
