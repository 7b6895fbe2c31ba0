"""Notes: what may be written, who is told, which files are taken."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Account
from csm.lib.errors import WorkbenchError
from csm.models import User
from playbooks.markdown import as_html, mentioned
from playbooks.models import Clock, ClockRule, Note, NoteFile, Notice, Policy
from playbooks.services import note_files, notes
from tests.conftest import NIGHT
from tests.playbooks.conftest import NOW


@pytest.fixture
def hats(make_account: Callable[..., Account], owner: User, north: object) -> Account:
    return make_account("Healthy Hats", owner=owner, team=north)


@pytest.fixture
def write(hats: Account, owner: User) -> Callable[..., Note]:
    def make(body: str = "Spoke to them.", **values: object) -> Note:
        return notes.add(hats, **({"by": owner, "at": NOW, "on": NIGHT, "body": body} | values))

    return make


def upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def office(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("**so** and *so*", "<p><strong>so</strong> and <em>so</em></p>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("<b onclick=x>a</b>", "<p>&lt;b onclick=x&gt;a&lt;/b&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
        ("[x](data:text/html,x)", "<p>[x](data:text/html,x)</p>\n"),
        ("![x](https://a.test/p.png)", None),
        ("# Big", "<h4>Big</h4>\n"),
        ("a\nb", "<p>a<br>\nb</p>\n"),
    ],
)
def test_markdown_is_safe(body: str, html: str | None) -> None:
    found = as_html(body)
    assert "<img" not in found
    assert "<script" not in found
    if html is not None:
        assert found.strip() == html.strip()


def test_links_keep_to_themselves() -> None:
    found = as_html("[them](https://them.test/a?b=1&c=2)")
    assert 'href="https://them.test/a?b=1&amp;c=2"' in found
    assert 'rel="noopener noreferrer nofollow"' in found


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("@mara.csm and @Jonas, look.", {"mara.csm", "jonas"}),
        ("Ask @mara.csm.", {"mara.csm"}),
        ("write to mara@demo.example", set()),
        ("`@mara` in code", set()),
        ("**@mara**", {"mara"}),
    ],
)
def test_mentions(body: str, names: set[str]) -> None:
    assert mentioned(body) == names


def test_a_mention_reads_as_a_name_and_cannot_smuggle_html() -> None:
    assert as_html("Hi @mara.", {"mara": "Mara <b>P</b>"}) == (
        "<p>Hi <strong>@Mara &lt;b&gt;P&lt;/b&gt;</strong>.</p>\n"
    )


def test_only_those_who_may_see_the_account_are_mentioned(
    write: Callable[..., Note], people: dict[str, User]
) -> None:
    note = write("@colleague @outsider @executive @Manager @owner @nobody")
    named = {"colleague", "executive", "manager", "owner"}
    assert {user.username for user in note.mentions.all()} == named
    told = Notice.objects.filter(kind=Notice.Kind.MENTION)
    # Not oneself.
    assert {notice.user.username for notice in told} == named - {"owner"}
    assert told[0].url.endswith(f"/notes/#note-{note.pk}")


def test_editing_tells_only_those_newly_named(
    write: Callable[..., Note], owner: User, colleague: User, manager: User
) -> None:
    note = write("@colleague")
    notes.edit(note, by=owner, at=NOW, body="@colleague @manager", kind="note")
    note.refresh_from_db()
    assert note.edited_at == NOW
    told = Notice.objects.filter(kind=Notice.Kind.MENTION)
    assert sorted(notice.user.username for notice in told) == ["colleague", "manager"]


def test_only_the_author_changes_a_note(
    write: Callable[..., Note], owner: User, manager: User, admin: User
) -> None:
    note = write()
    with pytest.raises(WorkbenchError, match="Only who wrote"):
        notes.edit(note, by=manager, at=NOW, body="Other", kind="note")
    with pytest.raises(WorkbenchError, match="Only who wrote"):
        notes.delete(note, by=manager)
    notes.edit(note, by=owner, at=NOW, body="Spoke to them.", kind="note")
    note.refresh_from_db()
    assert note.edited_at is None
    notes.delete(note, by=admin)
    with pytest.raises(WorkbenchError, match="taken away meanwhile"):
        notes.edit(note, by=owner, at=NOW, body="Late", kind="note")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"body": "  "}, "empty"),
        ({"kind": "promise"}, "day it is due"),
        ({"kind": "threat"}, "a note or a promise"),
    ],
)
def test_what_is_refused(write: Callable[..., Note], values: dict[str, str], sentence: str) -> None:
    with pytest.raises(WorkbenchError, match=sentence):
        write(**values)
    assert not Note.objects.exists()


def test_a_plan_of_another_account_is_refused(
    write: Callable[..., Note],
    make_account: Callable[..., Account],
    make_plan: Callable[..., object],
) -> None:
    with pytest.raises(WorkbenchError, match="another account"):
        write(intervention=make_plan(make_account("Other")))


def test_a_promise_is_kept_once(write: Callable[..., Note], owner: User) -> None:
    note = write("Send the figures", kind="promise", due_on=NIGHT + timedelta(days=3))
    notes.keep(note, by=owner, on=date(2026, 11, 22))
    with pytest.raises(WorkbenchError, match="on 22 Nov 2026 already"):
        notes.keep(note, by=owner, on=date(2026, 11, 23))
    notes.keep(note, by=owner, on=date(2026, 11, 23), kept=False)
    note.refresh_from_db()
    assert note.kept_on is None
    with pytest.raises(WorkbenchError, match="promises nothing"):
        notes.keep(write(), by=owner, on=NIGHT)


def test_a_note_is_the_weekly_review(
    hats: Account, write: Callable[..., Note], make_clock: Callable[..., Clock]
) -> None:
    clock = make_clock(hats, ClockRule.Key.WEEKLY_REVIEW)
    write()
    clock.refresh_from_db()
    assert (clock.state, clock.outcome) == (Clock.State.MET, "A note was written")
    assert Clock.objects.filter(account=hats, state=Clock.State.RUNNING).count() == 1


DOCX = office("[Content_Types].xml", "word/document.xml")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.pdf", b"%PDF-1.7 x"),
        ("a.PNG", b"\x89PNG\r\n\x1a\nx"),
        ("a.jpg", b"\xff\xd8\xffx"),
        ("a.docx", DOCX),
        ("notes.txt", "Grüße".encode()),
    ],
)
def test_files_that_are_taken(
    write: Callable[..., Note], name: str, content: bytes, settings: object
) -> None:
    note = write(files=[upload(name, content)])
    row = NoteFile.objects.get(note=note)
    assert (row.name, row.size) == (name, len(content))
    # Kept under a name nobody can guess, where no address leads.
    assert Path(row.file.name).stem != Path(name).stem
    with row.file.open() as kept:
        assert kept.read() == content


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.exe", b"MZ", "not taken"),
        ("a.svg", b"<svg/>", "not taken"),
        ("a.html", b"<p>", "not taken"),
        ("a", b"x", "not taken"),
        ("a.pdf", b"<html>", "not a .pdf file inside"),
        ("a.png", b"%PDF-1.7", "not a .png file inside"),
        ("a.docx", office("[Content_Types].xml", "xl/workbook.xml"), "not a .docx"),
        ("a.xlsx", office("[Content_Types].xml", "xl/a.xml", "xl/vbaProject.bin"), "not a .xlsx"),
        ("a.docx", b"PK\x03\x04broken", "not a .docx"),
        ("a.txt", b"a\x00b", "not a .txt"),
        ("a.pdf", b"", "empty"),
        ("a.pdf", b"%PDF-" + b"x" * 100, "larger than 5e-05 MB"),
    ],
)
def test_files_that_are_refused(
    write: Callable[..., Note], name: str, content: bytes, sentence: str
) -> None:
    Policy.objects.create(pk=1, attachment_max_bytes=50 if "larger" in sentence else 10_000)
    with pytest.raises(WorkbenchError, match=sentence):
        write(files=[upload(name, content)])
    assert not Note.objects.exists()


def test_no_more_than_five_files(write: Callable[..., Note]) -> None:
    with pytest.raises(WorkbenchError, match="5 files at most"):
        write(files=[upload(f"{n}.txt", b"x") for n in range(6)])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\x\\report.pdf", "report.pdf"),
        ('a"\r\nSet-Cookie: x.pdf', "aSet-Cookie x.pdf"),
        ("evil\u202efdp.txt", "evilfdp.txt"),
        ("x" * 300 + ".pdf", "x" * 100 + ".pdf"),
    ],
)
def test_names_of_files(name: str, shown: str) -> None:
    assert note_files.readable(name) == shown


def test_a_note_takes_its_files_with_it(
    write: Callable[..., Note],
    owner: User,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    note = write(files=[upload("a.txt", b"x")])
    stored = Path(NoteFile.objects.get().file.path)
    with django_capture_on_commit_callbacks(execute=True):
        notes.delete(note, by=owner)
    assert not stored.exists()
