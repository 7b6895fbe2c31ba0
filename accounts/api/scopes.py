"""What a token may be used for. Rights are the person's; a scope only narrows them."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

FACTS_READ = "facts:read"
FACTS_WRITE = "facts:write"
WORK_READ = "work:read"
WORK_WRITE = "work:write"

# What people choose from, with the sentence that explains it.
SCOPES = {
    FACTS_READ: "Read accounts and their facts",
    FACTS_WRITE: "Write facts of accounts you may change",
    WORK_READ: "Read alerts, plans and tasks",
    WORK_WRITE: "Act on alerts, plans and tasks that are yours to change",
}


class HasScope(BasePermission):
    """The token's scopes include what the view asks for: `read_scope`, or `write_scope` to change things.

    A logged-in browser has no token and is not narrowed.
    """

    code = "scope_missing"
    message = "This token lacks the scope for it. Make one that has it at /account/tokens/."

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            return True
        scope = view.read_scope if request.method in SAFE_METHODS else view.write_scope
        return scope in request.auth.scopes
