"""Notes and promises: written, changed, kept, taken away; the people named with @ are told."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from accounts.models import Account
from csm.lib.errors import WorkbenchError
from playbooks.access import readers_of
from playbooks.markdown import mentioned
from playbooks.models import ClockRule, Intervention, Note, Notice
from playbooks.services import clocks, note_files
from playbooks.services.notices import Telling, tell


@transaction.atomic
def add(
    account: Account,
    *,
    by: Any,
    at: datetime,
    on: date,
    body: str,
    kind: str = Note.Kind.NOTE,
    due_on: date | None = None,
    intervention: Intervention | None = None,
    files: Sequence[Any] = (),
) -> Note:
    """A note on an account, or on one of its plans. It counts as the weekly review.

    Raises WorkbenchError for an empty note, a promise without a day, a plan of another account, a file
    that is not taken.
    """
    _check(body, kind, due_on)
    if intervention is not None and intervention.account_id != account.pk:
        raise WorkbenchError("That plan is of another account.")
    note = Note.objects.create(
        account=account,
        intervention=intervention,
        kind=kind,
        body=body.strip(),
        due_on=due_on if kind == Note.Kind.PROMISE else None,
        on=on,
        at=at,
        by=by,
    )
    note_files.attach(note, files)
    _mention(note, by=by, at=at)
    clocks.meet(
        ClockRule.Key.WEEKLY_REVIEW, [account.pk], by=by, at=at, outcome="A note was written"
    )
    return note


@transaction.atomic
def edit(
    note: Note, *, by: Any, at: datetime, body: str, kind: str, due_on: date | None = None
) -> Note:
    """Change one's own note; it says that it was edited, and newly named people are told.

    Raises WorkbenchError when it is somebody else's, or as `add`.
    """
    note = _own(note, by)
    _check(body, kind, due_on)
    values: dict[str, Any] = {
        "body": body.strip(),
        "kind": kind,
        "due_on": due_on if kind == Note.Kind.PROMISE else None,
    }
    changed = [name for name, value in values.items() if getattr(note, name) != value]
    if not changed:
        return note
    for name in changed:
        setattr(note, name, values[name])
    note.edited_at = at
    if note.kind != Note.Kind.PROMISE:
        note.kept_on = None
    note.save(update_fields=[*changed, "edited_at", "kept_on"])
    _mention(note, by=by, at=at)
    return note


@transaction.atomic
def delete(note: Note, *, by: Any) -> None:
    """Take one's own note away with its files; an admin may take any. Raises WorkbenchError."""
    note = Note.objects.select_for_update().get(pk=note.pk) if by.is_admin else _own(note, by)
    stored = [row.file for row in note.files.all()]
    note.delete()
    # Not before the row is gone for good: a file lost by a rollback is lost.
    transaction.on_commit(lambda: _forget(stored))


@transaction.atomic
def keep(note: Note, *, by: Any, on: date, kept: bool = True) -> None:
    """Say that a promise was kept on a day, or take that back. The door has checked who may.

    Raises WorkbenchError when the note promises nothing, or somebody has said so already.
    """
    now = Note.objects.select_for_update().get(pk=note.pk)
    if now.kind != Note.Kind.PROMISE:
        raise WorkbenchError("This note promises nothing.")
    if kept and now.kept_on is not None:
        raise WorkbenchError(f"This promise was marked as kept on {now.kept_on:%-d %b %Y} already.")
    Note.objects.filter(pk=now.pk).update(kept_on=on if kept else None)


def _check(body: str, kind: str, due_on: date | None) -> None:
    if not body.strip():
        raise WorkbenchError("The note is empty.")
    if kind not in Note.Kind.values:
        raise WorkbenchError("A note is a note or a promise.")
    if kind == Note.Kind.PROMISE and due_on is None:
        raise WorkbenchError("A promise needs the day it is due.")


def _own(note: Note, by: Any) -> Note:
    now = Note.objects.select_for_update().filter(pk=note.pk).first()
    if now is None:
        raise WorkbenchError("This note was taken away meanwhile.")
    if now.by_id != by.pk:
        raise WorkbenchError("Only who wrote a note changes it.")
    return now


def _mention(note: Note, *, by: Any, at: datetime) -> None:
    names = mentioned(note.body)
    account = Account.objects.get(pk=note.account_id)
    told = {
        user.pk: user
        for user in (readers_of(account) if names else [])
        if user.username.lower() in names
    }
    note.mentions.set(told)
    tell(
        [
            Telling(
                user_id=pk,
                kind=Notice.Kind.MENTION,
                title=f"{by} mentions you: {account.name}"[:200],
                body=note.body[:400],
                url=f"{reverse('account_notes', args=[account.pk])}#note-{note.pk}",
                about=f"note:{note.pk}:mention",
                account_id=account.pk,
            )
            for pk in told
            if pk != by.pk
        ],
        at=at,
    )


def _forget(files: Iterable[Any]) -> None:
    for file in files:
        file.storage.delete(file.name)
