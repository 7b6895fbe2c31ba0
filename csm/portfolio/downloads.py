"""What every download has in common: it is recorded, and no cache keeps it."""

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts.models import ExportLog


def record(request: HttpRequest, what: str, rows: int, query: str | None = None) -> None:
    """Note who takes `rows` rows of what; `query` is the address's own when absent."""
    user: Any = request.user
    asked = request.GET.urlencode() if query is None else query
    ExportLog.objects.create(user=user, what=what, query=asked, rows=rows)


def attach(response: HttpResponseBase, name: str) -> None:
    """Let the browser save `response` under `name`."""
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
