"""What people do on the page of a plan: every button is one of `_ACTS`."""

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.access import may_assign
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.access import tasks_changeable_by
from playbooks.forms import plans as forms
from playbooks.models import Intervention, InterventionTask, PlaybookVersion
from playbooks.selectors import plan_page as selectors
from playbooks.services import intervention_tasks, interventions

Act = Callable[[HttpRequest, int], tuple[str, str]]


class FormFault(WorkbenchError):
    """What was typed cannot be used; the text says which field and why."""


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Do what the form's `action` says; the answer is the page with what came of it."""
    selectors.plan_of(request.user, pk)
    wanted = _ACTS.get(request.POST.get("action", ""))
    if wanted is None:
        raise Http404("No such action.")
    place = request.POST.get("place", "")[:40]
    try:
        said, place = wanted(request, pk)
    except WorkbenchError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect(f"{reverse('plan', args=[pk])}{'#' + place if place else ''}")


def _by(request: HttpRequest) -> dict[str, Any]:
    return {"by": request.user, "at": timezone.now()}


def _number(request: HttpRequest, name: str) -> int | None:
    """A number a form carries along; None when it is not there or is none."""
    return whole(request.POST.get(name, ""))


def _plan(request: HttpRequest, pk: int) -> Intervention:
    return selectors.changeable(request.user, pk, on=today())


def _task(request: HttpRequest, pk: int) -> InterventionTask:
    rows = tasks_changeable_by(request.user, on=today()).filter(intervention=pk)
    return get_object_or_404(rows.select_related("intervention"), pk=_number(request, "task"))


def _cleaned(form: django_forms.Form) -> dict[str, Any]:
    """What was typed. Raises FormFault with the first fault."""
    if form.is_valid():
        return form.cleaned_data
    name, faults = next(iter(form.errors.items()))
    label = form.fields[name].label if name in form.fields else ""
    raise FormFault(f"{label}: {faults[0]}" if label else str(faults[0]))


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:255]


def _finish(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = intervention_tasks.finish(
        _task(request, pk), seen=_number(request, "seen"), **_by(request)
    )
    if task.state == InterventionTask.State.TO_APPROVE:
        return f"“{task.title}” is done; a manager has to agree.", f"task-{task.pk}"
    return f"“{task.title}” is done.", f"task-{task.pk}"


def _approve(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = intervention_tasks.approve(
        _task(request, pk), seen=_number(request, "seen"), **_by(request)
    )
    return f"You agreed to “{task.title}”.", f"task-{task.pk}"


def _send_back(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = intervention_tasks.send_back(
        _task(request, pk), reason=_reason(request), seen=_number(request, "seen"), **_by(request)
    )
    return f"“{task.title}” goes back.", f"task-{task.pk}"


def _skip(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = intervention_tasks.skip(
        _task(request, pk), reason=_reason(request), seen=_number(request, "seen"), **_by(request)
    )
    return f"“{task.title}” is skipped.", f"task-{task.pk}"


def _task_open(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = intervention_tasks.reopen(
        _task(request, pk), seen=_number(request, "seen"), **_by(request)
    )
    return f"“{task.title}” is open again.", f"task-{task.pk}"


def _task_edit(request: HttpRequest, pk: int) -> tuple[str, str]:
    task = _task(request, pk)
    people = selectors.people_for(task.intervention.account)
    if task.assignee is not None:
        people[task.assignee.pk] = task.assignee
    form = forms.TaskEditForm(request.POST, people=people)
    _cleaned(form)
    intervention_tasks.edit(
        task, values=form.values(), seen=_number(request, "seen"), **_by(request)
    )
    return f"“{task.title}” is changed.", f"task-{task.pk}"


def _task_add(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    people = selectors.people_for(plan.account)
    data = _cleaned(forms.TaskForm(request.POST, prefix="task", people=people))
    task = intervention_tasks.add(plan, **data, **_by(request))
    return f"“{task.title}” is added.", f"task-{task.pk}"


def _cause(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    data = _cleaned(forms.CauseForm(request.POST, prefix="cause"))
    interventions.set_cause(plan, seen=_number(request, "seen"), **data, **_by(request))
    return "The root cause is noted.", "cause"


def _assign(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    if not may_assign(request.user):
        raise Http404("No such action.")
    people = selectors.people_for(plan.account)
    data = _cleaned(forms.OwnerForm(request.POST, prefix="owner", people=people))
    interventions.assign(plan, seen=_number(request, "seen"), **data, **_by(request))
    return f"The plan is {plan.owner}'s." if plan.owner else "The plan has no owner now.", ""


def _risk_add(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    data = _cleaned(forms.RiskForm(request.POST, prefix="risk"))
    interventions.add_risk(plan, **data, **_by(request))
    return "The risk is noted.", "risks"


def _risk_state(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    rows = plan.risks.select_related("intervention")
    risk = get_object_or_404(rows, pk=_number(request, "risk"))
    data = _cleaned(forms.RiskStateForm(request.POST))
    interventions.edit_risk(risk, values=data, **_by(request))
    return "The risk is changed.", "risks"


def _kpi_add(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    data = _cleaned(forms.KpiForm(request.POST, prefix="kpi"))
    kpi = interventions.add_kpi(plan, **data, **_by(request))
    return f"{kpi.label} is a KPI of the plan.", "kpis"


def _close(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    data = _cleaned(forms.CloseForm(request.POST, prefix="close"))
    interventions.close(plan, on=today(), seen=_number(request, "seen"), **data, **_by(request))
    return f"The plan is closed: {plan.get_outcome_display().lower()}.", ""


def _reopen(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    data = _cleaned(forms.ReasonForm(request.POST, prefix="reopen"))
    interventions.reopen(plan, on=today(), seen=_number(request, "seen"), **data, **_by(request))
    return "The plan is open again.", ""


def _move(request: HttpRequest, pk: int) -> tuple[str, str]:
    plan = _plan(request, pk)
    version = get_object_or_404(PlaybookVersion, pk=_number(request, "version"))
    interventions.move_to(plan, version, on=today(), seen=_number(request, "seen"), **_by(request))
    return f"The plan follows version {version.number} now.", "tasks"


_ACTS: dict[str, Act] = {
    "finish": _finish,
    "approve": _approve,
    "send_back": _send_back,
    "skip": _skip,
    "task_open": _task_open,
    "task_edit": _task_edit,
    "task_add": _task_add,
    "cause": _cause,
    "assign": _assign,
    "risk_add": _risk_add,
    "risk_state": _risk_state,
    "kpi_add": _kpi_add,
    "close": _close,
    "reopen": _reopen,
    "move": _move,
}
