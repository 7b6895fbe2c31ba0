"""What an admin does to scorecards: each view fetches, checks, calls one service and answers."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.access import require_admin
from scoring.engine.spec import SpecError
from scoring.forms import PublishForm
from scoring.models import Scorecard, ScorecardVersion
from scoring.scorecard_selectors import get_scorecard
from scoring.services import versions
from scoring.views.scorecards import page


@require_POST
def load_presets(request: HttpRequest) -> HttpResponse:
    """Load the scorecards that ship and are not there yet."""
    require_admin(request)
    loaded = versions.load_presets()
    if loaded:
        names = ", ".join(version.scorecard.name for version in loaded)
        messages.success(request, f"Loaded and published: {names}.")
    else:
        messages.info(request, "The scorecards that ship are all here already.")
    return redirect("scorecards")


@require_POST
def edit_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Open the draft in the administration; without one, a copy of the active version is started."""
    user = require_admin(request)
    draft = versions.start_draft(get_scorecard(key), by=user)
    return redirect("admin:scoring_scorecardversion_change", draft.pk)


@require_POST
def publish_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Publish the draft with a note; refused with the sentences that say what to change."""
    user = require_admin(request)
    scorecard = get_scorecard(key)
    draft = _draft_of(scorecard)
    form = PublishForm(request.POST)
    if not form.is_valid():
        return page(request, scorecard, number=str(draft.number), form=form, status=422)
    try:
        published = versions.publish(draft, by=user, note=form.cleaned_data["note"])
    except SpecError:
        # The page lists the faults of the draft itself.
        messages.error(request, f"{draft} cannot be published yet: see what to change below.")
        return page(request, scorecard, number=str(draft.number), form=form, status=422)
    except versions.PublishError as error:
        messages.error(request, str(error))
        return redirect("scorecard", key)
    messages.success(request, f"{published} is published; the next night scores with it.")
    return redirect("scorecard", key)


@require_POST
def discard_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Throw the draft away."""
    user = require_admin(request)
    draft = _draft_of(get_scorecard(key))
    try:
        versions.discard(draft, by=user)
    except versions.PublishError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"The draft of {draft.scorecard} is gone.")
    return redirect("scorecard", key)


@require_POST
def activate(request: HttpRequest, key: str) -> HttpResponse:
    """Let the nights score with it; with `default=1` also every account no other scorecard claims."""
    user = require_admin(request)
    scorecard = get_scorecard(key)
    if not scorecard.versions.filter(state=ScorecardVersion.State.ACTIVE).exists():
        messages.error(request, f"{scorecard} has no published version: publish its draft first.")
        return redirect("scorecard", key)
    default = request.POST.get("default") == "1"
    versions.activate(scorecard, by=user, default=default)
    what = "the default" if default else "in use"
    messages.success(request, f"{scorecard} is {what} from the next night on.")
    return redirect(reverse("scorecard", args=[key]))


def _draft_of(scorecard: Scorecard) -> ScorecardVersion:
    draft = (
        scorecard.versions.filter(state=ScorecardVersion.State.DRAFT)
        .select_related("scorecard")
        .first()
    )
    if draft is None:
        raise Http404("There is no draft.")
    return draft
