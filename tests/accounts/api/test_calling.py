"""Who may call, how often, and what a caller hears when something is wrong."""

import json

import pytest
from django.test import Client

from accounts.api.resources import RESOURCES
from csm.models import ApiToken

KEYS = [resource.key for resource in RESOURCES]


@pytest.mark.parametrize("key", KEYS)
def test_nobody_gets_in_without_credentials(key, db):
    nobody = Client()
    for response in (
        nobody.get(f"/api/v1/{key}/"),
        nobody.get(f"/api/v1/{key}/1/"),
        nobody.post(f"/api/v1/{key}/", {}, "application/json"),
    ):
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert set(response.json()) == {"detail", "code"}


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer csm_nothing", b"Bearer \xff\xfe", "Basic YTpi"]
)
def test_what_is_no_token_is_401(header, db):
    response = Client(raise_request_exception=False).get(
        "/api/v1/accounts/", HTTP_AUTHORIZATION=header
    )
    assert response.status_code == 401


def test_tokens_die_with_their_owner_their_day_and_their_row(owner, token, api):
    program = api(owner)
    assert program.get("/api/v1/accounts/").status_code == 200
    owner.is_active = False
    owner.save()
    assert program.get("/api/v1/accounts/").status_code == 401
    owner.is_active = True
    owner.save()
    ApiToken.objects.update(expiry="2026-01-01T00:00:00Z")
    assert program.get("/api/v1/accounts/").status_code == 401
    assert ApiToken.objects.count() == 1, "an expired token stays listed"
    ApiToken.objects.update(expiry=None)
    assert program.get("/api/v1/accounts/").status_code == 200
    ApiToken.objects.all().delete()
    assert program.get("/api/v1/accounts/").status_code == 401


def test_a_token_does_what_its_scopes_say(owner, api, book):
    body = {"source": "generic", "rows": [{"external_id": book[0].external_id, "name": "New"}]}
    reading, writing = api(owner, "facts:read"), api(owner, "facts:write")
    assert reading.get("/api/v1/accounts/").status_code == 200
    assert writing.post("/api/v1/accounts/", body).status_code == 200
    for refused in (reading.post("/api/v1/accounts/", body), writing.get("/api/v1/accounts/")):
        assert refused.status_code == 403
        assert refused.json()["code"] == "scope_missing"


def test_a_session_reads_and_writes_only_with_its_csrf_token(owner, book):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert browser.get("/api/v1/accounts/").status_code == 200
    body = {"source": "generic", "rows": [{"external_id": book[0].external_id, "name": "New"}]}
    refused = browser.post("/api/v1/accounts/", body, "application/json")
    assert refused.status_code == 403
    browser.get("/account/tokens/")
    token = browser.cookies["csrftoken"].value
    taken = browser.post(
        "/api/v1/accounts/", body, "application/json", headers={"x-csrftoken": token}
    )
    assert taken.status_code == 200


def test_the_rate_is_limited_per_token_and_says_so(owner, colleague, api, settings):
    settings.API_RATE = "3/hour"
    program, other = api(owner), api(colleague)
    left = []
    for _ in range(3):
        answer = program.get("/api/v1/goals/")
        assert answer.status_code == 200
        assert answer["RateLimit-Limit"] == "3"
        left.append(answer["RateLimit-Remaining"])
    assert left == ["2", "1", "0"]
    refused = program.get("/api/v1/goals/")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 3600
    assert refused["Retry-After"] == refused["RateLimit-Reset"]
    assert refused.json()["code"] == "throttled"
    assert other.get("/api/v1/goals/").status_code == 200
    assert api(owner).get("/api/v1/goals/").status_code == 200, "another token of the same person"


BAD = {
    "no JSON": (b"{", 400),
    "nothing": (b"", 400),
    "not UTF-8": (b'{"source": "\xff"}', 400),
    "NaN": (b'{"source": "x", "rows": [{"value": NaN}]}', 400),
    "a number too large": (b'{"source": "x", "rows": [{"value": 1e999}]}', 400),
    "an integer too large": (b'{"source": "x", "rows": [{"value": 1' + b"0" * 30 + b"}]}", 400),
    "an integer of ages": (b'{"source": "x", "rows": [{"value": ' + b"9" * 6000 + b"}]}", 400),
    "a NUL": (b'{"source": "x", "rows": [{"subject": "a\\u0000b"}]}', 400),
    "a NUL in a key": (b'{"source": "x", "rows": [{"a\\u0000b": 1}]}', 400),
    "half a pair": (b'{"source": "x", "rows": [{"subject": "\\ud800"}]}', 400),
    "depth": (b'{"source": "x", "rows": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "a list": (b"[]", 400),
    "no source": (b'{"rows": [{}]}', 400),
    "a blank source": (b'{"source": " ", "rows": [{}]}', 400),
    "no rows": (b'{"source": "x", "rows": []}', 400),
    "too many rows": (json.dumps({"source": "x", "rows": [{}] * 1001}).encode(), 400),
    "rows of text": (b'{"source": "x", "rows": ["a"]}', 400),
    "a strange key": (b'{"source": "x", "rows": [{}], "mapping": "y"}', 400),
    "a strange day": (b'{"source": "x", "rows": [{}], "as_of": 20261120}', 400),
    "a strange trial": (b'{"source": "x", "rows": [{}], "dry_run": 1}', 400),
    "too many bytes": (b'{"source": "' + b"x" * 3_000_000 + b'"}', 413),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_body_is_refused_in_one_shape(name, admin, api):
    body, status = BAD[name]
    response = api(admin).post("/api/v1/tickets/", body)
    assert response.status_code == status
    answer = response.json()
    assert answer["detail"]
    assert set(answer) <= {"detail", "code", "errors"}


def test_other_formats_methods_and_addresses_get_json_too(admin, api):
    program = api(admin)
    form = program.post("/api/v1/tickets/", b"a=b", "application/x-www-form-urlencoded")
    assert form.status_code == 415
    for response, status in (
        (form, 415),
        (program.put("/api/v1/tickets/"), 405),
        (program.options("/api/v1/tickets/"), 405),
        (program.delete("/api/v1/tickets/1/"), 405),
        (program.get("/api/v1/nothing/"), 404),
        (program.get("/api/v1/tickets/x/"), 404),
    ):
        assert response.status_code == status
        assert response["Content-Type"] == "application/json"
        assert {"detail", "code"} <= set(response.json())
    picky = program.get("/api/v1/tickets/", headers={"accept": "text/html"})
    assert picky["Content-Type"] == "application/json"


def test_what_nobody_expected_is_json_and_a_500(admin, api, monkeypatch):
    from accounts.api import views

    def broken(*args, **kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(views, "narrowed", broken)
    response = api(admin).get("/api/v1/tickets/")
    assert response.status_code == 500
    assert response.json()["code"] == "failed"
    assert "fault of ours" not in response.content.decode()
