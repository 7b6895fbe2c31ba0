"""Detaching a colleague from single sign-on: oneself with another way in, and by an admin."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client

from accounts.models import AuditEvent
from tests.csm.test_sessions import PASSWORD, is_in, log_in

OWN = "/account/security/identity/"


@pytest.fixture
def known(owner, outsider, colleague):
    """The owner and an outsider known to the provider, the colleague not."""
    for user in (owner, outsider):
        SocialAccount.objects.create(user=user, provider="sso", uid=f"{user.username}-1")
    return owner


def attached() -> set[str]:
    return set(SocialAccount.objects.values_list("user__username", flat=True))


def test_oneself_with_a_password_ends_the_other_sessions(known, client):
    other = Client()
    log_in(other)
    log_in(client)
    page = client.get("/account/security/").content.decode()
    assert OWN in page
    assert "data-confirm" in page
    assert is_in(other)
    assert client.get(OWN).status_code == 405
    assert client.post(OWN)["Location"] == "/account/security/"
    assert attached() == {"outsider"}
    assert OWN not in client.get("/account/security/").content.decode()
    assert not is_in(other)
    event = AuditEvent.objects.get(what__startswith="detached")
    assert (event.by, event.detail["known there as"]) == (known, "owner-1")
    client.post(OWN)
    assert AuditEvent.objects.filter(what__startswith="detached").count() == 1


def test_an_old_session_proves_the_password_first(known, client):
    client.force_login(known)
    asked = client.post(OWN)
    assert asked["Location"].startswith("/account/security/password/")
    assert attached() == {"owner", "outsider"}
    client.post(asked["Location"], {"password": PASSWORD}, follow=True)
    assert attached() == {"outsider"}


@pytest.mark.parametrize("why", ["no password", "the only door"])
def test_not_the_only_way_in(why, known, client, settings):
    log_in(client)
    if why == "no password":
        client.logout()
        known.set_unusable_password()
        known.save()
        client.force_login(known)
        client.get("/account/security/")
        session = client.session
        session["account_authentication_methods"] = [{"method": "socialaccount", "at": 1e12}]
        session.save()
    else:
        settings.OIDC_ONLY = True
    page = client.get("/account/security/").content.decode()
    assert OWN not in page
    assert "ask an admin" in page
    assert client.post(OWN).status_code == 404
    assert attached() == {"owner", "outsider"}


def test_an_admin_detaches_somebody_who_is_out_then(known, admin, client):
    out, browser = f"/people/{known.pk}/identity/", Client()
    browser.force_login(known)
    browser.get("/")
    client.force_login(admin)
    assert out in client.get(f"/people/{known.pk}/").content.decode()
    said = client.post(out, follow=True).content.decode()
    assert "is detached from" in said
    assert attached() == {"outsider"}
    assert not is_in(browser)
    assert AuditEvent.objects.filter(by=admin, what__startswith="detached").count() == 1
    # Nothing to detach is said, not recorded; one's own is on one's own page.
    assert "is not attached" in client.post(out, follow=True).content.decode()
    assert client.post(f"/people/{admin.pk}/identity/").status_code == 404
    assert AuditEvent.objects.filter(what__startswith="detached").count() == 1


def test_nobody_else_does(known, outsider, manager, executive, colleague, client):
    for user in (outsider, manager, executive, colleague):
        client.force_login(user)
        assert client.post(f"/people/{known.pk}/identity/").status_code == 404
    client.logout()
    assert client.post(f"/people/{known.pk}/identity/").status_code == 302
    assert client.post(OWN).status_code == 302
    log_in(client, "colleague")
    client.post(OWN)
    assert attached() == {"owner", "outsider"}
