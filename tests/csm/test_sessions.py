"""Logging in and out, and changing one's password."""

import pytest
from django.urls import reverse

PASSWORD = "a long pass phrase"


def test_log_in_goes_on_to_the_page_that_was_asked_for(owner, client):
    asked = client.get(reverse("portfolio") + "?band=Low")
    assert asked.status_code == 302
    answer = client.post(asked["Location"], {"username": "owner", "password": PASSWORD})
    assert answer["Location"] == "/portfolio/?band=Low"


def test_it_never_goes_on_to_another_site(owner, client):
    answer = client.post(
        "/login/?next=https://evil.example/", {"username": "owner", "password": PASSWORD}
    )
    assert answer["Location"] == reverse("home")


@pytest.mark.parametrize("credentials", [("owner", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_log_in_does_not_say_which_half_is_wrong(owner, client, credentials):
    username, password = credentials
    answer = client.post("/login/", {"username": username, "password": password})
    assert answer.status_code == 200
    assert "Please enter a correct username and password" in answer.content.decode()


def test_someone_who_left_cannot_log_in(owner, client):
    owner.is_active = False
    owner.save()
    answer = client.post("/login/", {"username": "owner", "password": PASSWORD})
    assert answer.status_code == 200


def test_log_out_is_a_post(owner, client):
    client.force_login(owner)
    assert client.get("/logout/").status_code == 405
    assert client.get("/").status_code == 200
    client.post("/logout/")
    assert client.get("/").status_code == 302


def test_a_changed_password_counts_at_once(owner, client):
    client.force_login(owner)
    fresh = "another long pass phrase"
    form = {"old_password": PASSWORD, "new_password1": fresh, "new_password2": fresh}
    assert client.post(reverse("password_change"), form)["Location"] == reverse(
        "password_change_done"
    )
    client.post("/logout/")
    assert client.login(username="owner", password=fresh)


def test_probes_answer_without_a_log_in(client, db):
    assert client.get("/healthz").content == b"ok\n"
    assert client.get("/readyz").content == b"ready\n"
