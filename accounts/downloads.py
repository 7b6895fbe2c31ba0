"""What the views that hand out files have in common: who takes what is recorded before the first byte."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from accounts import audit


def record_export(
    request: HttpRequest, what: str, rows: int | None, query: str | None = None
) -> None:
    """Note that the colleague of `request` takes `rows` rows of `what` (None: nobody counted, as of a file).

    `query` is how it was filtered, the address's own when absent.
    """
    user: Any = request.user
    asked = request.GET.urlencode() if query is None else query
    detail: dict[str, Any] = {"rows": rows} if rows is not None else {}
    if asked:
        detail["query"] = asked[:4_000]
    audit.record(audit.Kind.EXPORT, f"exported {what}", by=user, at=timezone.now(), detail=detail)
