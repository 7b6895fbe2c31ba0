"""Tasks to work off: mine, my team's, a colleague's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from accounts.access import may_write
from accounts.downloads import as_csv
from csm.lib.addresses import back_to
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.paging import numbered
from csm.lib.scopes import scope_of
from csm.lib.typed import whole
from playbooks.access import tasks_changeable_by
from playbooks.forms.tasks import TaskActForm
from playbooks.models import InterventionChange, InterventionTask
from playbooks.selectors import tasks as selectors
from playbooks.services import intervention_tasks as services
from playbooks.services.plan_changes import is_manager
from playbooks.views.moments import days_away

State = InterventionTask.State
_SAID = {
    "done": "Done: {}.",
    "skip": "Skipped: {}.",
    "due": "Moved: {}.",
    "approve": "Agreed: {}.",
    "return": "Sent back: {}.",
    "reopen": "Open again: {}.",
}
# The most tasks one act ends at once.
BULK = 500


@dataclass(frozen=True)
class Row:
    """One task with what may be done to it; `heading` opens a group, with how many are in it."""

    task: Any
    heading: str
    count: int | None
    late: bool
    when: str
    may: bool
    may_approve: bool


@require_safe
def tasks(request: HttpRequest) -> HttpResponse:
    """Undone tasks in groups by day, or by account; late ones first."""
    on = today()
    asked = _Asked(request)
    found = asked.tasks(on)
    counts = selectors.counts(found, on=on)
    listed = selectors.listed(
        selectors.in_group(found, asked.group, on=on), by_account=asked.by_account
    )
    total = counts[asked.group] if asked.group else sum(counts.values())
    page, pager = numbered(request, listed, "tasks", total=total)
    shown = list(page.object_list)
    may = selectors.changeable(request.user, shown, on=on) if shown else set()
    return render(
        request,
        "playbooks/tasks.html",
        {
            "rows": list(_rows(shown, counts, may, asked, on)),
            "pager": pager,
            "counts": counts,
            "total": sum(counts.values()),
            "tabs": asked.tabs(counts),
            "views": asked.views(),
            "scope": asked.scope,
            "group": asked.group,
            "colleague": asked.colleague,
            "colleagues": selectors.colleagues(request.user),
            "by_account": asked.by_account,
            "here": request.get_full_path(),
            "query": request.GET.urlencode(),
            "undo": _undo(request),
            "on": on,
        },
    )


@require_safe
def tasks_csv(request: HttpRequest) -> HttpResponseBase:
    """The whole list the address asks for."""
    on = today()
    asked = _Asked(request)
    found = selectors.listed(
        selectors.in_group(asked.tasks(on), asked.group, on=on), by_account=asked.by_account
    )
    return as_csv(request, "tasks", f"tasks-{on}", _lines(found), found.count())


@require_POST
def act(request: HttpRequest, pk: int) -> HttpResponse:
    """Do one thing to one task: done, skip, due, approve, return, reopen."""
    rows = tasks_changeable_by(request.user, on=today())
    task = get_object_or_404(rows.select_related("intervention"), pk=pk)
    back = _back(request)
    form = TaskActForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was changed: choose a day, or what to do.")
        return redirect(back)
    given = form.cleaned_data
    do = given["do"]
    try:
        _apply(task, do, given, by=request.user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect(back)
    messages.success(request, _SAID[do].format(task.title))
    return redirect(_with_undo(back, "task", str(pk)) if do in ("done", "skip") else back)


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Finish the chosen tasks at once; undone as one."""
    chosen = [
        pk for text in request.POST.getlist("id")[:BULK] if (pk := whole(text, 18)) is not None
    ]
    allowed = tasks_changeable_by(request.user, on=today()).filter(pk__in=chosen)
    batch = uuid4()
    done, left = services.finish_many(
        list(allowed.values_list("pk", flat=True)), by=request.user, at=timezone.now(), batch=batch
    )
    back = _back(request)
    if left:
        reasons = " ".join(list(left.values())[:3])
        messages.warning(request, f"{len(left)} left as they are. {reasons}")
    if not done:
        if not left:
            messages.info(request, "No task was chosen that you may finish.")
        return redirect(back)
    messages.success(request, f"{done} task{'' if done == 1 else 's'} done.")
    return redirect(_with_undo(back, "batch", str(batch)))


@require_POST
def undo(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Take back what one finished at once."""
    user: Any = request.user
    mine = InterventionChange.objects.filter(batch=batch, by=user)
    if not (may_write(user) and mine.exists()):
        raise Http404("No such act.")
    back, left = services.undo(batch, by=request.user, at=timezone.now())
    more = f" {left} have changed since and stay as they are." if left else ""
    messages.success(request, f"{back} task{'' if back == 1 else 's'} open again.{more}")
    return redirect(_back(request))


def _apply(task: InterventionTask, do: str, given: dict[str, Any], *, by: Any) -> None:
    at, seen = timezone.now(), given["seen"]
    match do:
        case "done":
            services.finish(task, by=by, at=at, seen=seen)
        case "skip":
            services.skip(task, by=by, at=at, seen=seen, reason=given["reason"])
        case "due":
            if given["due_on"] is None:
                raise WorkbenchError("Choose the day it is due.")
            services.edit(task, by=by, at=at, seen=seen, values={"due_on": given["due_on"]})
        case "approve":
            services.approve(task, by=by, at=at, seen=seen)
        case "return":
            services.send_back(task, by=by, at=at, seen=seen, reason=given["reason"])
        case _:
            services.reopen(task, by=by, at=at)


class _Asked:
    """What the address asks for."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.scope = scope_of(request)
        given = request.GET.get("who", "")
        self.colleague = whole(given, 18)
        self.group = given if (given := request.GET.get("group", "")) in selectors.GROUPS else ""
        self.by_account = request.GET.get("by") == "account"

    def tasks(self, on: date) -> Any:
        return selectors.undone(self.request.user, self.scope, on=on, colleague=self.colleague)

    def tabs(self, counts: dict[str, int]) -> list[dict[str, Any]]:
        found = [("", "All", sum(counts.values()))]
        found += [(key, label, counts[key]) for key, label in selectors.GROUPS.items()]
        return [
            {
                "label": label,
                "url": self._with(group=key),
                "active": key == self.group,
                "count": count,
            }
            for key, label, count in found
            if count or key in ("", "overdue", "today", "week")
        ]

    def views(self) -> list[dict[str, Any]]:
        return [
            {"label": "By day", "url": self._with(by=""), "active": not self.by_account},
            {"label": "By account", "url": self._with(by="account"), "active": self.by_account},
        ]

    def _with(self, **values: str) -> str:
        query = self.request.GET.copy()
        for gone in ("page", "done"):
            query.pop(gone, None)
        for name, value in values.items():
            query.pop(name, None)
            if value:
                query[name] = value
        return f"?{query.urlencode()}"


def _rows(
    shown: Sequence[Any], counts: dict[str, int], may: set[int], asked: _Asked, on: date
) -> Iterator[Row]:
    manager = is_manager(asked.request.user)
    before = None
    for task in shown:
        group = selectors.group_of(task.rank)
        here = task.account_id if asked.by_account else group
        heading, count = "", None
        if here != before:
            heading = task.account.name if asked.by_account else selectors.GROUPS[group]
            count = None if asked.by_account else counts[group]
        before = here
        yield Row(
            task=task,
            heading=heading,
            count=count,
            late=task.due_on is not None and task.due_on < on,
            when=days_away(task.due_on, on) if task.due_on else "",
            may=task.pk in may,
            may_approve=manager and task.pk in may and task.state == State.TO_APPROVE,
        )


def _undo(request: HttpRequest) -> dict[str, str] | None:
    """What the last act can be taken back by: {url, do} of a form."""
    kind, _, value = request.GET.get("done", "").partition(":")
    if kind == "task" and (pk := whole(value, 18)) is not None:
        return {"url": reverse("task_act", args=[pk]), "do": "reopen"}
    if kind == "batch":
        try:
            return {"url": reverse("tasks_undo", args=[UUID(value)]), "do": ""}
        except ValueError:
            return None
    return None


def _back(request: HttpRequest) -> str:
    """Where the person came from, within the workbench and without an old undo."""
    path, _, query = back_to(request, reverse("tasks")).partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("done="))
    return f"{path}?{kept}" if kept else path


def _with_undo(url: str, kind: str, value: str) -> str:
    if url.partition("?")[0] != reverse("tasks"):
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'done': f'{kind}:{value}'})}"


def _lines(found: Any) -> Iterator[Sequence[Any]]:
    yield (
        "account_id",
        "account",
        "plan",
        "task",
        "role",
        "assignee",
        "due_on",
        "state",
        "group",
    )
    for task in found.iterator(1_000):
        yield (
            task.account.external_id,
            task.account.name,
            task.intervention.title,
            task.title,
            task.get_role_display(),
            task.assignee,
            task.due_on,
            task.get_state_display(),
            selectors.GROUPS[selectors.group_of(task.rank)],
        )
