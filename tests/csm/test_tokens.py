"""The page where colleagues make and revoke API tokens."""

import re

import pytest
from django.test import Client

from csm.models import ApiToken
from csm.tokens.services import MOST

PAGE = "/account/tokens/"
NEW = {"name": "Nightly sync", "scopes": ["facts:read", "facts:write"], "expires": "30"}
SHOWN = re.compile(r"csm_[0-9a-f]{64}")


def call(text):
    return Client().get("/api/v1/accounts/", headers={"authorization": f"Bearer {text}"})


def test_a_token_is_shown_once_and_works(owner, client):
    client.force_login(owner)
    answer = client.post(PAGE, NEW)
    text = SHOWN.search(answer.content.decode())[0]
    assert "no-store" in answer["Cache-Control"]
    made = ApiToken.objects.get()
    assert (made.name, made.scopes) == ("Nightly sync", ["facts:read", "facts:write"])
    assert 29 <= (made.expiry - made.created).days <= 30
    assert call(text).status_code == 200
    later = client.get(PAGE).content.decode()
    assert not SHOWN.search(later)
    assert text not in str(ApiToken.objects.values())
    assert "Nightly sync" in later


def test_a_revoked_token_is_dead(owner, client):
    client.force_login(owner)
    text = SHOWN.search(client.post(PAGE, NEW).content.decode())[0]
    url = f"{PAGE}{ApiToken.objects.get().pk}/revoke/"
    assert client.get(url).status_code == 405
    assert client.post(url, follow=True).status_code == 200
    assert call(text).status_code == 401


@pytest.mark.parametrize("who", ["colleague", "manager", "admin"])
def test_another_persons_tokens_are_not_there(who, owner, people, client):
    ApiToken.objects.create(owner, name="Secret sync")
    client.force_login(people[who])
    assert "Secret sync" not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}{ApiToken.objects.get().pk}/revoke/").status_code == 404
    assert ApiToken.objects.count() == 1


def test_an_admin_revokes_a_token_in_the_administration(owner, admin, client):
    token = ApiToken.objects.create(owner, name="Lost laptop")[0]
    client.force_login(admin)
    address = f"/admin/csm/apitoken/{token.pk}/delete/"
    assert client.post(address, {"post": "yes"}, follow=True).status_code == 200
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"scopes": []}, {"scopes": ["everything"]}, {"expires": "9999"}]
)
def test_a_form_that_is_wrong_makes_no_token(change, owner, client):
    client.force_login(owner)
    answer = client.post(PAGE, NEW | change)
    assert answer.status_code == 200
    assert not SHOWN.search(answer.content.decode())
    assert not ApiToken.objects.exists()


def test_nobody_has_more_tokens_than_they_can_overlook(owner, client):
    client.force_login(owner)
    for number in range(MOST):
        ApiToken.objects.create(owner, name=f"T{number}")
    assert "Revoke one first" in client.post(PAGE, NEW).content.decode()
    assert ApiToken.objects.count() == MOST
