"""Requests of event senders: the body opened within bounds, its messages stored once before the answer."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import transaction
from django.utils import timezone

from accounts.events import wake
from accounts.events.messages import MAX_MESSAGE, Envelope, event_of, moment
from accounts.models import Event, WriteKey

# The limits of the public format.
MAX_BODY: Final = 500 << 10
MAX_MESSAGES: Final = 2500


@dataclass
class RefusedRequest(Exception):
    """A request that cannot be read; `message` tells the sender what to change."""

    status: int
    code: str
    message: str
    # Seconds to wait before sending again; 0: sending again changes nothing.
    wait: int = 0


def open_body(raw: bytes, encoding: str) -> bytes:
    """The body, decompressed to at most MAX_BODY bytes whatever it claims to be."""
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        body = raw
    elif encoding in {"gzip", "x-gzip", "deflate"}:
        body = _inflated(raw)
    else:
        raise RefusedRequest(
            415, "unsupported_encoding", f"Content-Encoding {encoding[:40]} is not read; use gzip."
        )
    if len(body) > MAX_BODY:
        raise too_large()
    return body


def too_large() -> RefusedRequest:
    """More than the format allows in one request."""
    return RefusedRequest(
        413, "payload_too_large", f"A request may have {MAX_BODY} bytes: send smaller batches."
    )


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Reads what clients write beyond the standard: NaN, lone surrogates."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = _leniently(body)
    if not isinstance(read, dict):
        raise RefusedRequest(400, "invalid_json", "The body is no JSON object.")
    return read


def messages_in(body: dict[str, Any], size: int, kind: str) -> tuple[list[Any], Envelope]:
    """The messages of a request and what it says of all of them. `kind` "" is a batch.

    `size` is the body's in bytes; a single message may have MAX_MESSAGE.
    """
    now = timezone.now()
    if kind:
        if size > MAX_MESSAGE:
            raise RefusedRequest(
                400, "payload_too_large", f"A message may have {MAX_MESSAGE} bytes."
            )
        single = {key: value for key, value in body.items() if key != "writeKey"}
        return [single], Envelope(received_at=now, kind=kind)
    batch = body.get("batch")
    if not isinstance(batch, list):
        raise RefusedRequest(400, "invalid_batch", "batch is no list of messages.")
    if len(batch) > MAX_MESSAGES:
        raise RefusedRequest(
            413,
            "payload_too_large",
            f"A batch may have {MAX_MESSAGES} messages: send smaller ones.",
        )
    context = body.get("context")
    return batch, Envelope(
        received_at=now,
        sent_at=moment(body.get("sentAt")),
        context=context if isinstance(context, dict) else None,
    )


def store(key: WriteKey, messages: Sequence[Any], envelope: Envelope) -> None:
    """Keep the messages, each once per source; committed when this returns.

    Those that cannot be used are kept too, with the reason. What they mean is found out afterwards.
    """
    events = [event_of(message, envelope) for message in messages]
    for event in events:
        event.source = key.source
        event.write_key = key
        event.received_at = envelope.received_at
    # Two senders of the same messages must meet them in one order, or each waits for the other.
    events.sort(key=lambda event: event.message_id)
    with transaction.atomic():
        Event.objects.bulk_create(events, ignore_conflicts=True, batch_size=500)
        transaction.on_commit(wake.wake)


def _inflated(raw: bytes) -> bytes:
    # 32 more than the window: finds out by itself whether it is gzip or zlib.
    engine = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        body = engine.decompress(raw, MAX_BODY + 1)
    except zlib.error:
        raise RefusedRequest(
            400, "invalid_encoding", "The body is not compressed as Content-Encoding says."
        ) from None
    if len(body) <= MAX_BODY and not engine.eof:
        raise RefusedRequest(400, "invalid_encoding", "The compressed body ends too early.")
    return body


def _leniently(body: bytes) -> Any:
    try:
        read = json.loads(body, parse_constant=lambda _: None)
        # A lone surrogate is no text a database can keep.
        text = json.dumps(read, ensure_ascii=False).encode("utf-8", "replace")
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedRequest(400, "invalid_json", "The body is not valid JSON.") from None
