"""Background jobs as people see them: asked for, how far, what was left out, cancel, go on, take back."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import may_assign, may_write
from csm.jobs import engine, kinds, services
from csm.jobs.forms import GiveForm
from csm.lib import display
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.models import Job
from playbooks.forms.alerts import ActForm, colleagues, days_ahead, startable
from playbooks.models import Severity

# Owners and triggers named in a preview; the others are counted together.
_NAMED = 10
_TONES = {
    Job.State.DONE: "good",
    Job.State.FAILED: "poor",
    Job.State.CANCELLED: "watch",
}
# Of a list's address; cut short it would be another list.
_QUERY = 4_000


def _jobs_of(user: Any) -> QuerySet[Job]:
    """One's own; admins see everybody's."""
    rows = Job.objects.select_related("asked_by")
    return rows if user.is_admin else rows.filter(asked_by=user)


@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    """What runs and ran in the background, newest first."""
    page, pager = numbered(request, _jobs_of(request.user).defer("params", "result"), "jobs")
    context = {"jobs": [_listed(job) for job in page.object_list], "pager": pager}
    return render(request, "jobs/jobs.html", context)


def _listed(job: Job) -> dict[str, Any]:
    is_open = job.state in engine.OPEN
    end = job.finished_at or timezone.now()
    seconds = (end - job.started_at).total_seconds() if job.started_at else None
    rate = (job.done + job.skipped) / seconds if seconds else None
    left = job.total - job.done - job.skipped
    return {
        "job": job,
        "tone": _TONES.get(Job.State(job.state), "unknown"),
        "is_open": is_open,
        "seconds": seconds,
        "rows": job.done + job.skipped,
        "rate": rate,
        "time_left": left / rate if is_open and rate and left > 0 else None,
    }


@require_safe
def job(request: HttpRequest, pk: int) -> HttpResponse:
    """One job; htmx asks for its progress alone, and for the whole page once it is over."""
    row = get_object_or_404(_jobs_of(request.user), pk=pk)
    context = _listed(row) | {
        "may_undo": services.may_undo(row, request.user),
        "may_stop": row.state in engine.OPEN,
        "may_go_on": row.state in (Job.State.FAILED, Job.State.CANCELLED),
        "reasons": sorted(row.result.get("reasons", {}).items(), key=lambda pair: -pair[1]),
        "undone_by": row.result.get("undone_by"),
    }
    part = bool(request.headers.get("HX-Request"))
    response = render(request, "jobs/progress.html" if part else "jobs/job.html", context)
    if part and not context["is_open"]:
        response["HX-Refresh"] = "true"
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a job after the piece under way."""
    row = get_object_or_404(_jobs_of(request.user), pk=pk)
    if engine.cancel(row, by=request.user, at=timezone.now()):
        messages.success(request, "Stopped. What is done stays done; it can be taken back.")
    else:
        messages.info(request, "It was over already.")
    return redirect("job", pk)


@require_POST
def go_on(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on with a job that failed or was stopped."""
    row = get_object_or_404(_jobs_of(request.user), pk=pk)
    if engine.retry(row):
        services.wake(row)
        messages.success(request, "It goes on where it stopped.")
    else:
        messages.info(request, "There is nothing to go on with.")
    return redirect("job", pk)


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what a job did, as a job of its own."""
    row = get_object_or_404(_jobs_of(request.user), pk=pk)
    try:
        back = services.undo(row, by=request.user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("job", pk)
    return redirect("job", back.pk)


def _query_of(request: HttpRequest) -> str:
    query = request.GET.urlencode()
    if len(query) > _QUERY:
        raise Http404("No list has so long an address.")
    return query


@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: HttpRequest, name: str) -> HttpResponse:
    """All accounts of a list to a colleague: the number and whose they are first, then the job."""
    if not may_assign(request.user) or name not in ("portfolio", "at-risk"):
        raise Http404("No such page.")
    query = _query_of(request)
    form = GiveForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            row = services.give_accounts(
                name,
                query,
                to=given["to"],
                by=request.user,
                reason=given["reason"],
                word=given["word"],
            )
        except WorkbenchError as error:
            messages.error(request, str(error))
        else:
            return redirect("job", row.pk)
    rows = kinds.accounts_of(request.user, name, query)
    owners = rows.values_list("owner__first_name", "owner__last_name", "owner__username")
    counted = list(owners.annotate(n=Count("pk")).order_by("-n"))
    total = sum(row[-1] for row in counted)
    is_queue = name == "at-risk"
    url = reverse("at_risk" if is_queue else "portfolio")
    context = {
        "form": form,
        "total": total,
        "told": display.number(total),
        "owners": _named(
            [(" ".join(filter(None, row[:2])) or row[2] or "Nobody", row[3]) for row in counted]
        ),
        "back": f"{url}?{query}",
        "crumbs": [
            {"label": "At risk" if is_queue else "Portfolio", "url": f"{url}?{query}"},
            {"label": "Assign all"},
        ],
    }
    return render(request, "jobs/assign.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def alerts(request: HttpRequest) -> HttpResponse:
    """One act on all alerts of a list: how many of which severity and trigger first, then the job."""
    user: Any = request.user
    if not may_write(user):
        raise Http404("No such page.")
    query = _query_of(request)
    if request.method == "POST":
        form = ActForm(request.POST, user=user)
        if not form.is_valid():
            messages.error(request, form.fault)
        else:
            try:
                row = services.act_on_alerts(query, form.chosen, form.values, by=user)
            except WorkbenchError as error:
                messages.error(request, str(error))
            else:
                return redirect("job", row.pk)
    rows = kinds.alerts_of(user, query).order_by()
    severities, triggers = Counter[int](), Counter[str]()
    for severity, name, n in rows.values_list("severity", "trigger__name").annotate(Count("pk")):
        severities[severity] += n
        triggers[name] += n
    total = severities.total()
    first, last = days_ahead(today())
    back = f"{reverse('alerts')}?{query}"
    context = {
        "total": total,
        "told": display.number(total),
        "severities": [
            (Severity(key).label, severities[key]) for key in sorted(severities, reverse=True)
        ],
        "triggers": _named(triggers.most_common()),
        "colleagues": colleagues(user),
        "versions": startable(),
        "first_day": first,
        "last_day": last,
        "back": back,
        "crumbs": [{"label": "Alerts", "url": back}, {"label": "Act on all"}],
    }
    return render(request, "jobs/alerts.html", context)


def _named(counted: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The largest, and the rest as one line."""
    rest = counted[_NAMED:]
    shown = counted[:_NAMED]
    return [*shown, (f"{len(rest)} others", sum(n for _, n in rest))] if rest else shown
