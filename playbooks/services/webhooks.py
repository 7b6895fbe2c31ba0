"""Webhooks: made with a secret that is shown once, changed, tried, taken away."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from django.db.models import QuerySet

from accounts import audit
from csm.lib.errors import WorkbenchError
from playbooks.models import Delivery, Severity, Webhook
from playbooks.services import delivery, outbound

# Of one colleague, and of the house with its teams.
MOST: Final = 20
FIELDS: Final = ("name", "url", "format", "kinds", "min_severity", "team", "is_active")


def seen_by(user: Any) -> QuerySet[Webhook]:
    """Webhooks `user` may look at and change: their own; admins also those of teams and the house."""
    own = Webhook.objects.filter(user=user)
    shared = Webhook.objects.filter(user=None)
    return (own | shared if user.is_admin else own).select_related("team", "user")


def create(values: Mapping[str, Any], *, by: Any, shared: bool) -> tuple[Webhook, str]:
    """A new webhook and its secret, which is not shown again; `shared` is of a team or the house.

    Raises WorkbenchError (AddressRefused among them) for an address that must not be called, for sharing
    without being an admin, and beyond `MOST`.
    """
    if shared and not by.is_admin:
        raise WorkbenchError("Only an admin makes a webhook for others than themselves.")
    owner = None if shared else by
    if Webhook.objects.filter(user=owner).count() >= MOST:
        raise WorkbenchError(f"There are {MOST} webhooks, the most there can be. Remove one first.")
    outbound.check(values["url"])
    secret = _secret()
    hook = Webhook.objects.create(
        secret=secret, user=owner, **{name: values[name] for name in FIELDS if name in values}
    )
    _record("made", hook, by)
    return hook, secret


def change(hook: Webhook, values: Mapping[str, Any], *, by: Any) -> None:
    """Change what is given. Raises WorkbenchError as `create`."""
    _theirs(hook, by)
    if "url" in values and values["url"] != hook.url:
        outbound.check(values["url"])
    known = {name: value for name, value in values.items() if name in FIELDS}
    if hook.user_id is not None:
        known.pop("team", None)
    for name, value in known.items():
        setattr(hook, name, value)
    hook.save(update_fields=list(known))
    _record("changed", hook, by)


def new_secret(hook: Webhook, *, by: Any) -> str:
    """Sign with another secret from now on; it is not shown again."""
    _theirs(hook, by)
    hook.secret = _secret()
    hook.save(update_fields=["secret"])
    _record("gave another secret to", hook, by)
    return hook.secret


def remove(hook: Webhook, *, by: Any) -> None:
    """Remove it with its log; what waits for it is not sent."""
    _theirs(hook, by)
    _record("removed", hook, by)
    hook.delete()


def _record(what: str, hook: Webhook, by: Any) -> None:
    # The host alone: addresses of chat rooms hold their secret.
    host = urlsplit(hook.url).hostname or ""
    audit.record(audit.Kind.ACCESS, f"{what} a webhook to {host}", by=by)


def send_test(hook: Webhook, *, by: Any, at: datetime) -> Delivery:
    """Send a message right now; the row says how it went. Tried once."""
    _theirs(hook, by)
    row = Delivery.objects.create(
        channel=Delivery.Channel.WEBHOOK,
        webhook=hook,
        about=f"hook:{hook.pk}:test:{uuid4().hex}",
        payload={
            "kind": "test",
            "title": "A test from the CSM workbench",
            "body": f"Sent by {by}. If you read this, “{hook.name}” works.",
            "path": "/notices/webhooks/",
            "about": "test",
            "severity": int(Severity.LOW),
            "account": None,
            "for": by.get_username(),
            "at": at.isoformat(),
        },
        # So that a failure gives it up at once.
        attempts=len(delivery.BACKOFF) + 1,
        lease_until=at + delivery.LEASE,
        next_at=at,
        created_at=at,
    )
    delivery.attempt(row, at=at)
    row.refresh_from_db()
    return row


def _secret() -> str:
    return f"whsec_{secrets.token_urlsafe(32)}"


def _theirs(hook: Webhook, by: Any) -> None:
    if hook.user_id != by.pk and not (hook.user_id is None and by.is_admin):
        raise WorkbenchError("This webhook is another's.")
