"""Giving work to a colleague: choose, look at what would move and at the load, confirm, take back."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import may_assign
from accounts.models import Account
from csm.lib import display
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms.team import AssignForm
from playbooks.models import Assignment
from playbooks.selectors import team as selectors
from playbooks.services import assignment_plans, assignment_undo, assignments
from playbooks.services.assignment_plans import MOST, Plan
from playbooks.views.shown_night import night_of

# Accounts named in the preview; the rest is counted.
_NAMED = 12
_TITLES = {"accounts": "accounts", "plans": "plans", "alerts": "alerts"}


@require_http_methods(["GET", "HEAD", "POST"])
def assign(request: HttpRequest) -> HttpResponse:
    """Ticked rows of a list (`what`, `id`), all accounts of a colleague (`?from=`), or the form itself."""
    user = _gives(request)
    if request.method != "POST":
        colleague = whole(request.GET.get("from", ""), 9)
        if colleague is None:
            return choose(request, "accounts", [])
        return choose(request, "accounts", assignment_plans.all_of(colleague, by=user))
    if "ids" not in request.POST:
        what = request.POST.get("what", "accounts")
        ids = {
            number for text in request.POST.getlist("id") if (number := whole(text, 14)) is not None
        }
        if what not in assignment_plans.WHATS:
            raise Http404("No such list.")
        return choose(request, what, sorted(ids))
    form = AssignForm(user, request.POST)
    if not form.is_valid():
        if "what" in form.errors or "ids" in form.errors:
            raise Http404("No such list.")
        return _show(request, form, form.cleaned_data["what"], form.cleaned_data["ids"])
    if request.POST.get("do") != "give":
        return _show(request, form, form.cleaned_data["what"], form.cleaned_data["ids"])
    given_ = form.cleaned_data
    try:
        row = assignments.assign(
            given_["what"],
            given_["ids"],
            to=given_["to"],
            by=user,
            at=timezone.now(),
            on=today(),
            seen=given_["seen"],
            with_accounts=given_["with_accounts"],
            reason=given_["reason"],
            word=given_["word"],
        )
    except WorkbenchError as error:
        messages.error(request, str(error))
        return _show(request, form, given_["what"], given_["ids"])
    messages.success(
        request,
        f"Given to {row.to}. Under “Lately given” it can be taken back.",
    )
    return redirect("team")


def choose(request: HttpRequest, what: str, ids: Sequence[int]) -> HttpResponse:
    """The first step for these ids, reached from any list; 404 for those who give nothing."""
    user = _gives(request)
    if len(ids) > MOST:
        messages.error(
            request, f"{MOST:,} at a time are the most. Narrow the list and go on from there."
        )
        ids = []
    form = AssignForm(
        user,
        initial={"what": what, "ids": ",".join(map(str, ids)), "with_accounts": True},
    )
    return _show(request, form, what, list(ids))


def _gives(request: HttpRequest) -> Any:
    if not may_assign(request.user):
        raise Http404("No such page.")
    return request.user


def _show(request: HttpRequest, form: AssignForm, what: str, ids: list[int]) -> HttpResponse:
    """The form with what would move; with a colleague chosen also the load before and after."""
    user: Any = request.user
    to = form.cleaned_data.get("to") if form.is_bound and hasattr(form, "cleaned_data") else None
    with_accounts = form.cleaned_data.get("with_accounts", True) if form.is_bound else True
    found = assignment_plans.plan(what, ids, to=to, by=user, with_accounts=with_accounts)
    people = selectors.members(
        user,
        assignment_plans.receivers(user),
        on=today(),
        night=night_of(request),
        load_only=True,
    )
    to_field: Any = form.fields["to"]
    by_name = sorted(people, key=lambda each: str(each.user).casefold())
    to_field.choices = [
        ("", to_field.empty_label),
        *((each.user.pk, str(each.user)) for each in by_name),
    ]
    concerned = Account.objects.filter(pk__in=found.account_ids).select_related("owner", "health")
    accounts = list(concerned.defer("custom", "health__components").order_by("name", "pk"))
    more = _points(found, accounts)
    # A manager may take an account, but is not the first to think of.
    csms = [each for each in people if each.user.role == "csm"]
    ranked = selectors.suggestions(user, csms, accounts, more=more) if ids else []
    shown = accounts[:_NAMED]
    context = {
        "form": form,
        "what": what,
        "title": _TITLES[what],
        "found": found,
        "words": assignment_plans.words(found),
        "ids": ",".join(map(str, ids)),
        "mark": found.mark,
        "to": to,
        "shown": shown,
        "more_accounts": len(found.account_ids) - len(shown),
        "loads": _loads(found, people, to, more) if to else [],
        "load_headers": [("", "Colleague"), ("r", "Load now"), ("r", "Load then"), ("", "")],
        "suggestions": [
            {
                "user": each.member.user,
                "after": display.number(each.after),
                "now": display.number(each.member.load),
                "reasons": ", ".join(each.reasons),
                "chosen": to is not None and each.member.user.pk == to.pk,
                "best": place == 0 and each.fits,
            }
            for place, each in enumerate(ranked)
            if not _has_all(found, each.member.user.pk)
        ][:8],
        "away": next(
            (p.absence for p in people if to is not None and p.user.pk == to.pk and p.absence), None
        ),
    }
    return render(request, "playbooks/assign.html", context)


def _has_all(found: Plan, user_id: int) -> bool:
    every = [*found.accounts.values(), *found.interventions.values(), *found.alerts.values()]
    return bool(every) and all(owner == user_id for owner in every)


def _points(found: Plan, accounts: Sequence[Account]) -> float:
    """What it adds to a load, in the points of the team page."""
    risky = sum(
        each.pk in found.accounts
        and getattr(each, "health", None) is not None
        and each.health.band == 0
        for each in accounts
    )
    return (
        selectors.ACCOUNT * len(found.accounts)
        + selectors.AT_RISK * risky
        + selectors.OPEN_PLAN * len(found.interventions)
        + selectors.OPEN_ALERT * len(found.alerts)
    )


def _loads(
    found: Plan, people: list[selectors.Member], to: Any, more: float
) -> list[list[tuple[str, Any]]]:
    """Load of the receiver and of those who give, before and after; `more` is split by what each gives."""
    given: dict[int | None, list[int]] = {}
    for each, points in (
        (found.accounts, selectors.ACCOUNT),
        (found.interventions, selectors.OPEN_PLAN),
        (found.alerts, selectors.OPEN_ALERT),
    ):
        for owner in each.values():
            given.setdefault(owner, []).append(int(points))
    plain = sum(sum(each) for each in given.values())
    # At-risk accounts weigh more: shared out by what each gives.
    factor = more / plain if plain else 0.0
    rows = []
    for member in people:
        pk = member.user.pk
        if pk == to.pk:
            after, said = member.load + more, "receives"
        elif pk in given:
            after, said = max(0.0, member.load - sum(given[pk]) * factor), "gives"
        else:
            continue
        rows.append(
            [
                ("", str(member.user)),
                ("r", format_html('<span class="num">{}</span>', display.number(member.load))),
                ("r", format_html('<b class="num">{}</b>', display.number(after))),
                ("", said),
            ]
        )
    return rows


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an assignment back; what has changed since stays, and the message says how much."""
    user = _gives(request)
    row = get_object_or_404(Assignment, pk=pk)
    if not assignment_undo.may_undo(row, user):
        raise Http404("No such assignment.")
    try:
        done = assignment_undo.undo(row, by=user, at=timezone.now(), on=today())
    except WorkbenchError as error:
        messages.error(request, str(error))
    else:
        left = f" {done.left} have changed since and stay where they are." if done.left else ""
        messages.success(request, f"{done.back} went back to where they were.{left}")
    return redirect(f"{reverse('team')}#lately")
