"""A playbook meets accounts: whom it fits, a dry run on one, moving plans; and who holds which role."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import may_change, may_write, require_admin, visible_to
from accounts.downloads import as_csv
from accounts.models import Account
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks import recipe_words as words
from playbooks.forms.playbook_actions import HolderForm
from playbooks.models import PlaybookVersion, StepRole
from playbooks.selectors import playbooks as selectors
from playbooks.selectors import recommendations
from playbooks.services import playbooks
from playbooks.services import roles as role_services
from playbooks.services.readings import labels
from playbooks.services.recipes import recipe_of
from playbooks.views import playbooks_cells as cells
from playbooks.views.playbooks import night
from scoring.selectors import with_health

_PAGE = 50


def _version(request: HttpRequest, key: str) -> PlaybookVersion:
    """The version asked for, else the active one. Drafts for admins only."""
    return selectors.pick(selectors.versions_of(key, request.user), request.GET.get("version", ""))


@require_safe
def audience(request: HttpRequest, key: str) -> HttpResponse:
    """The customers a playbook fits now, as far as the viewer may see them, and why."""
    user: Any = request.user
    version, run = _version(request, key), night(request)
    rows = _audience(user, version, run)
    page = Paginator(rows, _PAGE).get_page(request.GET.get("page"))
    accounts = list(page.object_list)
    why, plans = {}, {}
    if run and accounts:
        for pk, situation in recommendations.situations_of(accounts, run.as_of).items():
            fit = recommendations.reasons_for(version, situation)
            if fit is not None:
                why[pk] = fit
            if version.playbook_id in situation.running:
                plans[pk] = situation.running[version.playbook_id]
    mine = {account.pk for account in accounts if may_change(user, account)}
    return render(
        request,
        "playbooks/playbook_audience.html",
        {
            "playbook": version.playbook,
            "version": version,
            "applies": words.applies(
                version.applies,
                selectors.trigger_names() if version.applies.get("triggers") else {},
            ),
            "rows": cells.audience(accounts, why, plans),
            "startable": mine
            if version.state == PlaybookVersion.State.ACTIVE and version.playbook.is_active
            else set(),
            "may_start": bool(mine),
            "pager": _pager(request, page),
            "count": page.paginator.count,
            "as_of": run.as_of if run else None,
        },
    )


def _audience(user: Any, version: PlaybookVersion, run: Any) -> Any:
    if run is None:
        return Account.objects.none()
    fitting = recommendations.audience(version, accounts=visible_to(user), as_of=run.as_of)
    return with_health(fitting).select_related("owner").order_by("-health__priority", "name", "pk")


def _pager(request: HttpRequest, page: Any) -> dict[str, Any]:
    def address(number: int) -> str:
        query = request.GET.copy()
        query["page"] = str(number)
        return f"?{query.urlencode()}"

    return {
        "first": page.start_index(),
        "last": page.end_index(),
        "total": page.paginator.count,
        "prev_url": address(page.number - 1) if page.has_previous() else None,
        "next_url": address(page.number + 1) if page.has_next() else None,
    }


@require_safe
def audience_csv(request: HttpRequest, key: str) -> HttpResponseBase:
    """The customers a playbook fits now, as CSV; amounts in minor units."""
    version, run = _version(request, key), night(request)
    rows, key = _audience(request.user, version, run), version.playbook.key
    return as_csv(request, f"whom {key} fits", f"{key}-fits", _lines(rows), rows.count())


def _lines(rows: Any) -> Iterator[Sequence[Any]]:
    yield (
        "id",
        "name",
        "industry",
        "size",
        "band",
        "score",
        "arr_minor",
        "currency",
        "renewal_on",
        "owner",
    )
    for row in rows.iterator(chunk_size=2000):
        yield (
            row.external_id,
            row.name,
            row.industry,
            row.size_segment,
            row.band_name,
            None if row.score is None else round(row.score, 1),
            row.arr_amount,
            row.currency,
            row.renewal_on,
            row.owner,
        )


@require_safe
def dry_run(request: HttpRequest, key: str) -> HttpResponse:
    """What starting the playbook on one account would do; nothing is written."""
    user: Any = request.user
    version, run = _version(request, key), night(request)
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    context: dict[str, Any] = {
        "playbook": version.playbook,
        "version": version,
        "asked": asked,
        "found": selectors.find_accounts(user, asked),
        "as_of": run.as_of if run else None,
    }
    if chosen := request.GET.get("account", ""):
        account = _account(user, chosen)
        prefetch_related_objects([version], "steps", "kpis")
        recipe, known = recipe_of(version), labels(run)
        tried = selectors.rehearse(account, version, on=today(), run=run, labels=known)
        context |= {
            "account": account,
            "tried": tried,
            "task_headers": [("wrap", "Task"), ("", "Due"), ("", "Who"), ("", "As")],
            "kpi_headers": [
                ("wrap", "KPI"),
                ("r", "Now"),
                ("r", "Target"),
                ("", "Meant as"),
                ("", "Due"),
            ],
            "exit_test": words.exit_test(recipe, known),
            "has_exit": bool(recipe.exit_rule),
            "may_start": version.state == PlaybookVersion.State.ACTIVE
            and version.playbook.is_active
            and tried.running is None
            and may_change(user, account),
            **cells.rehearsal(tried, known),
        }
    return render(request, "playbooks/playbook_try.html", context)


def _account(user: Any, text: str) -> Account:
    """An account the viewer may see."""
    pk = whole(text)
    found = None if pk is None else visible_to(user).filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such account.")
    return found


@require_POST
def move(request: HttpRequest, key: str) -> HttpResponse:
    """Put chosen running plans on the active version."""
    user = require_admin(request)
    found = selectors.get_playbook(key)
    version = found.versions.filter(state=PlaybookVersion.State.ACTIVE).first()
    ids = [pk for pk in map(whole, request.POST.getlist("plan")) if pk is not None]
    if version is None or not ids:
        messages.error(request, "Choose the plans to move first.")
        return redirect("playbook", key)
    version.playbook = found
    try:
        moved = playbooks.move_open_plans(version, ids, by=user, at=timezone.now(), on=today())
    except WorkbenchError as error:
        messages.error(request, str(error))
    else:
        count = len(moved)
        messages.success(
            request,
            f"{count} plan{'s' * (count != 1)} moved to version {version.number}: done tasks stay, the "
            "others follow the new steps.",
        )
    return redirect("playbook", key)


@require_http_methods(["GET", "HEAD", "POST"])
def roles(request: HttpRequest) -> HttpResponse:
    """Who holds which role, everywhere and per team; admins say so."""
    user: Any = request.user
    if request.method == "POST":
        user = require_admin(request)
    elif not may_write(user) and user.role != "executive":
        raise Http404("No such page.")
    form = HolderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            role_services.name_holder(data["role"], team=data["team"], user=data["user"], by=user)
        except WorkbenchError as error:
            form.add_error("user", str(error))
        else:
            who, where = data["user"] or "Nobody", data["team"] or "everywhere"
            messages.success(
                request,
                f"{who} is {StepRole(data['role']).label.lower()} ({where}). Tasks already given stay.",
            )
            return redirect(reverse("playbook_roles"))
    table = selectors.role_table()
    return render(
        request,
        "playbooks/playbook_roles.html",
        {
            "headers": [*cells.ROLES_FIRST, *(("", team.name) for team in table.teams)],
            "rows": cells.role_rows(table),
            "form": form if user.is_admin else None,
        },
        status=422 if form.is_bound else 200,
    )
