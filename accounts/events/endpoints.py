"""Addresses of the public Segment HTTP tracking format; its official clients work unmodified."""

import base64
import binascii
import logging
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.api.throttling import counted
from accounts.events import receive
from accounts.events.keys import find_key
from accounts.events.receive import RefusedRequest

log = logging.getLogger("csm.events")


@csrf_exempt
@login_not_required
@require_POST
def ingest(request: HttpRequest, kind: str = "") -> HttpResponse:
    """One message of `kind`, or a batch. 200 means: stored, exactly once, on disk.

    400 body or JSON that cannot be read, 401 no valid write key, 413 too large, 429 more than EVENTS_RATE,
    503 the database is busy: clients send again after both. A batch with some bad messages is taken; the
    page of events lists those.
    """
    try:
        raw = request.read(receive.MAX_BODY + 1)
        if len(raw) > receive.MAX_BODY:
            raise receive.too_large()
        body = receive.open_body(raw, request.headers.get("Content-Encoding", ""))
        read = receive.read_json(body)
        key = find_key(_write_key(request, read))
        if key is None:
            raise RefusedRequest(
                401, "unauthorized", "The write key is missing, unknown or revoked."
            )
        allowed, left = counted(f"key:{key.pk}", "EVENTS_RATE")
        if not allowed:
            raise RefusedRequest(
                429,
                "rate_limited",
                f"This key may send {left.limit} requests in its window: send larger batches.",
                wait=left.reset,
            )
        messages, envelope = receive.messages_in(read, len(body), kind)
        receive.store(key, messages, envelope)
    except RefusedRequest as refusal:
        return _refuse(refusal)
    except OperationalError:
        log.warning("events were sent back: the database is busy", exc_info=True)
        return _refuse(
            RefusedRequest(503, "unavailable", "Not stored: the database is busy. Send it again.")
        )
    return JsonResponse({"success": True})


def _write_key(request: HttpRequest, body: dict[str, Any]) -> str:
    """The user name of basic authentication, else `writeKey` in the body."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            name = ""
        if name:
            return name
    key = body.get("writeKey")
    return key if isinstance(key, str) else ""


def _refuse(refusal: RefusedRequest) -> JsonResponse:
    answer = JsonResponse(
        {"success": False, "code": refusal.code, "message": refusal.message}, status=refusal.status
    )
    if refusal.status == 401:
        answer["WWW-Authenticate"] = 'Basic realm="events", charset="UTF-8"'
    if refusal.wait:
        answer["Retry-After"] = str(refusal.wait)
    return answer
