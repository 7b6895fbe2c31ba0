"""What nobody needs any more goes; what is in use stays."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from csm.models import LogInTries
from csm.tidying import tidy


def test_ended_sessions_and_old_tries_go_and_open_ones_stay(client, owner):
    now = timezone.now()
    client.force_login(owner)
    open_key = client.session.session_key
    Session.objects.create(session_key="ended", session_data="", expire_date=now - timedelta(1))
    for key in ("ended", open_key):
        UserSession.objects.get_or_create(
            session_key=key,
            defaults={"user": owner, "ip": "127.0.0.1", "last_seen_at": now - timedelta(days=3)},
        )
    LogInTries.objects.create(key="name:old", tries=3, since=now - timedelta(days=2))
    LogInTries.objects.create(
        key="name:locked", tries=9, since=now - timedelta(2), locked_until=now + timedelta(hours=1)
    )
    done = tidy(at=now)
    assert (done.sessions, done.tries) == (1, 1)
    assert list(Session.objects.values_list("session_key", flat=True)) == [open_key]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [open_key]
    assert LogInTries.objects.get().key == "name:locked"
    assert tidy(at=now).sessions == 0
