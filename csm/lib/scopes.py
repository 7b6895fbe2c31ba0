"""The scope switch: whose book a page is about."""

from typing import Any, Final

from django.http import HttpRequest

SCOPES: Final = {"mine": "Mine", "team": "My teams", "all": "All"}


def scope_of(request: HttpRequest) -> str:
    """The scope in the URL, else the one natural for the role: a CSM's own book, a manager's teams."""
    asked = request.GET.get("scope", "")
    if asked in SCOPES:
        return asked
    user: Any = request.user
    # An admin made by a command has the role of a CSM and a book of nobody's.
    if getattr(user, "is_admin", False):
        return "all"
    return {"csm": "mine", "manager": "team"}.get(getattr(user, "role", ""), "all")
