"""The bell and the pages behind it: one's own only, read marks, settings, webhooks."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.management import call_command

from playbooks.models import Delivery, Notice, NoticeSetting, Webhook
from playbooks.services import notices
from playbooks.services.notices import Telling
from tests.playbooks.conftest import NOW


@pytest.fixture
def told(owner, colleague):
    for user, about in ((owner, "a"), (owner, "b"), (colleague, "a")):
        notices.tell(
            [Telling(user.pk, "mention", f"For {user} {about}", "/alerts/", about)], at=NOW
        )
    return Notice.objects.filter(user=owner).order_by("pk")


def test_the_bell_counts_what_is_unread_and_the_list_is_ones_own(client, owner, told):
    client.force_login(owner)
    page = client.get("/notices/").content.decode()
    assert "Notices, 2 unread" in page
    assert "For owner b" in page
    assert "For colleague" not in page
    assert "For owner" not in client.get("/notices/?kind=alert").content.decode()
    for odd in ("kind=x", "show=x", "page=x", "page=999"):
        assert client.get(f"/notices/?{odd}").status_code == 200


def test_marking_read_one_by_opening_and_all(client, owner, colleague, told):
    client.force_login(owner)
    first, second = told
    assert client.post("/notices/read/", {"open": first.pk})["Location"] == "/alerts/"
    assert "Notices, 1 unread" in client.get("/notices/").content.decode()
    assert "For owner a" not in client.get("/notices/?show=unread").content.decode()
    assert client.post("/notices/read/", {"id": second.pk})["Location"] == "/notices/"
    client.post("/notices/read/", {"all": "1"})
    assert not Notice.objects.filter(user=owner, read_at=None).exists()
    others = Notice.objects.get(user=colleague)
    assert others.read_at is None
    assert client.post("/notices/read/", {"id": others.pk}).status_code == 404
    assert client.get("/notices/read/").status_code == 405


def test_a_notice_never_leads_out_of_the_workbench(client, owner, told):
    client.force_login(owner)
    Notice.objects.filter(pk=told[0].pk).update(url="//evil.example/")
    assert client.post("/notices/read/", {"open": told[0].pk})["Location"] == "/notices/"


def test_settings_are_ones_own(client, owner, colleague):
    client.force_login(owner)
    page = client.get("/notices/settings/").content.decode()
    assert owner.email in page
    values = {
        "mail": "at_once",
        "digest_hour": "7",
        "min_severity": "4",
        "kinds": ["alert", "clock"],
    }
    assert client.post("/notices/settings/", values).status_code == 302
    [row] = NoticeSetting.objects.all()
    assert (row.user, row.mail, row.digest_hour, row.min_severity) == (owner, "at_once", 7, 4)
    assert "mention" in row.muted
    assert "alert" not in row.muted
    assert client.post("/notices/settings/", values | {"mail": "pigeon"}).status_code == 200
    assert NoticeSetting.objects.get().mail == "at_once"


HOOK = {"name": "Chat", "format": "slack", "kinds": ["alert"], "min_severity": "3"}


def test_a_webhook_shows_its_secret_once(client, owner, outsider, admin, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    client.force_login(owner)
    made = client.post("/notices/webhooks/", HOOK | {"url": "http://127.0.0.1:9/"})
    hook = Webhook.objects.get()
    assert (hook.user, hook.team) == (owner, None)
    assert hook.secret in made.content.decode()
    for address in ("/notices/webhooks/", f"/notices/webhooks/{hook.pk}/"):
        assert hook.secret not in client.get(address).content.decode()
    again = client.post(f"/notices/webhooks/{hook.pk}/", {"do": "secret"}).content.decode()
    assert hook.secret not in again
    hook.refresh_from_db()
    assert hook.secret in again
    for user in (outsider, admin):
        client.force_login(user)
        assert client.get(f"/notices/webhooks/{hook.pk}/").status_code == 404
        assert client.post(f"/notices/webhooks/{hook.pk}/", {"do": "remove"}).status_code == 404


def test_an_address_within_the_house_is_refused_with_a_sentence(client, owner):
    client.force_login(owner)
    page = client.post("/notices/webhooks/", HOOK | {"url": "https://127.0.0.1/"}).content.decode()
    assert "is not a public address" in page
    assert not Webhook.objects.exists()


def test_admins_make_them_for_a_team_and_nobody_else(client, owner, admin, north, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    values = HOOK | {"url": "http://127.0.0.1:9/", "whose": f"team-{north.pk}"}
    client.force_login(admin)
    client.post("/notices/webhooks/", values)
    assert Webhook.objects.get(user=None).team == north
    client.force_login(owner)
    client.post("/notices/webhooks/", values)
    assert Webhook.objects.get(user=owner).team is None


def test_the_test_button_and_sending_again(client, owner, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        client.force_login(owner)
        client.post("/notices/webhooks/", HOOK | {"url": f"http://127.0.0.1:{server.server_port}/"})
        address = f"/notices/webhooks/{Webhook.objects.get().pk}/"
        assert "200" in client.post(address, {"do": "test"}, follow=True).content.decode()
        row = Delivery.objects.get()
        assert client.post(address, {"do": "retry", "delivery": "x"}).status_code == 404
        client.post(address, {"do": "retry", "delivery": row.pk})
        assert Delivery.objects.get().state == "sent"
        Delivery.objects.update(state="given_up")
        client.post(address, {"do": "retry", "delivery": row.pk})
        call_command("send_notices")
        assert len(got) == 2
    finally:
        server.shutdown()
        server.server_close()
