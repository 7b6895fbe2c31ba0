"""Read-only links to a plan for somebody without a log-in."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts import audit
from playbooks.models import Intervention, Policy, ShareLink
from playbooks.services.plan_changes import Kind, PlanError, change


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def share(plan: Intervention, *, by: Any, at: datetime, days: int) -> tuple[ShareLink, str]:
    """A new link and its token, which is in this answer and nowhere else.

    `days` until it expires, 1 to `Policy.share_days`. Raises PlanError.
    """
    most = Policy.current().share_days
    if not 1 <= days <= most:
        raise PlanError(f"A link lasts 1 to {most} days.")
    token = secrets.token_urlsafe(32)
    link = ShareLink.objects.create(
        intervention=plan,
        digest=_digest(token),
        created_by=by,
        created_at=at,
        expires_at=at + timedelta(days=days),
    )
    after = {"link": link.pk, "expires_at": link.expires_at}
    change(plan, Kind.SHARED, by=by, at=at, after=after).save()
    audit.record(
        audit.Kind.ACCESS,
        f"shared plan {plan.pk} by a link",
        by=by,
        at=at,
        detail={"expires": link.expires_at.isoformat(timespec="seconds")},
    )
    return link, token


@transaction.atomic
def revoke(link: ShareLink, *, by: Any, at: datetime) -> bool:
    """Take a link back; False when it was taken back before."""
    if not ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=at):
        return False
    after = {"link": link.pk, "revoked_at": at}
    change(link.intervention, Kind.SHARED, by=by, at=at, after=after, reason="Revoked").save()
    what = f"took back a link to plan {link.intervention_id}"
    audit.record(audit.Kind.ACCESS, what, by=by, at=at)
    return True


def opened(token: str, *, at: datetime) -> ShareLink | None:
    """The link of a token that still counts, with this look counted; None when it does not."""
    live = ShareLink.objects.filter(
        digest=_digest(token), revoked_at=None, expires_at__gt=at
    ).filter(intervention__account__merged_into=None)
    link = live.select_related("intervention__account").first()
    if link is not None:
        ShareLink.objects.filter(pk=link.pk).update(opened=F("opened") + 1, last_opened_at=at)
    return link
