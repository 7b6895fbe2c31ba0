"""Rows that wait for their account: looked at, loaded, discarded, put back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import require_admin
from accounts.downloads import as_csv
from accounts.models import HeldRow
from accounts.trust import quarantine
from csm.lib.paging import numbered
from csm.lib.typed import whole

State = HeldRow.State


def _asked(request: HttpRequest) -> tuple[str, int | None]:
    """Waiting or discarded, and the import whose rows alone are wanted."""
    state = State.DISCARDED if request.GET.get("state") == State.DISCARDED else State.WAITING
    return state, whole(request.GET.get("import", ""), 18)


@require_safe
def held(request: HttpRequest) -> HttpResponse:
    """Held rows by account id and feed; `?state=discarded` shows what was discarded."""
    require_admin(request)
    state, run = _asked(request)
    rows = quarantine.rows_of(state, run)
    page, pager = numbered(request, quarantine.groups(rows), "groups")
    counts = quarantine.counts()
    here = reverse("quality_quarantine")
    return render(
        request,
        "accounts/quality_quarantine.html",
        {
            "groups": [quarantine.group_of(row) for row in page.object_list],
            "pager": pager,
            "discarded": state == State.DISCARDED,
            "run": run,
            "total": rows.count() if run is not None else counts.get(state, 0),
            "query": request.GET.urlencode(),
            "tabs": [
                {
                    "label": "Waiting",
                    "url": here,
                    "active": state == State.WAITING,
                    "count": counts.get(State.WAITING, 0),
                },
                {
                    "label": "Discarded",
                    "url": f"{here}?state=discarded",
                    "active": state == State.DISCARDED,
                    "count": counts.get(State.DISCARDED, 0),
                },
            ],
        },
    )


@require_safe
def held_csv(request: HttpRequest) -> HttpResponseBase:
    """Every row of one state as a file, its cells as columns: corrected, it can be imported."""
    require_admin(request)
    state, run = _asked(request)
    rows = quarantine.rows_of(state, run)
    return as_csv(
        request, "quarantine", f"quarantine-{state}", quarantine.as_table(rows), rows.count()
    )


@require_POST
def load(request: HttpRequest) -> HttpResponse:
    """Load the rows whose account has appeared meanwhile."""
    require_admin(request)
    loaded = quarantine.load()
    if loaded:
        messages.success(request, f"{loaded} rows found their account and are loaded.")
    else:
        messages.info(request, "No account of these rows has appeared yet: nothing was loaded.")
    return redirect("quality_quarantine")


@require_POST
def discard(request: HttpRequest) -> HttpResponse:
    """Let the rows of one group, or with `all=1` every waiting row, never load."""
    user = require_admin(request)
    done = quarantine.discard(_chosen(request, State.WAITING), by=user)
    if done:
        messages.success(request, f"Discarded: {done:,}. They can be put back under Discarded.")
    else:
        messages.info(request, "None of these rows waits any more: nothing was discarded.")
    return redirect("quality_quarantine")


@require_POST
def put_back(request: HttpRequest) -> HttpResponse:
    """Let discarded rows wait again."""
    require_admin(request)
    done = quarantine.put_back(_chosen(request, State.DISCARDED))
    messages.success(request, f"{done} rows wait again.")
    return redirect("quality_quarantine")


def _chosen(request: HttpRequest, state: str) -> quarantine.Rows:
    if request.POST.get("all") == "1":
        return HeldRow.objects.filter(state=state)
    named = [request.POST.get(name, "") for name in ("account", "source", "feed")]
    return quarantine.chosen(*named, state=state)
