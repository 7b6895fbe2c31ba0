"""Read-only links to a plan: made, taken back, and opened by those without a log-in."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms.plans import ShareForm
from playbooks.models import Policy
from playbooks.selectors import plan_page as selectors
from playbooks.services import sharing
from playbooks.views import plan_cells as cells
from playbooks.views.plan_page import shown


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """The links of a plan; a new one's address is in this answer and nowhere else."""
    plan = selectors.changeable(request.user, pk, on=today())
    now = timezone.now()
    most = Policy.current().share_days
    form = ShareForm(request.POST or None, most=most)
    address = ""
    if request.method == "POST":
        if (asked := request.POST.get("revoke")) is not None:
            link = get_object_or_404(plan.links.select_related("intervention"), pk=whole(asked))
            sharing.revoke(link, by=request.user, at=now)
            messages.success(request, "The link leads nowhere from now on.")
            return redirect("plan_share", pk)
        if form.is_valid():
            try:
                _, token = sharing.share(
                    plan, by=request.user, at=now, days=form.cleaned_data["days"]
                )
            except WorkbenchError as error:
                form.add_error("days", str(error))
            else:
                address = request.build_absolute_uri(reverse("shared_plan", args=[token]))
                form = ShareForm(most=most)
    context = {
        "plan": plan,
        "form": form,
        "address": address,
        "links": [_link(each, now) for each in plan.links.select_related("created_by")],
    }
    return render(request, "playbooks/plan_share.html", context)


@login_not_required
@require_safe
@never_cache
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """The plan behind a link; 404 once it has expired, was taken back, or never was."""
    link = sharing.opened(token, at=timezone.now())
    if link is None:
        raise Http404("No such page.")
    plan = link.intervention
    parts = selectors.parts(plan, risks=False, work=False)
    context = shown(parts, on=today()) | {
        "tasks": cells.tasks(parts.tasks, today(), mine=(), is_open=False, manager=False),
        "until": timezone.localtime(link.expires_at),
        "inside": False,
    }
    response = render(request, "playbooks/shared_plan.html", context)
    response["X-Robots-Tag"] = "noindex, nofollow"
    # The token is in the address: no other site may learn it.
    response["Referrer-Policy"] = "no-referrer"
    return response


def _link(link: Any, now: Any) -> dict[str, Any]:
    live = link.revoked_at is None and link.expires_at > now
    state = "Live" if live else "Taken back" if link.revoked_at else "Expired"
    return {
        "row": link,
        "live": live,
        "state": state,
        "made": timezone.localtime(link.created_at),
        "until": timezone.localtime(link.expires_at),
        "last": timezone.localtime(link.last_opened_at) if link.last_opened_at else None,
    }
