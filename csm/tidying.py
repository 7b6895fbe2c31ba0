"""What nobody needs any more: sessions that ended, log-in tries of old, answers kept for programs' retries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from accounts.api import idempotency
from csm.models import LogInTries

# Tries count for minutes; a day is long enough for whoever asks why somebody was locked out.
_TRIES_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True)
class Tidied:
    """How many rows went."""

    sessions: int
    tries: int
    answers: int


def tidy(*, at: datetime) -> Tidied:
    """Remove them. Set-based; repeating it, or two at once, does no harm."""
    sessions = Session.objects.filter(expire_date__lt=at).delete()[0]
    there = Session.objects.order_by().values("session_key")
    UserSession.objects.filter(last_seen_at__lt=at - _TRIES_KEPT).exclude(
        session_key__in=there
    ).delete()
    tries = (
        LogInTries.objects.filter(since__lt=at - _TRIES_KEPT)
        .exclude(locked_until__gt=at)
        .delete()[0]
    )
    return Tidied(sessions, tries, idempotency.prune(now=at))
