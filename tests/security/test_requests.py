"""Requests nobody's browser would send: addresses elsewhere, other hosts, queries as commands, deep bodies."""

import json
import time

import pytest
from django.core import mail
from django.test import Client, RequestFactory

from accounts.ingest.errors import MappingFault
from accounts.ingest.mappings import read_mapping
from accounts.models import Account
from csm.lib.addresses import back_to
from csm.models import ApiToken, User
from scoring.engine.definition import SpecError
from scoring.selectors import newest_run
from scoring.services.versions import read_yaml
from tests.pages import admin_pages, pages

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "javascript:alert(1)",
    "http:evil.example",
    " //evil.example",
    "/\t/evil.example",
    "https:///evil.example",
]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_nobody_is_sent_elsewhere(url, owner, db):
    asked = RequestFactory().post("/", {"next": url})
    assert back_to(asked, "/here/") == "/here/"
    browser = Client()
    answer = browser.post(
        "/login/", {"username": "owner", "password": "a long pass phrase", "next": url}
    )
    assert answer.status_code == 302
    assert answer["Location"] == "/"
    # A log-out and a page of both parameters lead nowhere else either.
    answer = browser.post(f"/logout/?next={url}", {"next": url}, headers={"referer": url})
    assert "evil" not in answer.get("Location", "")


def test_a_line_break_makes_no_header(owner, client):
    client.force_login(owner)
    for answer in (
        client.post("/notices/read/", {"next": "/x\r\nSet-Cookie: a=b"}),
        client.get("/portfolio.csv?q=a%0d%0aSet-Cookie:%20a=b"),
    ):
        assert "a" not in answer.cookies
        assert not any("\n" in value for value in answer.headers.values())


def test_another_host_is_not_believed(owner, settings):
    from playbooks.services.digests import link

    settings.ALLOWED_HOSTS = ["csm.example.com"]
    answer = Client(raise_request_exception=False).get("/login/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "evil.example" not in answer.content.decode()
    assert "Back to home" in answer.content.decode()
    answer = Client().get(
        "/login/", headers={"host": "csm.example.com", "x-forwarded-host": "evil.example"}
    )
    assert answer.status_code == 200
    assert "evil.example" not in answer.content.decode()
    # Links of mails are of the settings, never of a request.
    assert link("/alerts/1/") == f"{settings.BASE_URL}/alerts/1/"
    assert mail.outbox == []


COMMANDS = [
    "'",
    "1; DROP TABLE accounts_account--",
    "' OR 1=1--",
    "name) FROM csm_user--",
    "-owner__password",
    "owner__password",
    "id__in",
    "%",
    "\\",
    "50~1~' OR '1'='1",
    "((((((((((a+)+)+)+)+)+)+)+)+)+$",
    "a" * 3000,
    "\x00",
    "9" * 400,
    "-1",
    "NaN",
    "[]",
]


LISTS = [
    "/portfolio/",
    "/at-risk/",
    "/plans/",
    "/tasks/",
    "/alerts/",
    "/clocks/",
    "/nights/",
    "/imports/",
    "/search/",
    "/audit/",
    "/people/",
    "/triggers/",
    "/playbooks/",
    "/catalogue/",
    "/insights/",
    "/quality/quarantine/",
    "/effect/",
    "/portfolio.csv",
    "/alerts.csv",
    "/api/v1/accounts/",
    "/api/v1/tickets/",
]


def test_no_filter_sort_column_or_cursor_is_a_command(book, admin, client):
    client.force_login(admin)
    client.raise_request_exception = False
    names = ("q", "sort", "cols", "after", "before", "page", "band", "owner", "tab", "cursor")
    faults = []
    for url in LISTS:
        # Every parameter meets every third command, each beside others.
        for turn in range(0, len(COMMANDS), 3):
            asked = {name: COMMANDS[(turn + n) % len(COMMANDS)] for n, name in enumerate(names)}
            started = time.process_time()
            answer = client.get(url, asked)
            if answer.status_code >= 500 or answer.status_code == 404:
                faults.append((url, asked, answer.status_code))
            if time.process_time() - started > 5:
                faults.append((url, asked, "slow"))
    assert not faults
    assert Account.objects.count() == len(book)


# Half a million words: enough to be felt, not enough to hang a machine where nobody counts.
ALIASES = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 7)
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n".join(ALIASES) + "\ncolumns: *a6\nname: *a6\ncomponents: *a6\n", "aliases"),
        ("columns: " + "[" * 5000, "nested"),
        ("columns:\n" + "\n".join(" " * n + "a:" for n in range(1, 400)), "nested"),
        ("columns: " + "9" * 9000, "not valid YAML"),
        ("columns: 2026-13-45", "not valid YAML"),
        ('!!python/object/apply:os.system ["touch ran"]\n', "not valid YAML"),
    ],
    ids=["aliases", "inline", "lines", "number", "date", "object"],
)
@pytest.mark.parametrize("kind", ["scorecard", "mapping"])
def test_yaml_that_grows_or_makes_objects_is_refused(kind, text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sent.yaml"
    path.write_text(text)
    started = time.monotonic()
    with pytest.raises((SpecError, MappingFault), match=said):
        read_yaml(path) if kind == "scorecard" else read_mapping(path, feed="accounts")
    assert time.monotonic() - started < 5
    assert not (tmp_path / "ran").exists()


PRIVILEGES = {
    "role": "admin",
    "is_staff": "on",
    "is_superuser": "on",
    "is_active": "on",
    "teams": "1",
    "groups": "1",
    "user_permissions": "1",
    "password": "another pass phrase",
    "username": "root",
    "owner": "1",
    "team": "1",
    "version": "99",
    "pk": "1",
    "id": "1",
}


def test_nobody_makes_themselves_an_admin(book, owner, client):
    """Every form and address of a CSM is sent with the columns of a user beside its own fields."""
    client.force_login(owner)
    before = User.objects.filter(pk=owner.pk).values().get()
    for url in (pages(book[0], newest_run()) | admin_pages()).values():
        if "/password/" not in url:
            client.post(url, PRIVILEGES)
    client.post(f"/people/{owner.pk}/", PRIVILEGES)
    after = User.objects.filter(pk=owner.pk).values().get()
    assert {k: v for k, v in after.items() if k != "last_login"} == {
        k: v for k, v in before.items() if k != "last_login"
    }
    assert not User.objects.filter(username="root").exists()


def test_a_program_sets_only_what_its_role_may(book, owner, outsider, south):
    text = ApiToken.objects.create(owner, name="t", scopes=["facts:read", "facts:write"])[1]
    program = Client(headers={"authorization": f"Bearer {text}"})
    row = {"external_id": book[0].external_id, "name": "New name"}
    sneaked = (
        {"owner": outsider.username},
        {"team": south.name},
        {"merged_ids": book[4].external_id},
        {"parent_id": book[4].external_id},
    )
    for more in sneaked:
        answer = program.post(
            "/api/v1/accounts/",
            json.dumps({"source": "generic", "rows": [row | more]}),
            "application/json",
        )
        assert answer.status_code == 207, more
    for unknown in ({"id": 5}, {"pk": 5}, {"created_at": "2020-01-01"}, {"updated_at": 1}):
        program.post(
            "/api/v1/accounts/",
            json.dumps({"source": "generic", "rows": [row | unknown]}),
            "application/json",
        )
    book[0].refresh_from_db()
    assert (book[0].owner, book[0].merged_into, book[0].parent) == (owner, None, None)
    assert book[0].team.name == "North"


def test_a_failure_tells_nothing(settings, client, monkeypatch, admin):
    from csm.portfolio import home

    def fails(*args, **kwargs):
        raise RuntimeError("secret of the house")

    settings.DEBUG = False
    client.raise_request_exception = False
    client.force_login(admin)
    monkeypatch.setattr(home, "render", fails)
    answer = client.get("/")
    text = answer.content.decode()
    assert answer.status_code == 500
    assert "secret of the house" not in text
    assert "Traceback" not in text
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_wrong_method_is_answered_with_a_page(owner, client):
    client.force_login(owner)
    for answer in (client.get("/alerts/bulk/"), client.post("/portfolio/")):
        assert answer.status_code == 405
        assert answer.headers["Allow"]
        assert "Back to home" in answer.content.decode()
    answer = client.get("/v1/track")
    assert answer.json()["code"] == "method_not_allowed"


def test_there_is_no_door_to_somebody_elses_password(db, client):
    for url in ("/password/reset/", "/accounts/password/reset/", "/signup/", "/accounts/signup/"):
        assert client.get(url).status_code in (302, 404), url
        assert client.post(url, {"email": "owner@example.test"}).status_code in (302, 404), url
    assert mail.outbox == []


def test_a_key_of_another_user_replays_nothing(book, owner, colleague):
    def program(user):
        text = ApiToken.objects.create(user, name="t", scopes=["facts:write"])[1]
        return Client(headers={"authorization": f"Bearer {text}", "idempotency-key": "one"})

    body = json.dumps(
        {
            "source": "generic",
            "rows": [{"external_id": book[0].external_id, "name": "Once"}],
        }
    )
    first = program(owner).post("/api/v1/accounts/", body, "application/json")
    assert first.status_code == 200
    second = program(colleague).post("/api/v1/accounts/", body, "application/json")
    assert "Idempotency-Replayed" not in second.headers
    assert second.json()["counts"]["rejected"] == 1
