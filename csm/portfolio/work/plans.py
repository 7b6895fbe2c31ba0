"""The plans of one account, and what is recommended for it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import may_change
from csm.lib.dates import today
from csm.portfolio import account_selectors as selectors
from csm.portfolio.account import header
from playbooks.models import Intervention
from playbooks.selectors.plans import rows
from playbooks.selectors.recommendations import recommended
from playbooks.tables import plans as cells
from playbooks.views.shown_night import night_of

# Recommendations shown at once; the others unfold.
_FIRST = 3
# An account with more has been looked after for decades.
_MOST = 100


@require_safe
def account_plans(request: HttpRequest, pk: int) -> HttpResponse:
    """Open and past plans, and the playbooks that fit with their reasons."""
    account, health = selectors.account_with_health(request.user, pk)
    on, now = today(), timezone.now()
    found: list[Any] = list(
        rows(Intervention.objects.filter(account=account)).order_by("-started_on", "-pk")[:_MOST]
    )
    context = header(account, health, "account_plans")
    night = night_of(request)
    fits = []
    if night is not None and not context["is_churned"]:
        fits = recommended([account.pk], as_of=night.as_of)[account.pk]
    context |= {
        "open": [_shown(plan, on, now) for plan in found if plan.is_open],
        "past": [_shown(plan, on, now) for plan in found if not plan.is_open],
        "first": fits[:_FIRST],
        "others": fits[_FIRST:],
        "may": may_change(request.user, account),
    }
    return render(request, "portfolio/account_plans.html", context)


def _shown(plan: Any, on: Any, now: Any) -> dict[str, Any]:
    health = getattr(plan.account, "health", None)
    return {
        "plan": plan,
        "owner": cells.owner_of(plan.owner),
        "test": cells.test_state(plan),
        "target": cells.target(plan, on),
        "tasks": cells.progress(plan.tasks_done, plan.tasks_all),
        "next": cells.next_task(plan, on),
        "kpis": cells.kpis(plan.kpis_met, plan.kpis_all),
        "score": cells.score_move(plan, health),
    }
