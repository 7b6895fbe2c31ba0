"""One message of the public Segment HTTP tracking format, checked and made an Event."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from django.utils import timezone

from accounts.models import Event

MAX_MESSAGE: Final = 32 << 10
KINDS: Final = ("track", "identify", "group", "page", "screen", "alias")
# What rules can make usage of.
ACTIONS: Final = ("track", "page", "screen")

_AHEAD = timedelta(days=1)
_BEHIND = timedelta(days=3653)
_MAX_ID = 120
_MAX_NAME = 200
_DEEPEST = 40
_LARGEST_INTEGER = 1 << 63


class RefusedMessage(ValueError):
    """A message that cannot be used; `str()` says which field, which value and what is expected."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says of all its messages. Times are aware; `context` is the batch's own."""

    received_at: datetime
    sent_at: datetime | None = None
    context: Mapping[str, Any] | None = None
    # Set by the addresses of a single kind.
    kind: str = ""


def event_of(message: Any, envelope: Envelope) -> Event:
    """`message` as an unsaved Event without source; one that cannot be used is in state refused."""
    try:
        message = cleaned(message)
        return _event(message, envelope)
    except RefusedMessage as refusal:
        return _refused(message, envelope, str(refusal))


def cleaned(value: Any, depth: int = 0) -> Any:
    """`value` without what a database cannot keep: NUL characters, NaN, infinities, endless nesting."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST_INTEGER else None
    if depth > _DEEPEST:
        raise RefusedMessage(f"It is nested deeper than {_DEEPEST} levels: send flat properties.")
    if isinstance(value, dict):
        return {cleaned(str(key)): cleaned(entry, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [cleaned(entry, depth + 1) for entry in value]
    return value


def moment(value: Any) -> datetime | None:
    """An ISO 8601 time, without a zone taken as UTC; None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value.strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _event(message: Any, envelope: Envelope) -> Event:
    if not isinstance(message, dict):
        raise RefusedMessage("It is no JSON object.")
    if (size := len(orjson.dumps(message))) > MAX_MESSAGE:
        raise RefusedMessage(f"It has {size} bytes; a message may have {MAX_MESSAGE}.")
    kind = envelope.kind or message.get("type")
    if kind not in KINDS:
        raise RefusedMessage(f"type {_short(kind)} is none of {', '.join(KINDS)}.")
    user = _id(message, "userId") or _id(message, "anonymousId")
    if not user:
        raise RefusedMessage("It has neither userId nor anonymousId: send one of them.")
    at = _at(message, envelope)
    properties = _object(message, "properties")
    traits = _object(message, "traits")
    context = {**(envelope.context or {}), **_object(message, "context")}
    payload: dict[str, Any] = {}
    if kind in ACTIONS:
        payload["properties"] = properties
    elif kind == "alias":
        payload["previousId"] = _needed(message, "previousId", kind)
    else:
        payload["traits"] = traits
    return Event(
        message_id=_message_id(message),
        kind=kind,
        name=_name(message, kind),
        user_id=user,
        group_id=_group(message, kind, properties, traits, context),
        at=at,
        on=timezone.localdate(at),
        payload=payload,
        state=Event.State.WAITING,
    )


def _refused(message: Any, envelope: Envelope, why: str) -> Event:
    """Enough of it to find it at the sender's, and the reason."""
    fields = message if isinstance(message, dict) else {}
    kind = envelope.kind or fields.get("type")
    return Event(
        message_id=_message_id(message),
        kind=kind if kind in KINDS else "",
        name=_text(fields.get("event"))[:_MAX_NAME],
        user_id=_text(fields.get("userId"))[:_MAX_ID],
        group_id="",
        at=envelope.received_at,
        on=timezone.localdate(envelope.received_at),
        state=Event.State.REFUSED,
        note=why[:255],
    )


def _at(message: Mapping[str, Any], envelope: Envelope) -> datetime:
    """When it happened: received_at − (sentAt − timestamp), which takes the sender's clock out."""
    told = message.get("timestamp") or message.get("originalTimestamp")
    if told is None:
        return envelope.received_at
    at = moment(told)
    if at is None:
        raise RefusedMessage(f"timestamp {_short(told)} is no ISO 8601 time.")
    sent = moment(message.get("sentAt")) or envelope.sent_at
    try:
        at = envelope.received_at - (sent - at) if sent else at
    except OverflowError:
        raise RefusedMessage(f"timestamp {_short(told)} leaves the calendar.") from None
    if at - envelope.received_at > _AHEAD:
        raise RefusedMessage(f"timestamp {_short(told)} is more than a day ahead: check its clock.")
    if envelope.received_at - at > _BEHIND:
        raise RefusedMessage(f"timestamp {_short(told)} is more than ten years ago.")
    return at


def _name(message: Mapping[str, Any], kind: str) -> str:
    """The event's name; pages and screens are named as the public libraries' destinations name them."""
    if kind == "track":
        name = message.get("event")
        if not isinstance(name, str) or not name.strip():
            raise RefusedMessage(f"event {_short(name)} is no name; a track message needs one.")
        name = name.strip()
    elif kind in ACTIONS:
        name = " ".join(filter(None, ("Viewed", _text(message.get("name")), kind.capitalize())))
    else:
        return ""
    if len(name) > _MAX_NAME:
        raise RefusedMessage(f"event {_short(name)} is longer than {_MAX_NAME} letters.")
    return name


def _group(
    message: Mapping[str, Any],
    kind: str,
    properties: Mapping[str, Any],
    traits: Mapping[str, Any],
    context: Mapping[str, Any],
) -> str:
    """The account's id as the sender says it, or "" when the user's own group decides."""
    if kind == "group":
        return _needed(message, "groupId", kind)
    company = traits.get("company")
    places: tuple[tuple[Mapping[str, Any], str], ...] = (
        (context, "groupId"),
        (message, "groupId"),
        (properties, "account_id"),
        (properties, "groupId"),
        (traits, "account_id"),
        (company if isinstance(company, dict) else {}, "id"),
    )
    return next((found for holder, key in places if (found := _id(holder, key))), "")


def _needed(message: Mapping[str, Any], key: str, kind: str) -> str:
    value = _id(message, key)
    if not value:
        raise RefusedMessage(f"A {kind} message needs {key}.")
    return value


def _id(holder: Mapping[str, Any], key: str) -> str:
    value = holder.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise RefusedMessage(f"{key} {_short(value)} is neither text nor a number.")
    # A number that went through a spreadsheet: 123.0 is the id 123.
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    text = text.strip()
    if len(text) > _MAX_ID:
        raise RefusedMessage(f"{key} {_short(text)} is longer than {_MAX_ID} letters.")
    return text


def _object(message: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = message.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RefusedMessage(f"{key} {_short(value)} is no JSON object.")
    return value


def _message_id(message: Any) -> str:
    """The sender's id of the message; without one its digest, so that sending it again is seen."""
    told = message.get("messageId") if isinstance(message, dict) else None
    if isinstance(told, str | int) and not isinstance(told, bool):
        text = str(told).replace("\x00", "").strip()
        if 0 < len(text) <= _MAX_ID:
            return text
        if text:
            return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    if isinstance(message, dict):
        # The time of sending changes with every try.
        message = {key: value for key, value in message.items() if key != "sentAt"}
    try:
        body = orjson.dumps(message, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        # Nested too deep, or an integer of more than 64 bits.
        body = str(message).encode("utf-8", "replace")
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _text(value: Any) -> str:
    return value.replace("\x00", "").strip() if isinstance(value, str) else ""


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
