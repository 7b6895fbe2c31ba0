"""What a sender may send, what is refused, and that everything is kept once."""

import base64
import gzip
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.events import keys, receive
from accounts.events.messages import Envelope, event_of
from accounts.models import Event, WriteKey

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
State = Event.State


def test_the_same_messages_twice_are_kept_once(post, track):
    batch = {"batch": [track() for _ in range(5)]}
    for _ in range(2):
        answer = post(batch)
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    # Known messages and a new one in one batch, one of them twice.
    assert post({"batch": [*batch["batch"], track(), batch["batch"][0]]}).status_code == 200
    assert Event.objects.count() == 6


def test_a_message_without_id_is_known_by_what_it_says(post, track):
    message = track(messageId=None, timestamp="2026-11-20T10:00:00Z")
    other = message | {"timestamp": "2026-11-20T10:00:01Z"}
    for sent in ("2026-11-20T10:00:05Z", "2026-11-20T10:00:09Z"):
        post({"batch": [message | {"sentAt": sent}, other]})
    assert Event.objects.count() == 2


@pytest.mark.parametrize("kind", ["track", "identify", "group", "page", "screen", "alias"])
def test_every_kind_has_its_address(kind, post):
    body = {"userId": "u", "event": "E", "groupId": "g", "previousId": "p", "name": "Home"}
    assert post(body, to=kind).status_code == 200
    event = Event.objects.get()
    named = {"track": "E", "page": "Viewed Home Page", "screen": "Viewed Home Screen"}
    assert (event.kind, event.name) == (kind, named.get(kind, ""))
    assert event.state == State.WAITING


def test_the_key_may_be_in_the_body_and_the_body_compressed(client, write_key, track):
    raw = json.dumps({"batch": [track()], "writeKey": write_key}).encode()
    for encoding, squeezed in (("gzip", gzip.compress(raw)), ("deflate", zlib.compress(raw))):
        headers = {"Content-Encoding": encoding}
        answer = client.post(
            "/v1/import", squeezed, content_type="application/json", headers=headers
        )
        assert answer.status_code == 200
    assert Event.objects.count() == 1
    assert WriteKey.objects.get().last_used_at is not None


def test_no_token_of_a_form_is_asked_for(write_key, track):
    credentials = base64.b64encode(f"{write_key}:".encode()).decode()
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post(
        "/v1/track",
        track(),
        content_type="application/json",
        headers={"Authorization": f"Basic {credentials}"},
    )
    assert answer.status_code == 200


def test_unknown_and_revoked_keys_are_refused(post, track, write_key, admin):
    for wrong in ("", "wk_nobody", write_key[:-1]):
        answer = post(track(), to="track", key=wrong)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    keys.revoke_key(WriteKey.objects.get(), by=admin)
    assert post(track(), to="track").status_code == 401
    assert not Event.objects.exists()


def test_a_bomb_and_broken_bodies_are_refused_within_bounds(post, monkeypatch):
    asked = []
    loads = receive.read_json
    monkeypatch.setattr(receive, "read_json", lambda body: asked.append(len(body)) or loads(body))
    bomb = gzip.compress(b" " * (200 << 20))
    cases = [
        (bomb, {"Content-Encoding": "gzip"}, 413),
        (b" " * (receive.MAX_BODY + 1), {}, 413),
        (gzip.compress(b"{}")[:-9], {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"batch": {}}', {}, 400),
        (b'{"a":' * 5000, {}, 400),
        (b"\xff\xfe", {}, 400),
    ]
    for body, headers, status in cases:
        answer = post(body, **headers)
        assert answer.status_code == status, (body[:20], headers)
        assert answer.json()["message"]
    assert max(asked) <= receive.MAX_BODY
    assert post({"batch": [{}] * 2501}).status_code == 413
    too_long = {"userId": "u", "event": "e", "properties": {"x": "y" * (33 << 10)}}
    assert post(too_long, to="track").status_code == 400
    assert not Event.objects.exists()


def test_bad_messages_do_not_lose_the_good_ones(post, track):
    deep: dict = {}
    for _ in range(60):
        deep = {"a": deep}
    bad = {
        "It is no JSON object": "text",
        "neither userId": track(userId=None),
        "event None is no name": track(event=None),
        "is none of": track(type="delete"),
        "needs groupId": {"type": "group", "userId": "u", "messageId": "g"},
        "bytes; a message may have": track(properties={"x": "y" * (33 << 10)}),
        "no ISO 8601": track(timestamp="yesterday"),
        "a day ahead": track(timestamp="2999-01-01T00:00:00Z"),
        "ten years ago": track(timestamp="1970-01-01T00:00:00Z"),
        "properties [1] is no JSON object": track(properties=[1]),
        "userId {'a': 1} is neither": track(userId={"a": 1}),
        "longer than 120": track(group="g" * 121),
        "nested deeper": track(properties=deep),
    }
    good = [track(), track()]
    assert post({"batch": [good[0], *bad.values(), good[1]]}).status_code == 200
    assert set(Event.objects.filter(state=State.WAITING).values_list("message_id", flat=True)) == {
        message["messageId"] for message in good
    }
    notes = list(Event.objects.filter(state=State.REFUSED).values_list("note", flat=True))
    assert len(notes) == len(bad)
    for part in bad:
        assert sum(part in note for note in notes) == 1, part


def test_what_no_database_keeps_is_left_out(post, track):
    """NaN, infinity, NUL, a lone surrogate and an integer of 70 digits, as clients do write them."""
    body = json.dumps({"batch": [track(properties={"a": "x\x00y", "b": 10**70, "c": "\ud800"})]})
    body = body.replace('"b":', '"n": NaN, "i": Infinity, "e": 1e999, "b":')
    assert post(body.encode()).status_code == 200
    kept = Event.objects.get().payload["properties"]
    assert (kept["a"], kept["n"], kept["i"], kept["e"], kept["b"]) == ("xy", None, None, None, None)


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "expected"),
    [
        # The sender's clock is an hour ahead: NOW − (sent − timestamp).
        (NOW + timedelta(minutes=50), NOW + timedelta(hours=1), NOW - timedelta(minutes=10)),
        # Right clock, an event of the past.
        (NOW - timedelta(days=30), NOW, NOW - timedelta(days=30)),
        (NOW - timedelta(days=1), None, NOW - timedelta(days=1)),
        (None, NOW + timedelta(hours=1), NOW),
    ],
)
def test_the_senders_clock_is_taken_out(timestamp, sent_at, expected):
    message = {"userId": "u", "event": "E", "timestamp": timestamp and timestamp.isoformat()}
    event = event_of(message, Envelope(NOW, sent_at=sent_at, kind="track"))
    assert (event.at, event.state) == (expected, State.WAITING)


def test_the_day_is_the_books(settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    message = {"userId": "u", "event": "E", "timestamp": "2026-11-20T11:30:00Z"}
    assert f"{event_of(message, Envelope(NOW, kind='track')).on}" == "2026-11-21"


def test_a_busy_database_asks_to_send_again(post, track, monkeypatch):
    from django.db import OperationalError

    def busy(*_args: object, **_more: object) -> None:
        raise OperationalError("database is locked")

    # What SQLite raises after 20 s of another writer, which no test waits for.
    monkeypatch.setattr(receive, "store", busy)
    answer = post({"batch": [track()]})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_a_source_of_files_is_not_one_of_events(admin, make_account):
    from accounts.models import Source

    Source.objects.create(key="billing")
    with pytest.raises(keys.KeyFault, match="billing-events"):
        keys.create_key(name="B", source="billing", by=admin)
    with pytest.raises(keys.KeyFault, match="small letters"):
        keys.create_key(name="B", source="My Product", by=admin)
    key, text = keys.create_key(name="B", source="billing-events", by=admin)
    assert text not in str(vars(key))
    assert keys.find_key(text) == key
