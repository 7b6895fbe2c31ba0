"""What is sent stays within bounds, and what we send goes nowhere else."""

import gzip
import json
import socket
import threading
import tracemalloc

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory

from accounts.events import receive
from accounts.imports.uploads import is_too_large
from csm.models import ApiToken
from playbooks.services import outbound
from tests.playbooks.services.test_delivery import Receiver

PUBLIC, OTHER, PRIVATE = "93.184.215.14", "1.1.1.1", "10.0.0.1"


@pytest.fixture
def names(monkeypatch):
    """What a name resolves to, one answer a time; an address is itself, as ever."""
    answers, really = [], socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if not str(host).endswith(".test"):
            return really(host, port, *args, **kwargs)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in answers.pop(0)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.fixture
def receiver():
    server = Receiver()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("found", [[PUBLIC, PRIVATE], [PRIVATE, PUBLIC], [PRIVATE]])
def test_a_name_with_one_private_address_is_refused(found, names):
    names.append(found)
    with pytest.raises(outbound.AddressRefused):
        outbound.post("https://hooks.test/", b"{}", {})
    names.append([PUBLIC, OTHER])
    outbound.check("https://hooks.test/")


def test_the_address_that_was_looked_at_is_the_one_called(names, receiver, settings):
    """A name that is another the second time it is asked for: it is asked for once."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    names += [["127.0.0.1"], ["127.0.0.2"]]
    port = receiver.server_port
    assert outbound.post(f"http://hooks.test:{port}/hook", b"{}", {}) == 204
    assert names == [["127.0.0.2"]]
    [(path, headers, _)] = receiver.got
    assert (path, headers["Host"]) == ("/hook", f"hooks.test:{port}")


def test_nobody_is_followed_elsewhere(receiver, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    receiver.answers = [302]
    assert outbound.post(receiver.url, b"{}", {}) == 302
    assert len(receiver.got) == 1


def test_a_bomb_is_never_whole_in_memory():
    bomb = gzip.compress(b" " * (200 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(receive.RefusedRequest):
            receive.open_body(bomb, "gzip")
        assert tracemalloc.get_traced_memory()[1] < 8 * receive.MAX_BODY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("depth", [9, 900, 200_000])
def test_a_body_of_many_floors_is_refused(depth, owner, book):
    token = ApiToken.objects.create(owner, name="t", scopes=["facts:write"])[1]
    program = Client(headers={"authorization": f"Bearer {token}"})
    deep = "[" * depth + "]" * depth
    row = '{"external_id": "' + book[0].external_id + '", "tags": ' + deep + "}"
    answer = program.post(
        "/api/v1/accounts/", '{"source": "generic", "rows": [' + row + "]}", "application/json"
    )
    assert answer.status_code == 400
    assert json.loads(answer.content)["code"] == "malformed"


def test_a_file_too_large_is_dropped_while_it_comes_in(settings):
    settings.IMPORT_MAX_BYTES = 100_000
    for size, kept in ((50_000, True), (5_000_000, False)):
        sent = {"file": SimpleUploadedFile("a.csv", b"a" * size), "source": "crm"}
        request = RequestFactory().post("/imports/upload/", sent)
        assert ("file" in request.FILES) is kept
        assert is_too_large(request) is not kept
        assert request.POST["source"] == "crm"
