"""Who may tune. Reading scorecards and nights is for everyone who is logged in."""

from typing import Any

from django.http import Http404, HttpRequest


def require_admin(request: HttpRequest) -> Any:
    """The colleague, or 404 when they may not tune: that the page exists is not theirs to know."""
    user: Any = request.user
    if not user.is_admin:
        raise Http404("No such page.")
    return user
