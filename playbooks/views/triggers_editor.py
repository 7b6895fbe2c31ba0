"""Making, changing, copying and switching triggers: admins only."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require_admin, visible_to
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from csm.lib.typed import whole
from playbooks.forms import triggers as forms
from playbooks.forms.trigger_conditions import NotEditable, Words
from playbooks.forms.triggers import Editor
from playbooks.models import Alert, Replay, Trigger
from playbooks.rules import Labels, Rule, RuleError, sentence
from playbooks.selectors import triggers as selectors
from playbooks.selectors.triggers import Trial
from playbooks.services import readings, replays, trigger_changes
from playbooks.services.trigger_changes import TriggerError, draft_of
from playbooks.views.shown_night import night_of
from playbooks.views.triggers_cells import account_link, evidence_text, spans
from playbooks.views.triggers_replays import span_of, wake
from playbooks.views.triggers_rows import Choices, parts_shown
from scoring.metrics.catalogue import offered
from scoring.models import ScoreRun

# What a submit of the editor may ask for besides adding and removing rows.
SAVE: Final = "save"
COUNT: Final = "count"
REPLAY: Final = "replay"


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a trigger; it starts switched off. `?replay=` starts from the draft a replay tried."""
    require_admin(request)
    values: dict[str, Any] = {}
    if (asked := whole(request.GET.get("replay", ""))) is not None:
        replay = get_object_or_404(Replay, pk=asked)
        values = {**replay.draft, "name": replay.name}
    return _edit(request, None, values)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """Change a trigger. `?replay=` starts from the draft a replay of it tried."""
    require_admin(request)
    trigger = get_object_or_404(Trigger, key=key)
    values = vars(trigger)
    if (asked := whole(request.GET.get("replay", ""))) is not None:
        values = values | get_object_or_404(Replay, pk=asked, trigger=trigger).draft
    return _edit(request, trigger, values)


def _edit(request: HttpRequest, trigger: Trigger | None, values: Mapping[str, Any]) -> HttpResponse:
    run = night_of(request)
    words, labels = Words(offered()), readings.labels(run)
    # What it says already stays a choice, although nobody else would be offered it.
    choices = {
        "industries": selectors.industries((values.get("scope") or {}).get("industry", ())),
        "playbooks": selectors.playbooks(values.get("playbook_id")),
    }
    if request.method != "POST":
        try:
            editor = forms.of_values(values, words, **choices)
        except NotEditable as error:
            messages.error(request, str(error))
            return redirect("trigger", trigger.key) if trigger else redirect("triggers")
        return _page(request, trigger, editor, run, labels, None, checked=False)
    editor = forms.of_post(request.POST, words, **choices)
    act = request.POST.get("act", "")
    if editor.act(act):
        return _page(request, trigger, editor, run, labels, None, checked=False)
    checked = act in (SAVE, COUNT, REPLAY)
    found = editor.values() if checked else None
    trial = None
    if found is not None:
        try:
            if act == SAVE:
                return _save(request, trigger, editor, found)
            if act == REPLAY:
                return _replay(request, trigger, found)
            if run is not None:
                visible = visible_to(request.user)
                trial = selectors.trial(
                    found, run=run, labels=labels, visible=visible, trigger=trigger
                )
        except (RuleError, TriggerError) as error:
            editor.form.add_error(None, str(error))
    return _page(request, trigger, editor, run, labels, trial, checked=checked)


def _save(
    request: HttpRequest, trigger: Trigger | None, editor: Editor, found: Mapping[str, Any]
) -> HttpResponse:
    kept = trigger_changes.save(
        trigger,
        found,
        by=request.user,
        at=timezone.now(),
        note=editor.form.cleaned_data["note"],
        revision=editor.form.cleaned_data["revision"],
    )
    if trigger is None:
        said = f"{kept.name} is kept and switched off: replay it, then switch it on."
    else:
        said = f"{kept.name} is kept. The coming night judges by it; alerts it opened stay."
    messages.success(request, said)
    return _gone(request, reverse("trigger", args=[kept.key]))


def _replay(
    request: HttpRequest, trigger: Trigger | None, found: Mapping[str, Any]
) -> HttpResponse:
    replay = replays.ask(
        draft=draft_of(found),
        name=found["name"],
        trigger=trigger,
        days=span_of(request.POST),
        by=request.user,
        at=timezone.now(),
    )
    wake(replay)
    return _gone(request, reverse("replay", args=[replay.pk]))


def _gone(request: HttpRequest, url: str) -> HttpResponse:
    """Go to another page, also from a request htmx made."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _page(
    request: HttpRequest,
    trigger: Trigger | None,
    editor: Editor,
    run: ScoreRun | None,
    labels: Labels,
    trial: Trial | None,
    *,
    checked: bool,
) -> HttpResponse:
    documents = editor.documents()
    if not checked:
        # Half-typed rows are no mistakes yet; those that are whole are read out all the same.
        for part in editor.parts.values():
            for group in part.groups:
                group.error = ""
                for row in group.rows:
                    row.errors.clear()
        if editor.form.is_bound:
            editor.form.errors.clear()
    choices = Choices(selectors.components(run), selectors.bands(run), settings.DEFAULT_CURRENCY)
    context = {
        "trigger": trigger,
        "editor": editor,
        "form": editor.form,
        "parts": parts_shown(editor, choices),
        "metrics": _metrics(editor.words),
        "fires": _said(documents["rule"], labels),
        "over": _said(documents["exit"], labels),
        "trial": trial,
        "shown": [
            (account_link(account.pk, account.name), evidence_text(rows))
            for account, rows in trial.shown
        ]
        if trial
        else [],
        "night": run,
        "is_wrong": checked and (bool(editor.form.errors) or None in documents.values()),
        "days": span_of(request.POST),
        "spans": spans(),
    }
    partly = bool(request.headers.get("HX-Request"))
    template = "trigger_editor" if partly else "trigger_edit"
    # htmx shows answers of a good status only.
    status = 422 if context["is_wrong"] and not partly else 200
    response = render(request, f"playbooks/{template}.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _said(document: Mapping[str, Any] | None, labels: Labels) -> str | None:
    """A rule in words; None while it is not whole, empty where there is none."""
    if not document:
        return None if document is None else ""
    try:
        return sentence(Rule.parse(document), labels)
    except RuleError:
        return None


def _metrics(words: Words) -> list[tuple[str, str]]:
    """(label, what stands beside it in the list) of every metric, by label."""
    return sorted((metric.label, key) for key, metric in words.metrics.items())


@require_POST
def copy(request: HttpRequest, key: str) -> HttpResponse:
    """Another trigger with the same values, switched off, open in the editor."""
    user = require_admin(request)
    made = trigger_changes.copy(get_object_or_404(Trigger, key=key), by=user, at=timezone.now())
    messages.success(request, f"{made.name} is a copy, switched off: change what it should do.")
    return redirect("trigger_edit", made.key)


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, key: str) -> HttpResponse:
    """Switch on, with what a replay says of it; switch off, with what becomes of its open alerts."""
    user = require_admin(request)
    trigger = get_object_or_404(Trigger, key=key)
    if request.method == "POST":
        return _switched(request, trigger, request.POST, user)
    run = night_of(request)
    return render(
        request,
        "playbooks/trigger_switch.html",
        {
            "trigger": trigger,
            "told": selectors.told(vars(trigger), readings.labels(run)),
            "replay": selectors.replay_of(trigger),
            "under_way": trigger.replays.filter(state__in=replays.OPEN).first(),
            "open": trigger.alerts.filter(state__in=Alert.OPEN_STATES).count(),
        },
    )


def _switched(request: HttpRequest, trigger: Trigger, post: QueryDict, user: Any) -> HttpResponse:
    on, end_open = post.get("on") == "yes", post.get("then") == "end"
    note = post.get("note", "").strip()[:255]
    if end_open and not on and not note:
        messages.error(request, "Say why its alerts are withdrawn: their owners read it.")
        return redirect("trigger_switch", trigger.key)
    try:
        ended = trigger_changes.switch(
            trigger,
            on,
            by=user,
            at=timezone.now(),
            as_of=today(),
            note=note,
            end_open=end_open,
            revision=whole(post.get("revision", "")),
        )
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("trigger", trigger.key)
    if on:
        messages.success(request, f"{trigger.name} is on: it is judged with the coming night.")
    else:
        kept = f" {ended} open alerts were withdrawn." if end_open else ""
        messages.success(request, f"{trigger.name} is off.{kept}")
    return redirect("trigger", trigger.key)
