"""Writing the audit trail: who did what to the workbench itself, when and from where.

There is no way here to change or remove an event; the database refuses both (see the migrations).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.models import AuditEvent

Kind = AuditEvent.Kind

# Services do not know of requests: whose address the present one has is set by the middleware.
_address: ContextVar[str | None] = ContextVar("audit_address", default=None)


@contextmanager
def from_address(address: str | None) -> Iterator[None]:
    """Events recorded within, and given no address of their own, came from `address`."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)


def record(
    kind: str,
    what: str,
    *,
    at: datetime | None = None,
    by: Any = None,
    address: str | None = None,
    detail: dict[str, Any] | None = None,
    by_name: str = "",
) -> AuditEvent:
    """Add one event; call it in the transaction of the change, so that neither stands without the other.

    `what` is a short sentence without its subject ("published Engagement 3"); `by` None with no `by_name`
    is the workbench itself; `at` is now unless given, as what was done was done now whatever day it is
    about; `address` is that of the request at hand unless given; `detail` is plain JSON:
    {"rows": n, "query": "…"} of an export, {"before": …, "after": …} of a change. No secrets in it.
    """
    known = by if by is not None and getattr(by, "pk", None) is not None else None
    name = by_name or (str(known.get_full_name() or known.get_username()) if known else "")
    return AuditEvent.objects.create(
        kind=kind,
        # NUL is the one character PostgreSQL refuses, and a log-in form takes anything.
        what=what.replace("\0", "")[:200],
        by=known,
        by_name=name.replace("\0", "")[:150],
        at=at or timezone.now(),
        address=address or _address.get(),
        detail=detail or {},
    )
