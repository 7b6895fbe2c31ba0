"""Lists in pages that neither skip nor repeat a row while others are written.

Rows come in the order of their ids, and a cursor names the last one seen: whatever is inserted meanwhile
comes later. No page costs more than the first.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from accounts.api.errors import Refused, fault

Rows = list[dict[str, Any]]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_CURSOR = re.compile(r"([a-z_]+):([0-9]{1,19})")


def limit_of(text: str | None) -> int:
    """Rows per page asked for; raises Refused unless 1 to 1,000."""
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not 1 <= int(text) <= MAX_LIMIT:
        problem = fault(
            "limit", text, "It is no number from 1 to 1,000.", "Leave it out to get 100 rows."
        )
        raise Refused("limit must be a number from 1 to 1,000.", faults=[problem])
    return int(text)


def after(cursor: str | None, name: str) -> int:
    """The id a page of the list `name` begins after; raises Refused for what is no cursor of it."""
    if cursor is None:
        return 0
    try:
        text = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        found = _CURSOR.fullmatch(text.decode("ascii"))
    except (ValueError, binascii.Error):
        found = None
    if not found or found[1] != name or int(found[2]) >= 2**63:
        problem = fault(
            "cursor", cursor, "It was not given by this list.", "Follow `next` as it is."
        )
        raise Refused("This cursor is not one of this list.", faults=[problem])
    return int(found[2])


def cursor_of(name: str, pk: int) -> str:
    return base64.urlsafe_b64encode(f"{name}:{pk}".encode()).decode()


def page(
    rows: QuerySet[Any], request: Request, name: str, read: Callable[[QuerySet[Any]], Rows]
) -> tuple[Rows, str | None]:
    """One page of `rows` as `read` turns them into dictionaries with `id`, and the next one's address."""
    limit = limit_of(request.query_params.get("limit"))
    start = after(request.query_params.get("cursor"), name)
    found = read(rows.filter(pk__gt=start).order_by("pk")[: limit + 1])
    if len(found) <= limit:
        return found, None
    found.pop()
    query = request._request.GET.copy()
    query["cursor"] = cursor_of(name, found[-1]["id"])
    return found, request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
