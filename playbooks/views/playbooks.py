"""Playbooks as everyone reads them: the library, and one playbook in one of its versions."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import may_write, visible_to
from accounts.downloads import as_csv
from csm.lib.dates import today
from playbooks import recipe_words as words
from playbooks.models import Playbook, PlaybookVersion
from playbooks.selectors import playbooks as selectors
from playbooks.selectors import recommendations
from playbooks.services.playbooks import is_as_shipped
from playbooks.services.readings import labels
from playbooks.services.recipes import recipe_of
from playbooks.views import playbooks_cells as cells
from playbooks.views.shown_night import night_of
from scoring.models import ScoreRun

STATES = {"on": "On", "off": "Switched off"}
# Running plans listed on the page of a playbook; the list of plans has them all.
_MOST_PLANS = 25


def night(request: HttpRequest) -> ScoreRun | None:
    """The night shown; kept on the request, where the shell looks for it too."""
    if not hasattr(request, "night"):
        night_of(request)
    run: ScoreRun | None = request.night  # type: ignore[attr-defined]
    return run


def as_of(request: HttpRequest) -> date | None:
    """The day whose figures are shown; None before the first night."""
    run = night(request)
    return run.as_of if run else None


def _asked(request: HttpRequest) -> dict[str, str]:
    asked = {name: request.GET.get(name, "").strip()[:80] for name in ("q", "kind", "state")}
    asked["kind"] = asked["kind"] if asked["kind"] in Playbook.Kind.values else ""
    asked["state"] = asked["state"] if asked["state"] in STATES else ""
    return asked


@require_safe
def playbooks(request: HttpRequest) -> HttpResponse:
    """The library by kind, with how many customers each playbook would apply to now."""
    user: Any = request.user
    asked, day, triggers = _asked(request), as_of(request), selectors.triggers()
    rows = selectors.library(user, triggers=triggers, as_of=day, **asked)
    return render(
        request,
        "playbooks/playbook_list.html",
        {
            "headers": cells.LIBRARY,
            "groups": cells.groups(rows, selectors.trigger_names(triggers)),
            "count": len(rows),
            "asked": asked,
            "is_filtered": any(asked.values()),
            "kinds": Playbook.Kind.choices,
            "states": STATES,
            "as_of": day,
            "query": request.GET.urlencode(),
        },
    )


_COLUMNS: Final = (
    "key",
    "name",
    "kind",
    "on",
    "version",
    "purpose",
    "recommended_for",
    "cadence",
    "steps",
    "target_days",
    "plans_running",
    "accounts_it_fits",
)


@require_safe
def playbooks_csv(request: HttpRequest) -> HttpResponseBase:
    """The library as filtered, as CSV."""
    user: Any = request.user
    triggers = selectors.triggers()
    names = selectors.trigger_names(triggers)
    rows = selectors.library(user, triggers=triggers, as_of=as_of(request), **_asked(request))
    lines = [_COLUMNS, *(_line(row, names) for row in rows)]
    return as_csv(request, "playbooks", "playbooks", lines, len(rows))


def _line(row: selectors.Listed, triggers: Mapping[str, str]) -> list[Any]:
    version = row.version or row.draft
    return [
        row.playbook.key,
        row.playbook.name,
        row.playbook.kind,
        "yes" if row.playbook.is_active else "no",
        row.version.number if row.version else None,
        version.purpose if version else None,
        words.applies_line(version.applies, triggers) if version else None,
        version.cadence if version else None,
        row.steps,
        version.target_days if version else None,
        row.running,
        row.fits,
    ]


@require_safe
def playbook(request: HttpRequest, key: str) -> HttpResponse:
    """One playbook in its active version, or the one asked for with `?version=n`."""
    user: Any = request.user
    versions = selectors.versions_of(key, user)
    found = versions[0].playbook
    shown = selectors.pick(versions, request.GET.get("version", ""))
    active = next((row for row in versions if row.state == PlaybookVersion.State.ACTIVE), None)
    run, triggers = night(request), selectors.trigger_names()
    recipe, known = recipe_of(shown), labels(run)
    plans = selectors.running_plans(user, found)
    listed = [cells.plan(row, active.number if active else None) for row in plans[:_MOST_PLANS]]
    return render(
        request,
        "playbooks/playbook.html",
        {
            "playbook": found,
            "version": shown,
            "recipe": recipe,
            "versions": versions,
            "shipped": {row.pk for row in versions if is_as_shipped(row)},
            "active": active,
            "draft": next((row for row in versions if row.is_draft), None),
            "applies": words.applies(recipe.applies, triggers),
            "roles": [words.role(role) for role in recipe.owner_roles],
            "steps": cells.steps(recipe),
            "kpi_headers": [("wrap", "KPI"), ("wrap", "Target"), ("", "Due")],
            "kpis": cells.kpis(recipe, known),
            "exit_test": words.exit_test(recipe, known),
            "plans": listed,
            "plan_count": plans.count() if len(listed) == _MOST_PLANS else len(listed),
            "old_plans": sum(row["old"] for row in listed),
            "fits": recommendations.audience(
                shown, accounts=visible_to(user), as_of=run.as_of
            ).count()
            if run
            else None,
            "as_of": run.as_of if run else None,
            "may_start": may_write(user) and found.is_active and active is not None,
            "today": today(),
        },
    )
