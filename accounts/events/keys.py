"""Write keys: what an event sender authenticates with."""

import hashlib
import re
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import ImportRun, Source, WriteKey
from csm.lib.errors import WorkbenchError

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
# How exact "last used" is; a busy sender must not write its key's row with every batch.
_USED_EVERY = timedelta(minutes=5)


class KeyFault(WorkbenchError):
    """A write key that cannot be made."""


@transaction.atomic
def create_key(
    *, name: str, source: str, account_source: str = "", by: Any
) -> tuple[WriteKey, str]:
    """A new key and its text, which is kept nowhere. Raises KeyFault with the remedy.

    The source of events is their own: totals of events are rebuilt from events alone, so they must not
    share it with files.
    """
    if not _SOURCE.fullmatch(source):
        raise KeyFault(
            f"{source!r} cannot name a source: use up to 40 small letters, digits, - and _, "
            "e.g. product."
        )
    taken = (
        Source.objects.filter(key=source).exists()
        or ImportRun.objects.filter(source=source).exists()
    )
    if taken and not WriteKey.objects.filter(source=source).exists():
        raise KeyFault(
            f"The source {source} already sends files or API rows: give its events a name of their "
            f"own, e.g. {source[:33]}-events, and name {source} as the system of its account ids."
        )
    text = f"wk_{secrets.token_urlsafe(24)}"
    key = WriteKey.objects.create(
        name=name,
        source=source,
        account_source=account_source,
        digest=digest(text),
        hint=text[:8],
        created_by=by,
    )
    audit.record(
        audit.Kind.ACCESS,
        f"made the write key “{name}” of {source}",
        by=by,
        detail={"begins": key.hint},
    )
    return key, text


@transaction.atomic
def revoke_key(key: WriteKey, *, by: Any) -> None:
    """Refuse the key from now on; what it sent stays. `by` must be an admin (the door checks it)."""
    if WriteKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        audit.record(
            audit.Kind.ACCESS,
            f"revoked the write key “{key.name}” of {key.source}",
            by=by,
            detail={"begins": key.hint},
        )


def find_key(text: str) -> WriteKey | None:
    """The key of this text, unless revoked. Remembers that it was used, to five minutes."""
    if not text:
        return None
    key = WriteKey.objects.filter(digest=digest(text), revoked_at=None).first()
    now = timezone.now()
    if key and (key.last_used_at is None or now - key.last_used_at > _USED_EVERY):
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - _USED_EVERY)
        WriteKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)
    return key


def digest(text: str) -> str:
    """What is kept of a key. It is 192 random bits, so one round of SHA-256 cannot be guessed back."""
    return hashlib.sha256(text.encode()).hexdigest()
