"""The same write twice: a request with an `Idempotency-Key` is done once and answered the same way again.

The answer is kept in the transaction that writes the rows, so either both are there or neither is. A
request that was refused as a whole is not kept: nothing was written, and a corrected one may use the key.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.errors import Refused
from accounts.models import IdempotentRequest

KEPT = timedelta(days=7)
_KEY = re.compile(r"[\x21-\x7e]{1,120}")
# Longer than any request may take; the mark of a killed process goes by itself.
_IN_FLIGHT_SECONDS = 300

Answer = tuple[int, Any]


def digest_of(path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(path.encode() + b"\n" + body).hexdigest()


def answered(request: Request, do: Callable[[], Answer]) -> Response:
    """What `do` answers to a write, done once where the request has an `Idempotency-Key`."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        status, body = do()
        return Response(body, status=status)
    digest = digest_of(request.path, request._request.body)
    (status, body), replayed = once(request.user, key, digest, do)
    headers = {"Idempotency-Replayed": "true"} if replayed else {}
    return Response(body, status=status, headers=headers)


def once(
    user: Any, key: str, digest: str, do: Callable[[], Answer], *, now: Any = None
) -> tuple[Answer, bool]:
    """`do()` in a transaction, or the answer kept for `key`: ((status, body), whether it was kept).

    Raises Refused: 400 for an unusable key, 409 while the same key is in flight, 422 for another request
    under it.
    """
    if not _KEY.fullmatch(key):
        raise Refused(
            "Idempotency-Key must be 1 to 120 printable ASCII characters without spaces.",
            code="idempotency_key_invalid",
        )
    mark = f"api-idempotent:{user.pk}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not cache.add(mark, 1, timeout=_IN_FLIGHT_SECONDS):
        raise Refused(
            "A request with this Idempotency-Key is being worked on. Ask again in a moment.",
            code="idempotency_in_flight",
            status_code=409,
            headers={"Retry-After": "1"},
        )
    try:
        if (kept := _kept(user, key, digest)) is not None:
            return kept, True
        prune(now=now)
        with transaction.atomic():
            try:
                # First, so that a process that does not share our cache waits here and not after its rows.
                with transaction.atomic():
                    row = IdempotentRequest.objects.create(user=user, key=key, digest=digest)
            except IntegrityError:
                kept = _kept(user, key, digest)
                assert kept is not None
                return kept, True
            status, body = do()
            row.status, row.body = status, body
            row.save(update_fields=["status", "body"])
        return (status, body), False
    finally:
        cache.delete(mark)


def _kept(user: Any, key: str, digest: str) -> Answer | None:
    row = IdempotentRequest.objects.filter(user=user, key=key).exclude(status=None).first()
    if row is None:
        return None
    if row.digest != digest:
        raise Refused(
            "This Idempotency-Key was used for another request. Use a new key for a new request.",
            code="idempotency_key_reused",
            status_code=422,
        )
    assert row.status is not None
    return row.status, row.body


def prune(*, now: Any = None) -> int:
    """Forget answers older than `KEPT`; how many went."""
    old = (now or timezone.now()) - KEPT
    return IdempotentRequest.objects.filter(at__lt=old).delete()[0]
