"""What an admin does to playbooks: each view fetches, checks, calls one service and answers."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require_admin, visible_to
from accounts.models import Account
from csm.lib.dates import today
from csm.lib.errors import WorkbenchError
from playbooks import recipe_words as words
from playbooks.forms import playbooks as forms
from playbooks.forms.playbook_actions import NewForm, PublishForm, SwitchForm
from playbooks.forms.trigger_conditions import Words
from playbooks.models import Playbook, PlaybookVersion, Trigger
from playbooks.selectors import playbooks as selectors
from playbooks.selectors import recommendations
from playbooks.selectors.triggers import bands, components
from playbooks.services import playbooks
from playbooks.services.readings import labels
from playbooks.services.recipes import Recipe, RecipeError, faults, recipe_of, with_parts
from playbooks.views import playbooks_cells as cells
from playbooks.views.playbooks import night
from playbooks.views.triggers_rows import Choices, parts_shown
from scoring.metrics.catalogue import offered
from scoring.models import ScoreRun

State = PlaybookVersion.State


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a playbook: its name and kind, then the editor."""
    user = require_admin(request)
    form = NewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            draft = playbooks.create(**form.cleaned_data, by=user)
        except WorkbenchError as error:
            form.add_error("name", str(error))
        else:
            return redirect("playbook_edit", draft.playbook.key)
    status = 422 if form.is_bound else 200
    return render(request, "playbooks/playbook_new.html", {"form": form}, status=status)


@require_POST
def draft(request: HttpRequest, key: str) -> HttpResponse:
    """Open the draft; without one, a copy of the active version is started."""
    user = require_admin(request)
    playbooks.start_draft(selectors.get_playbook(key), by=user)
    return redirect("playbook_edit", key)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, key: str) -> HttpResponse:
    """The draft as a form. Every button saves what was typed, then does what it says."""
    user = require_admin(request)
    stored = _versions_of(key).get(State.DRAFT)
    if stored is None:
        return redirect("playbook", selectors.get_playbook(key).key)
    now = recipe_of(stored)
    choices = _choices(now)
    if request.method != "POST":
        editor = forms.of_recipe(now, name=stored.playbook.name, **choices)
        return _editor(request, stored, now, editor)
    editor = forms.of_post(request.POST, now=now, **choices)
    act = request.POST.get("act", "save")
    if editor.act(act):
        return _editor(
            request, stored, now, editor, note="Not saved yet: fill in the exit test first."
        )
    if not editor.is_valid():
        return _editor(request, stored, now, editor, status=422)
    recipe, data = editor.recipe(), editor.form.cleaned_data
    acted = forms.acted(recipe, act)
    recipe, anchor = acted or (recipe, "")
    try:
        playbooks.save_draft(stored, recipe, by=user, seen=data["seen"], name=data["name"])
    except WorkbenchError as error:
        messages.error(request, str(error))
        return _editor(request, stored, now, editor, status=409)
    if act == "preview":
        return redirect("playbook_publish", key)
    if not acted:
        messages.success(
            request, "The draft is saved. Nothing changes for others until you publish."
        )
    return redirect(reverse("playbook_edit", args=[key]) + (f"#{anchor}" if anchor else ""))


def _choices(now: Recipe) -> dict[str, Any]:
    industries = Account.objects.exclude(industry="").order_by("industry")
    return {
        "words": Words(offered()),
        "triggers": dict(Trigger.objects.order_by("name").values_list("key", "name")),
        "industries": list(industries.values_list("industry", flat=True).distinct()),
    }


def _editor(
    request: HttpRequest,
    stored: PlaybookVersion,
    recipe: Recipe,
    editor: forms.Editor,
    *,
    note: str = "",
    status: int = 200,
) -> HttpResponse:
    run = night(request)
    fits = None
    if run:
        seen = visible_to(request.user)
        fits = recommendations.audience(stored, accounts=seen, as_of=run.as_of).count()
    return render(
        request,
        "playbooks/playbook_edit.html",
        {
            "playbook": stored.playbook,
            "draft": stored,
            "editor": editor,
            "form": editor.form,
            "exit_words": words.exit_test(recipe, labels(run)) if editor.kept_exit else "",
            "note": note,
            "faults": faults(recipe) if status == 200 and not note else [],
            "fits": fits,
            "as_of": run.as_of if run else None,
            "exit_part": parts_shown(editor.exit_editor, _offered(run))["exit"],
            "metrics": sorted((each.label, key) for key, each in editor.words.metrics.items()),
            "is_wrong": status == 422,
        },
        status=status,
    )


def _offered(run: ScoreRun | None) -> Choices:
    return Choices(components(run), bands(run), settings.DEFAULT_CURRENCY)


@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, key: str) -> HttpResponse:
    """What publishing the draft would change, and publishing it with a note."""
    user = require_admin(request)
    stored, active = _draft_of(key)
    form = PublishForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            playbooks.publish(
                stored, by=user, at=timezone.now(), note=data["note"], seen=data["seen"]
            )
        except RecipeError:
            # The page lists the faults of the draft itself.
            messages.error(request, "It cannot be published yet: see what to change.")
        except WorkbenchError as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                f"Version {stored.number} is published. Plans that run keep their version.",
            )
            return redirect("playbook", key)
    return _preview(request, stored, active, form, status=422 if form.is_bound else 200)


def _preview(
    request: HttpRequest,
    stored: PlaybookVersion,
    active: PlaybookVersion | None,
    form: PublishForm,
    *,
    status: int,
) -> HttpResponse:
    run, known_triggers = night(request), selectors.triggers()
    triggers = selectors.trigger_names(known_triggers)
    recipe, before = recipe_of(stored), recipe_of(active) if active else Recipe()
    sizes = {}
    if run:
        both = [version for version in (stored, active) if version]
        seen = visible_to(request.user)
        sizes = recommendations.audience_sizes(both, seen, as_of=run.as_of, triggers=known_triggers)
    known = words.with_score(labels(run))
    return render(
        request,
        "playbooks/playbook_publish.html",
        {
            "playbook": stored.playbook,
            "draft": stored,
            "active": active,
            "form": form,
            "digest": recipe.digest,
            "faults": faults(recipe, triggers=triggers),
            "changes": words.differences(before, recipe, known, triggers),
            "tiles": cells.publish_tiles(stored, active, sizes, playbooks.moves(stored).count()),
            "as_of": run.as_of if run else None,
        },
        status=status,
    )


@require_POST
def discard(request: HttpRequest, key: str) -> HttpResponse:
    """Throw the draft away."""
    user = require_admin(request)
    stored, _ = _draft_of(key)
    try:
        stays = playbooks.discard_draft(stored, by=user)
    except WorkbenchError as error:
        messages.error(request, str(error))
        return redirect("playbook", key)
    messages.success(request, f"The draft of {stored.playbook.name} is gone.")
    return redirect("playbook", key) if stays else redirect("playbooks")


@require_http_methods(["GET", "HEAD", "POST"])
def switch(request: HttpRequest, key: str) -> HttpResponse:
    """Switch a playbook off, asking what becomes of its open plans, or on again."""
    user = require_admin(request)
    found: Playbook = selectors.get_playbook(key)
    form = SwitchForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            if request.POST.get("to") == "on":
                playbooks.switch_on(found, by=user, note=data["note"])
                messages.success(request, f"{found.name} is on again.")
            else:
                closed = playbooks.switch_off(
                    found,
                    by=user,
                    at=timezone.now(),
                    on=today(),
                    then="close" if data["then"] == "close" else "keep",
                    note=data["note"],
                )
                ending = f" {closed} open plan{'s' * (closed != 1)} closed." if closed else ""
                messages.success(request, f"{found.name} is off.{ending}")
        except WorkbenchError as error:
            messages.error(request, str(error))
        return redirect("playbook", key)
    plans = selectors.running_plans(user, found).count()
    return render(
        request,
        "playbooks/playbook_switch.html",
        {"playbook": found, "form": form, "plans": plans},
        status=422 if form.is_bound else 200,
    )


def _versions_of(key: str) -> dict[str, PlaybookVersion]:
    """Draft and active version of a playbook, with their parts, by state: those there are."""
    rows = PlaybookVersion.objects.filter(playbook__key=key).exclude(state=State.RETIRED)
    return {row.state: row for row in with_parts(rows.select_related("playbook"))}


def _draft_of(key: str) -> tuple[PlaybookVersion, PlaybookVersion | None]:
    """The draft and what is active beside it; Http404 without a draft."""
    versions = _versions_of(key)
    stored = versions.get(State.DRAFT)
    if stored is None:
        raise Http404("There is no draft.")
    return stored, versions.get(State.ACTIVE)
