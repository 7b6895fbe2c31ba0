"""The second factor, with real codes."""

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEvent
from csm.sign_in import second_factor
from tests.csm.test_sessions import is_in, log_in

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SET_UP = "/account/security/factor/new/"


def code(secret: str = SECRET, ahead: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


@pytest.fixture
def guarded(owner):
    Authenticator.objects.create(
        user=owner, type="totp", data={"secret": second_factor.encrypt(SECRET)}
    )
    return owner


def second_step(client, text: str):
    return client.post("/login/code/", {"code": text})


def test_set_up_log_in_and_recovery(owner, client):
    log_in(client)
    page = client.get(SET_UP).content.decode()
    secret = re.search(r"token-text\">(\w+)<", page)[1]
    wrong = client.post(SET_UP, {"code": "000000"})
    assert "This code is wrong" in wrong.content.decode()
    done = client.post(SET_UP, {"code": code(secret)})
    assert done["Location"] == "/account/security/recovery/"
    shown = re.findall(r"<code>(\d{10})</code>", client.get(done["Location"]).content.decode())
    assert len(shown) == 10
    # Once: whoever comes to the machine later does not read them.
    again = client.get(done["Location"]).content.decode()
    assert not [each for each in shown if each in again]
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert AuditEvent.objects.filter(by=owner, what="set up the own second factor").exists()
    other = Client()
    answer = log_in(other, url="/login/?next=/portfolio/")
    assert answer["Location"] == "/login/code/"
    assert not is_in(other)
    assert second_step(other, shown[0])["Location"] == "/portfolio/"
    assert AuditEvent.objects.first().detail == {"with": "password", "second factor": True}
    third = Client()
    log_in(third)
    assert second_step(third, shown[0]).status_code == 200, "a recovery code opens once"
    assert second_step(third, code(secret, 1)).status_code == 302


def test_the_password_alone_opens_nothing(guarded, client):
    log_in(client)
    for path in ("/", "/account/security/", "/admin/", SET_UP, "/account/tokens/"):
        assert client.get(path).status_code == 302
        assert "/login/" in client.get(path)["Location"]
    assert client.get("/api/v1/accounts/").status_code == 401


def test_a_code_is_right_once(guarded, client):
    now = code()
    log_in(client)
    assert second_step(client, now).status_code == 302
    other = Client()
    log_in(other)
    assert second_step(other, now).status_code == 200
    assert not is_in(other)
    # Nor is an older one than the last.
    assert second_step(other, code(ahead=-1)).status_code == 200


def test_codes_are_not_guessed(guarded, client, settings):
    log_in(client)
    for _ in range(settings.LOGIN_TRIES):
        second_step(client, "123456")
    assert "Too many failed tries" in second_step(client, code()).content.decode()
    fresh = Client()
    log_in(fresh)
    assert "Too many" in second_step(fresh, code()).content.decode()
    assert AuditEvent.objects.filter(
        what__startswith="was locked", detail__locked="factor"
    ).exists()


def test_it_is_required_of_those_the_house_says(owner, admin, client, settings):
    settings.REQUIRE_SECOND_FACTOR = "admins"
    log_in(client)
    assert is_in(client)
    boss = Client()
    log_in(boss, "admin")
    for path in ("/", "/audit/", "/admin/", "/password/", "/account/tokens/"):
        assert boss.get(path)["Location"] == SET_UP, path
    assert boss.get("/api/v1/accounts/").status_code == 403
    assert "requires a second factor" in boss.get(SET_UP).content.decode()
    secret = re.search(r"token-text\">(\w+)<", boss.get(SET_UP).content.decode())[1]
    boss.post(SET_UP, {"code": code(secret)})
    assert is_in(boss)
    refused = boss.post("/account/security/factor/remove/").content.decode()
    assert "cannot be taken away" in refused
    settings.REQUIRE_SECOND_FACTOR = "all"
    assert client.get("/")["Location"] == SET_UP


def test_tokens_go_on_working_where_it_is_required(owner, client, settings):
    from django.utils import timezone

    from csm.tokens import services as tokens

    settings.REQUIRE_SECOND_FACTOR = "all"
    _, text = tokens.create(
        owner, name="x", scopes=["facts:read"], days=1, by=owner, at=timezone.now()
    )
    call = client.get("/api/v1/accounts/", headers={"Authorization": f"Bearer {text}"})
    assert call.status_code == 200


def test_it_is_not_changed_from_a_session_left_open(guarded, client):
    log_in(client)
    second_step(client, code())
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()
    remove = "/account/security/factor/remove/"
    asked = client.post(remove)
    assert asked["Location"].startswith("/account/security/password/")
    assert Authenticator.objects.exists()
    wrong = client.post(asked["Location"], {"password": "guess"})
    assert "This is not your password" in wrong.content.decode()
    elsewhere = Client()
    log_in(elsewhere)
    second_step(elsewhere, code(ahead=1))
    assert is_in(elsewhere)
    client.post(asked["Location"], {"password": "a long pass phrase"})
    client.post(remove)
    assert not Authenticator.objects.exists()
    assert not is_in(elsewhere)


def test_an_admin_resets_what_was_lost(guarded, admin, client):
    log_in(client)
    second_step(client, code())
    boss = Client()
    boss.force_login(admin)
    boss.post(reverse("person_factor", args=[guarded.pk]))
    assert not Authenticator.objects.exists()
    assert not is_in(client)
    event = AuditEvent.objects.get(what="reset the second factor of owner")
    assert (event.kind, event.by) == ("access", admin)
    assert log_in(client)["Location"] == "/"
