"""Scorecards as everyone reads them; an admin also sees the draft and the buttons."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.downloads import record_export
from csm.lib import markup
from scoring import scorecard_selectors as selectors
from scoring import wording
from scoring.forms import PublishForm
from scoring.models import Scorecard, ScorecardVersion
from scoring.services.versions import write_yaml
from scoring.views import scorecard_cells as cells


@require_safe
def scorecard_list(request: HttpRequest) -> HttpResponse:
    """Every scorecard: what it scores, which version is active, how its accounts stand."""
    rows = selectors.listed(request.user)
    return render(
        request,
        "scoring/scorecard_list.html",
        {"rows": [cells.listed(row) for row in rows], "scorecards": rows},
    )


@require_safe
def scorecard_page(request: HttpRequest, key: str) -> HttpResponse:
    """One scorecard in the version asked for (`?version=n`), compared with `?against=n`."""
    return page(request, selectors.get_scorecard(key))


def page(
    request: HttpRequest,
    scorecard: Scorecard,
    *,
    number: str = "",
    form: PublishForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a scorecard; actions answer with it when they refuse."""
    user: Any = request.user
    versions = selectors.versions_for(scorecard, user)
    shown = selectors.pick_version(versions, number or request.GET.get("version", ""))
    context: dict[str, Any] = {
        "scorecard": scorecard,
        "version": shown,
        "versions": versions,
        "draft": next((version for version in versions if version.is_draft), None),
        "may_tune": user.is_admin,
    }
    if shown is not None:
        context |= _version(scorecard, shown, versions, request.GET.get("against", ""))
        if shown.is_draft and user.is_admin:
            context["form"] = form or PublishForm()
    return render(request, "scoring/scorecard.html", context, status=status)


def _version(
    scorecard: Scorecard,
    shown: ScorecardVersion,
    versions: list[ScorecardVersion],
    against: str,
) -> dict[str, Any]:
    """Context of one version: its parts in words and the population of its latest night."""
    spec, faults = selectors.read(shown)
    if spec is None:
        return {"faults": faults}
    run = None if shown.is_draft else selectors.last_run_with(shown.pk)
    stats = selectors.statistics_of(run, shown.pk)
    report = selectors.report_of(run, shown.pk)
    other = _other(shown, versions, against)
    before = selectors.read(other)[0] if other else None
    return {
        "spec": spec,
        "faults": faults,
        "run": run,
        "stats": stats,
        "warnings": report.get("warnings", []),
        "components": cells.components(spec, stats, report.get("clipped", {})),
        "weight_total": sum(component.weight for component in spec.components),
        "scale": markup.split_bar(
            [(band.name, str(band.tone), band.high - band.low) for band in spec.bands], "Bands"
        ),
        "bands": cells.bands(spec),
        "caps": [(rule.label, wording.cap(rule)) for rule in spec.caps],
        "scope": wording.scope(spec.scope, is_default=scorecard.is_default),
        "revenue": wording.revenue(spec.revenue),
        "tiers": wording.tiers(spec.revenue),
        "other": other,
        "changes": selectors.changes_between(before, spec) if before else [],
    }


def _other(
    shown: ScorecardVersion, versions: list[ScorecardVersion], against: str
) -> ScorecardVersion | None:
    """The version to compare with: the one asked for, else the published one before."""
    if against:
        return selectors.pick_version(versions, against)
    earlier = (row for row in versions if row.number < shown.number and not row.is_draft)
    return next(earlier, None)


@require_safe
def scorecard_yaml(request: HttpRequest, key: str) -> HttpResponse:
    """A version as the YAML file that `scorecards import` takes back."""
    scorecard = selectors.get_scorecard(key)
    versions = selectors.versions_for(scorecard, request.user)
    shown = selectors.pick_version(versions, request.GET.get("version", ""))
    spec, faults = selectors.read(shown) if shown else (None, ["It has no version yet."])
    if spec is None:
        return HttpResponse(
            "\n".join(faults) + "\n", content_type="text/plain; charset=utf-8", status=409
        )
    record_export(request, f"scorecard {scorecard.key} as YAML", None)
    response = HttpResponse(write_yaml(spec), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{scorecard.key}.yaml"'
    return response
