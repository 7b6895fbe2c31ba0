"""The page of one plan, and its print view."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import may_assign, may_write
from csm.lib import markup
from csm.lib.dates import today
from playbooks.access import readers_of, tasks_changeable_by
from playbooks.forms import plans as forms
from playbooks.models import InterventionTask, Risk
from playbooks.selectors import plan_page as selectors
from playbooks.services.plan_changes import is_manager
from playbooks.views import notes
from playbooks.views import plan_cells as cells
from playbooks.views.plan_story import people_in, story


@require_safe
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """Everything about a plan, and what may be done to it."""
    user: Any = request.user
    on, now = today(), timezone.now()
    found: Any = selectors.plan_of(user, pk, on=on)
    parts = selectors.parts(found)
    may = found.may_change
    # Who may change the plan may do its tasks; others those given to them.
    mine = {task.pk for task in parts.tasks}
    if not may:
        doable = tasks_changeable_by(user, on=on).filter(intervention=pk)
        mine = set(doable.values_list("pk", flat=True))
    context = shown(parts, on=on) | {
        "tasks": cells.tasks(
            parts.tasks, on, mine=mine, is_open=found.is_open, manager=is_manager(user) and may
        ),
        "risks": [cells.risk(row) for row in parts.risks],
        "clocks": [cells.clock(row, now) for row in parts.clocks],
        "alerts": parts.alerts,
        "story": story(parts.changes, selectors.names_of(people_in(parts.changes))),
        "cut": len(parts.changes) == selectors.CHANGES,
        "newer": parts.newer,
        "may": may,
        "may_change": may and found.is_open,
        "may_assign": may and found.is_open and may_assign(user),
        "sparkline": markup.sparkline(
            [score for _, score in parts.scores],
            label="Score from 30 days before the start" if parts.scores else "",
            width=120,
            height=28,
        ),
        "url": reverse("plan_act", args=[pk]),
    }
    # Whom a note can mention, and of them who can be given work.
    readers = list(readers_of(found.account)) if may_write(user) else []
    context |= notes.panel(request, found.account, found, readers=readers)
    if context["may_change"]:
        context |= _forms(found, selectors.workers(readers), on)
    elif may:
        context["reason_form"] = forms.ReasonForm(prefix="reopen")
    return render(request, "playbooks/plan.html", context)


@require_safe
def print_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """The plan on paper: no navigation, no buttons."""
    found = selectors.plan_of(request.user, pk)
    parts = selectors.parts(found, work=False)
    context = shown(parts, on=today()) | {
        "tasks": cells.tasks(parts.tasks, today(), mine=(), is_open=False, manager=False),
        "risks": [cells.risk(row) for row in parts.risks],
        "inside": True,
    }
    return render(request, "playbooks/plan_print.html", context)


def shown(parts: selectors.Parts, *, on: Any) -> dict[str, Any]:
    """What the page, the print and the shared view have in common."""
    plan = parts.plan
    health = getattr(plan.account, "health", None)
    after = health.score if plan.is_open and health else plan.score_end
    moved = after - plan.score_start if after is not None and plan.score_start is not None else None
    done = sum(t.state in ("done", "skipped") for t in parts.tasks)
    return {
        "plan": plan,
        "account": plan.account,
        "health": health,
        "score_after": after,
        "score_moved": moved,
        "score_on": health.as_of if plan.is_open and health else plan.closed_on,
        "days_left": (plan.target_on - on).days if plan.is_open else None,
        "days_late": max(0, (on - plan.target_on).days) if plan.is_open else 0,
        "tasks_done": done,
        "tasks_all": len(parts.tasks),
        "kpis": [cells.kpi(row, plan.account.currency, on) for row in parts.kpis],
        "test": cells.exit_test(plan, parts.test),
        "as_of": on,
    }


def _forms(plan: Any, people: dict[int, Any], on: Any) -> dict[str, Any]:
    """The forms of an open plan somebody may change."""
    return {
        "cause_form": forms.CauseForm(
            prefix="cause", initial={"cause": plan.cause, "text": plan.cause_text}
        ),
        "close_form": forms.CloseForm(prefix="close", initial={"outcome": "improved"}),
        "risk_form": forms.RiskForm(prefix="risk"),
        "kpi_form": forms.KpiForm(prefix="kpi"),
        "task_form": forms.TaskForm(
            prefix="task",
            people=people,
            initial={"due_on": on, "assignee": str(plan.owner_id or "")},
        ),
        "owner_form": forms.OwnerForm(
            prefix="owner", people=people, initial={"owner": str(plan.owner_id or "")}
        ),
        "people": people,
        "risk_states": Risk.State.choices,
        "task_states": InterventionTask.State,
    }
