"""A cache nobody answers behind: pages go on, and ask once in a while only."""

import socket
import time

import pytest

from csm.lib.cache import Tolerant


@pytest.fixture
def gone() -> Tolerant:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Tolerant(f"redis://127.0.0.1:{port}/0", {})


def test_nothing_is_found_and_nothing_fails(gone):
    gone.set("a", 1)
    assert gone.get("a", "missing") == "missing"
    assert gone.get_many(["a", "b"]) == {}
    assert gone.set_many({"a": 1}) == ["a"]
    assert gone.add("a", 1) is True
    assert not gone.has_key("a")
    assert not gone.touch("a")
    assert not gone.delete("a")
    assert gone.get_or_set("a", 5) == 5
    assert not gone.answers()
    with pytest.raises(ValueError, match="does not answer"):
        gone.incr("a")


def test_who_has_no_answer_is_not_asked_again_at_once(gone, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "django.core.cache.backends.redis.RedisCache.get",
        lambda *_: asked.append(1) or (_ for _ in ()).throw(ConnectionError("gone")),
    )
    for _ in range(5):
        gone.get("a")
    assert len(asked) == 1
    gone._down_until = time.monotonic() - 1
    gone.get("a")
    assert len(asked) == 2
