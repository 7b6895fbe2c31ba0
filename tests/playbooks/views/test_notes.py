"""Pages of notes: who reads, who writes, who gets a file."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from csm.models import User
from playbooks.models import Note, NoteFile
from playbooks.services import notes
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW


@pytest.fixture
def hats(make_account: Callable[..., Account], owner: User, north: object) -> Account:
    return make_account("Healthy Hats", owner=owner, team=north)


@pytest.fixture
def note(hats: Account, owner: User) -> Note:
    return notes.add(
        hats,
        by=owner,
        at=NOW,
        on=NIGHT,
        body="Send the **figures**",
        kind="promise",
        due_on=NIGHT + timedelta(days=3),
        files=[SimpleUploadedFile("figures.csv", b"a,b\n1,2\n")],
    )


def test_writing_a_note(client: Client, hats: Account, owner: User) -> None:
    client.force_login(owner)
    here = reverse("account_notes", args=[hats.pk])
    answer = client.post(
        reverse("note_add"),
        {
            "account": hats.pk,
            "body": "Hello *there*",
            "kind": "note",
            "next": here,
            "uploads": [SimpleUploadedFile("a.txt", b"x"), SimpleUploadedFile("b.txt", b"y")],
        },
    )
    assert answer["Location"] == here
    page = client.get(here)
    assert "Hello <em>there</em>" in page.content.decode()
    assert page.content.decode().count("/notes/files/") == 2


def test_a_faulty_note_comes_back_as_it_was(client: Client, hats: Account, owner: User) -> None:
    client.force_login(owner)
    answer = client.post(
        reverse("note_add"),
        {
            "account": hats.pk,
            "body": "We will",
            "kind": "promise",
            "uploads": SimpleUploadedFile("a.exe", b"MZ"),
        },
    )
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "We will</textarea>" in text
    assert "day it is due" in text
    assert "this kind of file is not taken" in text
    assert not Note.objects.exists()


@pytest.mark.parametrize(
    ("who", "writes"),
    [("colleague", True), ("manager", True), ("executive", False), ("outsider", False)],
)
def test_who_writes(
    client: Client, hats: Account, people: dict[str, User], who: str, writes: bool
) -> None:
    client.force_login(people[who])
    answer = client.post(reverse("note_add"), {"account": hats.pk, "body": "Hello", "kind": "note"})
    assert answer.status_code == (302 if writes else 404)
    assert Note.objects.exists() is writes


def test_nobody_else_changes_a_note(client: Client, note: Note, people: dict[str, User]) -> None:
    for who in ("colleague", "manager", "executive", "outsider"):
        client.force_login(people[who])
        assert client.get(reverse("note_edit", args=[note.pk])).status_code == 404, who
        answer = client.post(reverse("note_act", args=[note.pk]), {"do": "delete"})
        assert answer.status_code == 404, who
    assert Note.objects.exists()
    client.force_login(people["owner"])
    assert (
        "Send the **figures**" in client.get(reverse("note_edit", args=[note.pk])).content.decode()
    )
    client.post(
        reverse("note_edit", args=[note.pk]),
        {"body": "Sent", "kind": "promise", "due_on": "2026-11-25"},
    )
    note.refresh_from_db()
    assert note.body == "Sent"
    client.post(reverse("note_act", args=[note.pk]), {"do": "delete"})
    assert not Note.objects.exists()


def test_who_says_that_a_promise_was_kept(
    client: Client, note: Note, people: dict[str, User]
) -> None:
    url = reverse("note_act", args=[note.pk])
    for who, status in (
        ("outsider", 404),
        ("executive", 404),
        ("colleague", 404),
        ("manager", 302),
    ):
        client.force_login(people[who])
        assert client.post(url, {"do": "kept"}).status_code == status, who
    note.refresh_from_db()
    assert note.kept_on is not None
    page = client.get(reverse("account_notes", args=[note.account_id]) + "?notes=promises")
    assert "No promise is open" in page.content.decode()


def test_a_file_is_handed_out_to_be_saved(
    client: Client, note: Note, people: dict[str, User]
) -> None:
    url = reverse("note_file", args=[NoteFile.objects.get().pk])
    for who in ("owner", "colleague", "manager", "executive", "admin"):
        client.force_login(people[who])
        answer = client.get(url)
        assert answer.status_code == 200, who
        assert answer["Content-Disposition"] == 'attachment; filename="figures.csv"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert b"".join(answer.streaming_content) == b"a,b\n1,2\n"
    client.force_login(people["outsider"])
    assert client.get(url).status_code == 404
    NoteFile.objects.get().file.delete(save=False)
    client.force_login(people["owner"])
    NoteFile.objects.update(file="notes/gone.csv")
    assert client.get(url).status_code == 404


@pytest.mark.parametrize("away", ["https://evil.test/", "//evil.test/", "a-word", "home"])
def test_the_way_back_stays_in_the_workbench(
    client: Client, note: Note, owner: User, away: str
) -> None:
    client.force_login(owner)
    url = reverse("note_act", args=[note.pk])
    answer = client.post(url, {"do": "kept", "next": away})
    assert answer["Location"] == reverse("account_notes", args=[note.account_id])
