"""Logging in and out, one's own password and sessions, and who never gets in."""

import re
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from csm.models import ApiToken, LogInTries
from csm.sign_in import tries
from csm.sign_in.sessions import device
from csm.tokens import services as tokens

PASSWORD = "a long pass phrase"
FRESH = "another long pass phrase"


def log_in(client, username="owner", password=PASSWORD, url="/login/", **more):
    return client.post(url, {"username": username, "password": password}, **more)


def is_in(client) -> bool:
    return client.get("/account/security/").status_code == 200


def told() -> list[str]:
    return [event.what for event in AuditEvent.objects.order_by("id")]


def test_log_in_goes_on_to_the_page_that_was_asked_for(owner, client):
    asked = client.get(reverse("portfolio") + "?band=Low")
    assert asked.status_code == 302
    answer = log_in(client, url=asked["Location"])
    assert answer["Location"] == "/portfolio/?band=Low"


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//x.y",
    ],
)
def test_it_never_goes_on_to_another_site(owner, client, there):
    page = client.get("/login/", {"next": there}).content.decode()
    assert 'href="https://evil' not in page
    answer = client.post("/login/", {"username": "owner", "password": PASSWORD, "next": there})
    assert answer["Location"] == reverse("home")


def test_a_wrong_log_in_does_not_say_which_half_is_wrong(owner, client):
    pages = [
        re.sub(r'value="[^"]*"', "", log_in(client, *who).content.decode())
        for who in (("owner", "wrong"), ("nobody", PASSWORD))
    ]
    assert pages[0] == pages[1]
    assert "Please enter a correct username and password" in pages[0]
    # A name nobody has may be a password in the wrong field: it is not kept.
    assert [event.by_name for event in AuditEvent.objects.order_by("id")] == [
        "owner",
        "unknown name",
    ]
    assert "nobody" not in str(list(LogInTries.objects.values_list("key")))


def test_someone_who_left_cannot_log_in(owner, client):
    owner.is_active = False
    owner.save()
    assert log_in(client).status_code == 200
    assert not is_in(client)
    assert AuditEvent.objects.get().detail == {"why": "not active", "user": "owner"}


def test_the_trail_says_who_came_from_where_and_went(owner, client):
    log_in(client, REMOTE_ADDR="203.0.113.9")
    client.post("/logout/")
    came, went = AuditEvent.objects.order_by("id")
    assert (came.what, came.by, came.address) == ("logged in", owner, "203.0.113.9")
    assert came.detail == {"with": "password", "second factor": False}
    assert (went.what, went.by) == ("logged out", owner)


def test_log_out_is_a_post_with_a_token(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/").status_code == 403
    assert is_in(client)
    token = re.search(
        r'csrfmiddlewaretoken" value="(\w+)"', client.get("/password/").content.decode()
    )
    client.post("/logout/", {"csrfmiddlewaretoken": token[1]})
    assert not is_in(client)


def test_a_session_has_another_key_after_the_log_in(owner, client):
    client.get("/login/")
    session = client.session
    session["planted"] = 1
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before
    assert not client.session.exists(before)


def test_nobody_makes_an_account(client, db):
    for path in ("/signup/", "/accounts/signup/", "/login/signup/", "/3rdparty/signup/"):
        assert client.post(path, {"username": "eve", "password1": FRESH}).status_code in (302, 404)
    from csm.models import User

    assert not User.objects.exists()


def test_too_many_tries_lock_the_account_for_a_while_and_an_admin_lifts_it(
    owner, admin, client, settings, monkeypatch
):
    for _ in range(settings.LOGIN_TRIES):
        log_in(client, password="wrong")
    answer = log_in(client).content.decode()
    assert "Too many failed tries" in answer
    assert not is_in(client)
    lock = AuditEvent.objects.get(what__startswith="was locked out")
    assert (lock.by_name, lock.detail["locked"]) == ("owner", "name")
    # From elsewhere too, and the same for a name nobody has.
    assert "Too many" in log_in(client, REMOTE_ADDR="203.0.113.1").content.decode()
    for _ in range(settings.LOGIN_TRIES):
        log_in(client, "nobody", REMOTE_ADDR="203.0.113.2")
    assert "Too many" in log_in(client, "nobody").content.decode()
    boss = Client()
    boss.force_login(admin)
    assert "Lift the lock-out" in boss.get(reverse("person", args=[owner.pk])).content.decode()
    boss.post(reverse("person_lift", args=[owner.pk]))
    assert log_in(client)["Location"] == "/"
    assert AuditEvent.objects.filter(by=admin, what="lifted the lock-out of owner").exists()


def test_a_lock_ends_by_itself(owner, client, settings):
    for _ in range(settings.LOGIN_TRIES):
        log_in(client, password="wrong")
    LogInTries.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert log_in(client)["Location"] == "/"


def test_an_address_that_tries_many_names_is_locked_out(owner, admin, client, settings):
    settings.LOGIN_TRIES_PER_ADDRESS = 8
    for number in range(8):
        log_in(client, f"name{number}", REMOTE_ADDR="2001:db8::1")
    before = AuditEvent.objects.count()
    # Its whole network: there are many addresses in it.
    for number in range(8):
        answer = log_in(client, f"other{number}", REMOTE_ADDR=f"2001:db8::{number}")
        assert "Too many" in answer.content.decode()
    assert AuditEvent.objects.count() == before, "locked tries do not flood the trail"
    assert log_in(client, REMOTE_ADDR="203.0.113.3")["Location"] == "/"
    client.force_login(admin)
    assert "2001:db8::/64" in client.get(reverse("people")).content.decode()
    client.post(reverse("address_lift"), {"address": "2001:db8::/64"})
    assert not LogInTries.objects.filter(key__startswith="address:2001").exists()


def test_right_passwords_of_many_from_one_address_lock_nobody_out(owner, settings):
    settings.LOGIN_TRIES_PER_ADDRESS = 3
    for _ in range(5):
        assert log_in(Client())["Location"] == "/"


def test_tries_at_the_same_moment_are_as_many_as_one_after_another(owner, settings, monkeypatch):
    monkeypatch.setattr(tries, "PATIENCE", 0)
    keys, now = tries.allowed("owner", None), timezone.now()
    taken = [tries.take(keys, at=now) for _ in range(settings.LOGIN_TRIES + 3)]
    assert taken == [True] * settings.LOGIN_TRIES + [False] * 3


def test_a_changed_password_counts_at_once_and_ends_the_other_sessions(owner, client):
    log_in(client)
    elsewhere = Client()
    log_in(elsewhere)
    form = {"old_password": PASSWORD, "new_password1": FRESH, "new_password2": FRESH}
    answer = client.post(reverse("password_change"), form)
    assert answer["Location"] == reverse("password_change_done")
    assert is_in(client)
    assert not is_in(elsewhere)
    assert UserSession.objects.filter(user=owner).count() == 1
    assert "changed the own password" in told()
    client.post("/logout/")
    assert log_in(client, password=FRESH)["Location"] == "/"


def test_the_old_password_is_not_guessed_from_a_session(owner, client, settings):
    client.force_login(owner)
    form = {"old_password": "guess", "new_password1": FRESH, "new_password2": FRESH}
    for _ in range(settings.LOGIN_TRIES):
        client.post(reverse("password_change"), form)
    page = client.post(reverse("password_change"), form | {"old_password": PASSWORD})
    assert "Too many failed tries" in page.content.decode()


def test_sessions_are_listed_and_ended(owner, colleague):
    client = Client(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0")
    log_in(client)
    elsewhere = Client(HTTP_USER_AGENT="Mozilla/5.0 (iPhone) Safari/604")
    log_in(elsewhere, REMOTE_ADDR="203.0.113.5")
    page = client.get(reverse("security")).content.decode()
    assert "Firefox on Linux" in page
    assert "Safari on iPhone" in page
    assert "203.0.113.5" in page
    other = UserSession.objects.get(ip="203.0.113.5")
    stranger = Client()
    stranger.force_login(colleague)
    assert stranger.post(reverse("session_end", args=[other.pk])).status_code == 404
    assert is_in(elsewhere)
    client.post(reverse("session_end", args=[other.pk]))
    assert not is_in(elsewhere)
    log_in(elsewhere)
    client.post(reverse("sessions_end"))
    assert is_in(client)
    assert not is_in(elsewhere)
    assert told().count("ended 1 own session") == 2


def test_a_session_is_written_as_seen_now_and_then_only(
    owner, client, django_assert_max_num_queries
):
    from django.test.utils import CaptureQueriesContext

    log_in(client)
    client.get("/favicon.ico")
    with CaptureQueriesContext(connection) as queries:
        client.get("/favicon.ico")
    assert not [q for q in queries if re.match("(INSERT|UPDATE|DELETE)", q["sql"])]
    session = client.session
    session["seen"] -= 301
    session.save()
    UserSession.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    client.get("/favicon.ico")
    assert UserSession.objects.get().last_seen_at > timezone.now() - timedelta(minutes=1)


@pytest.mark.parametrize(("stamp", "ago"), [("seen", 241 * 60), ("since", 12 * 3600 + 1)])
def test_a_session_ends_when_idle_and_when_old(owner, client, stamp, ago):
    log_in(client)
    client.get("/favicon.ico")
    session = client.session
    session[stamp] -= ago
    session.save()
    assert client.get("/")["Location"].startswith("/login/")


def test_a_deactivated_colleague_is_out_at_once(owner, admin, client):
    log_in(client)
    _, text = tokens.create(
        owner, name="x", scopes=["facts:read"], days=1, by=owner, at=timezone.now()
    )
    boss = Client()
    boss.force_login(admin)
    form = {"username": "owner", "role": "csm", "teams": list(owner.team_ids)}
    boss.post(reverse("admin:csm_user_change", args=[owner.pk]), form)
    owner.refresh_from_db()
    assert not owner.is_active
    assert not is_in(client)
    assert not UserSession.objects.filter(user=owner).exists()
    assert not ApiToken.objects.exists()
    call = client.get("/api/v1/accounts/", headers={"Authorization": f"Bearer {text}"})
    assert call.status_code == 401
    changed = AuditEvent.objects.get(what="changed the user owner")
    assert (changed.detail["before"]["is_active"], changed.detail["after"]["is_active"]) == (
        True,
        False,
    )


def test_an_admin_ends_sessions_and_revokes_tokens(owner, admin, manager, client):
    log_in(client)
    tokens.create(owner, name="Sync", scopes=["facts:read"], days=1, by=owner, at=timezone.now())
    token = ApiToken.objects.get()
    acts = [
        reverse("person_end", args=[owner.pk]),
        reverse("person_token", args=[owner.pk, token.pk]),
        reverse("person_factor", args=[owner.pk]),
        reverse("person_lift", args=[owner.pk]),
        reverse("address_lift"),
    ]
    boss = Client()
    boss.force_login(manager)
    assert {boss.post(url).status_code for url in acts} == {404}
    assert is_in(client)
    boss.force_login(admin)
    assert {boss.get(url).status_code for url in acts} == {405}
    for url in acts[:2]:
        boss.post(url)
    assert not is_in(client)
    assert not ApiToken.objects.exists()
    assert {"made the API token “Sync”", "revoked the API token “Sync”"} <= set(told())


def test_the_administration_has_no_door_of_its_own(owner, admin, client):
    form = {"username": "admin", "password": PASSWORD, "next": "/admin/"}
    answer = client.post("/admin/login/?next=/admin/", form)
    assert answer["Location"] == "/login/?next=%2Fadmin%2F"
    assert not is_in(client)
    assert log_in(client, "admin", url=answer["Location"])["Location"] == "/admin/"
    assert client.get("/admin/password_change/")["Location"] == reverse("password_change")
    client.force_login(owner)
    assert client.get("/admin/", follow=True).status_code == 404
    client.force_login(admin)
    for model in ("account/emailaddress", "mfa/authenticator", "socialaccount/socialapp"):
        assert client.get(f"/admin/{model}/").status_code == 404


def test_passwords_set_in_the_administration_are_recorded(owner, admin, client):
    log_in(client)
    boss = Client()
    boss.force_login(admin)
    boss.post(
        reverse("admin:auth_user_password_change", args=[owner.pk]),
        {"usable_password": "true", "password1": FRESH, "password2": FRESH},
    )
    assert not is_in(client)
    assert "set the password of owner" in told()
    assert log_in(client, password=FRESH)["Location"] == "/"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140", "Edge on Windows"),
        ("curl/8.0", "curl"),
        ("<script>x</script>", "scriptx/script"),
        ("", "Unknown device"),
    ],
)
def test_devices_in_words(agent, words):
    assert device(agent) == words


def test_probes_answer_without_a_log_in(client, db):
    assert client.get("/healthz").content == b"ok\n"
    assert client.get("/readyz").content == b"ready\n"


def test_a_user_without_password_has_none_to_change(owner, client):
    owner.password = make_password(None)
    owner.save()
    client.force_login(owner)
    assert client.get(reverse("password_change")).status_code == 404
    assert "You have no password here" in client.get(reverse("security")).content.decode()
