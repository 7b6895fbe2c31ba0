"""What is done from a list of accounts: take the loudest alert, give accounts to a colleague."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import may_assign
from accounts.models import Account
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from csm.portfolio.lists import Listing, risk_listing
from csm.portfolio.tables import PortfolioTable
from playbooks.access import alerts_changeable_by
from playbooks.services import alerts
from playbooks.views import team_assign


@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """Take the alert `take` and go back to the list it was pressed in."""
    seen = alerts_changeable_by(request.user, on=today()).select_related("account")
    alert = get_object_or_404(seen, pk=whole(request.POST.get("take", "")))
    try:
        alerts.take(alert, by=request.user, at=timezone.now())
    except WorkbenchError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The alert on {alert.account.name} is yours.")
    query = QueryDict(request.POST.get("back", "")[:4000])
    return redirect(f"{reverse('at_risk')}?{query.urlencode()}")


def listing_of(request: HttpRequest, name: str) -> Listing:
    """The list ("portfolio", "at-risk") as the address of `request` filters it."""
    return risk_listing(request) if name == "at-risk" else Listing(request, PortfolioTable)


def matching_accounts(request: HttpRequest, name: str) -> QuerySet[Account]:
    """All accounts of a list, in no order: what an act on everything that matches concerns."""
    listing = listing_of(request, name)
    if not listing.filter.is_valid():
        return Account.objects.none()
    return listing.accounts.order_by()


@require_POST
def assign_matching(request: HttpRequest, name: str) -> HttpResponse:
    """Give every account of a list as its address filters it to a colleague: the preview comes first."""
    user: Any = request.user
    if not may_assign(user):
        raise Http404("No such page.")
    found = matching_accounts(request, name).order_by("pk").values_list("pk", flat=True)
    ids = list(found[: team_assign.MOST + 1])
    if len(ids) > team_assign.MOST:
        # Beyond what one page may do it is done in the background.
        return redirect(f"{reverse('job_assign', args=[name])}?{request.GET.urlencode()}")
    return team_assign.choose(request, "accounts", ids)
