"""The night a page shows."""

from typing import Any

from django.http import HttpRequest

from playbooks.selectors.notices import unread_beside
from scoring.models import ScoreRun
from scoring.selectors import newest_runs


def night_of(request: HttpRequest) -> ScoreRun | None:
    """The night the pages show, asked for once per request: shell and page then agree on it."""
    if not hasattr(request, "night"):
        # The bell needs a number on every page that asks for the night: one statement for both.
        nights: Any = newest_runs(defer=True)
        if request.user.is_authenticated:
            nights = nights.annotate(unread=unread_beside(request.user))
        request.night = nights.first()  # type: ignore[attr-defined]
    found: ScoreRun | None = request.night  # type: ignore[attr-defined]
    return found
