"""Plans begin and are edited: a playbook started, or a plan written by hand."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import changeable_by, may_write
from accounts.models import Account
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.access import alerts_changeable_by
from playbooks.forms.plans import PlanEditForm, PlanForm
from playbooks.models import Alert, PlaybookVersion
from playbooks.selectors import plan_page as selectors
from playbooks.services import alerts, interventions

# Accounts the search for one offers.
_OFFERED = 20


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A plan by hand on `?account=`; without one, first the choice of it."""
    if not may_write(request.user):
        raise Http404("No such page.")
    asked = request.POST.get("account") or request.GET.get("account", "")
    if not asked:
        return _choice(request)
    account = _account(request, asked)
    people = selectors.sponsors_for(account)
    form = PlanForm(request.POST or None, people=people)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            plan = interventions.start(
                account,
                by=request.user,
                at=timezone.now(),
                on=today(),
                title=data["title"],
                issue=data["issue"],
                objectives=data["objectives"],
                sponsor=data["sponsor"],
                target_days=data["target_days"],
                exit_rule=form.rule(),
                exit_days=data["exit_days"],
            )
        except WorkbenchError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The plan has begun. Next: its tasks and the root cause.")
            return redirect("plan", plan.pk)
    context = {
        "form": form,
        "account": account,
        "running": selectors.open_plans_of(account),
    }
    return render(request, "playbooks/plan_new.html", context, status=422 if form.errors else 200)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Start a playbook (`playbook`: key or id) on `account`, for `alert` where it answers one.

    Where another plan runs on the account it asks first; `confirmed` is the answer.
    """
    account = _account(request, request.POST.get("account", ""))
    version = _version(request.POST.get("playbook", ""))
    alert = _alert(request, account)
    running = selectors.open_plans_of(account)
    if running and "confirmed" not in request.POST:
        context = {"account": account, "version": version, "alert": alert, "running": running}
        return render(request, "playbooks/plan_start.html", context)
    who: dict[str, Any] = {"by": request.user, "at": timezone.now()}
    try:
        if alert is not None:
            plan = alerts.start_playbook(alert, version=version, **who).plans[0]
        else:
            plan = interventions.start(account, on=today(), version=version, **who)
    except interventions.AlreadyRunning as error:
        messages.error(request, str(error))
        return redirect("plan", error.plan.pk)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("account_plans", account.pk)
    messages.success(request, f"“{plan.title}” has begun on {account.name}.")
    return redirect("plan", plan.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Title, issue, objectives, sponsor, target and exit test of a running plan."""
    plan = selectors.changeable(request.user, pk, on=today())
    people = selectors.sponsors_for(plan.account)
    if plan.sponsor is not None:
        people[plan.sponsor.pk] = plan.sponsor
    form = PlanEditForm(request.POST or None, plan=plan, people=people)
    if request.method == "POST" and form.is_valid():
        try:
            interventions.edit(
                plan,
                by=request.user,
                at=timezone.now(),
                values=form.values(),
                seen=form.cleaned_data["seen"],
            )
        except WorkbenchError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "The plan is changed.")
            return redirect("plan", pk)
    context = {"form": form, "plan": plan, "account": plan.account}
    return render(request, "playbooks/plan_edit.html", context, status=422 if form.errors else 200)


def _choice(request: HttpRequest) -> HttpResponse:
    """Accounts one may change, by a few letters of their name."""
    text = request.GET.get("q", "").replace("\x00", "").strip()[:120]
    accounts: list[Account] = []
    if text:
        named = Q(name__icontains=text) | Q(external_id__iexact=text)
        rows = changeable_by(request.user).filter(named).select_related("health")
        accounts = list(rows.order_by("name", "pk")[:_OFFERED])
    context = {"q": text, "accounts": accounts, "most": _OFFERED}
    return render(request, "playbooks/plan_choose.html", context)


def _account(request: HttpRequest, asked: str) -> Account:
    return get_object_or_404(changeable_by(request.user), pk=whole(asked))


def _version(asked: str) -> PlaybookVersion:
    rows = PlaybookVersion.objects.select_related("playbook").filter(
        state=PlaybookVersion.State.ACTIVE, playbook__is_active=True
    )
    number = whole(asked)
    named = Q(playbook__key=asked) if number is None else Q(playbook=number)
    return get_object_or_404(rows, named)


def _alert(request: HttpRequest, account: Account) -> Alert | None:
    asked = request.POST.get("alert", "")
    if not asked:
        return None
    rows = alerts_changeable_by(request.user, on=today()).filter(account=account)
    return get_object_or_404(rows.select_related("account", "trigger__playbook"), pk=whole(asked))
