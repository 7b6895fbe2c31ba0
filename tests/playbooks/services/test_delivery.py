"""Messages leave the house: signed, retried, once, and never into the house."""

import hashlib
import hmac
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail

from csm.lib.errors import WorkbenchError
from playbooks.models import Delivery, NoticeSetting, Webhook
from playbooks.services import delivery, notices, outbound, webhooks
from playbooks.services.notices import Telling
from tests.playbooks.conftest import NOW


class Receiver(HTTPServer):
    """A real server on this machine that keeps what it got and answers as told."""

    def __init__(self):
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?x=1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(receiver, settings, db):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    return Webhook.objects.create(
        name="Ours", url=receiver.url, secret="whsec_test", kinds=["alert"], min_severity=1
    )


def tell(user, about="alert:1:opened", **values):
    # No digest beside what is looked at.
    NoticeSetting.objects.get_or_create(user=user, defaults={"mail": "never"})
    defaults = {
        "kind": "alert",
        "title": "A <b> & co",
        "body": "Score: 24",
        "url": "/alerts/1/",
        "severity": 4,
    }
    return notices.tell([Telling(user_id=user.pk, about=about, **(defaults | values))], at=NOW)


def test_a_webhook_is_signed_and_arrives_once(owner, hook, receiver):
    tell(owner)
    for minutes in (0, 1, 600):
        delivery.send_due(at=NOW + timedelta(minutes=minutes))
    [(path, headers, body)] = receiver.got
    assert path == "/hook?x=1"
    assert headers["Host"] == f"127.0.0.1:{receiver.server_port}"
    seconds, _, digest = headers["X-CSM-Signature"].partition(",v1=")
    signed = f"{seconds.removeprefix('t=')}.".encode() + body
    assert digest == hmac.new(b"whsec_test", signed, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert (told["kind"], told["title"], told["severity"]) == ("alert", "A <b> & co", "critical")
    assert told["url"].endswith("/alerts/1/")
    row = Delivery.objects.get()
    assert (row.state, row.status, row.attempts) == ("sent", 204, 1)
    assert headers["X-CSM-Delivery"] == str(row.pk)


def test_as_slack_reads_it(owner, hook, receiver):
    Webhook.objects.update(format="slack")
    tell(owner)
    delivery.send_due(at=NOW)
    told = json.loads(receiver.got[0][2])
    assert told["text"] == "A &lt;b&gt; &amp; co"
    assert told["blocks"][0]["text"]["type"] == "mrkdwn"
    assert "|A &lt;b&gt; &amp; co>*\nScore: 24" in told["blocks"][0]["text"]["text"]
    assert "Critical" in told["blocks"][1]["elements"][0]["text"]


def test_a_failure_is_tried_again_and_in_the_end_given_up(owner, hook, receiver):
    receiver.answers = [500, 302, 503, 500, 500, 500]
    tell(owner)
    at = NOW
    delivery.send_due(at=at)
    row = Delivery.objects.get()
    assert (row.state, row.status, row.error) == ("waiting", 500, "The address answered 500.")
    delivery.send_due(at=at + timedelta(seconds=59))
    assert len(receiver.got) == 1
    for wait in delivery.BACKOFF:
        at += wait
        delivery.send_due(at=at)
    row.refresh_from_db()
    assert (row.state, row.attempts, len(receiver.got)) == ("given_up", 6, 6)
    delivery.retry(row, by=owner, at=at)
    delivery.send_due(at=at)
    row.refresh_from_db()
    assert (row.state, row.error, len(receiver.got)) == ("sent", "", 7)
    with pytest.raises(WorkbenchError, match="given up"):
        delivery.retry(row, by=owner, at=at)


def test_who_died_leaves_it_to_the_next_and_two_never_send_the_same(owner, hook, receiver):
    tell(owner)
    Delivery.objects.update(lease_until=NOW + timedelta(minutes=3))
    delivery.send_due(at=NOW)
    assert not receiver.got
    delivery.send_due(at=NOW + timedelta(minutes=4))
    assert len(receiver.got) == 1


def test_nobody_answers(owner, hook, receiver):
    port = receiver.server_port
    receiver.shutdown()
    receiver.server_close()
    tell(owner)
    assert delivery.send_due(at=NOW).failed == 1
    row = Delivery.objects.get()
    assert "ConnectError" in row.error
    assert row.next_at == NOW + timedelta(minutes=1)
    assert str(port) in hook.url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://user:pw@example.com/",
        "https:///nothing",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://192.168.0.1:8443/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://[2002:a00:1::]/",
        "https://[fe80::1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
        "https://nobody-has-this-name.invalid/",
        "https://example.com:99999/",
    ],
)
def test_no_webhook_leads_into_the_house(url):
    with pytest.raises(outbound.AddressRefused):
        outbound.check(url)


def test_an_address_that_became_private_is_not_called(owner, hook, receiver, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    tell(owner)
    delivery.send_due(at=NOW)
    assert not receiver.got
    assert "https://" in Delivery.objects.get().error


def test_a_public_address_is_allowed():
    outbound.check("https://93.184.215.14/")


# E-mail


def test_mail_arrives_once(owner):
    NoticeSetting.objects.create(user=owner, mail="at_once")
    tell(owner, title="A title\nwith a break")
    for _ in range(2):
        delivery.send_due(at=NOW)
    [message] = mail.outbox
    assert (message.to, message.subject) == ([owner.email], "A title with a break")
    assert "http://localhost:8000/alerts/1/" in message.body


def test_a_mail_server_that_is_down_holds_nothing_up(owner, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    NoticeSetting.objects.create(user=owner, mail="at_once")
    tell(owner)
    assert delivery.send_due(at=NOW).failed == 1
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert delivery.send_due(at=NOW + timedelta(minutes=2)).sent == 1
    assert len(mail.outbox) == 1


# Making webhooks


def test_a_test_message_says_how_it_went(owner, hook, receiver):
    hook.user = owner
    hook.save()
    assert webhooks.send_test(hook, by=owner, at=NOW).state == "sent"
    receiver.answers = [404]
    row = webhooks.send_test(hook, by=owner, at=NOW)
    assert (row.state, row.status) == ("given_up", 404)
    assert json.loads(receiver.got[0][2])["kind"] == "test"


def test_only_admins_make_webhooks_for_others(owner, colleague, admin, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    values = {"name": "Chat", "url": "http://127.0.0.1:9/", "kinds": ["alert"]}
    with pytest.raises(WorkbenchError, match="Only an admin"):
        webhooks.create(values, by=owner, shared=True)
    shared, secret = webhooks.create(values, by=admin, shared=True)
    own, other = webhooks.create(values, by=owner, shared=False)
    assert secret != other
    assert set(webhooks.seen_by(owner)) == {own}
    assert set(webhooks.seen_by(admin)) == {shared}
    for someone in (colleague, admin):
        with pytest.raises(WorkbenchError, match="another's"):
            webhooks.remove(own, by=someone)
