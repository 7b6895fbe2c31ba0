"""Notes as pages show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import OuterRef, QuerySet
from django.utils.safestring import SafeString

from accounts.access import may_change, may_write
from accounts.models import Account
from csm.lib.rows_of import RowsOf
from playbooks.access import notes_seen_by
from playbooks.markdown import as_html
from playbooks.models import Note, NoteFile


@dataclass(frozen=True)
class Shown:
    """A note with its HTML and what the reader may do: edit it, take it away, say whether it was kept."""

    note: Note
    html: SafeString
    may_edit: bool
    may_delete: bool
    may_keep: bool
    late: bool


def notes_of(
    user: Any, account: Account, *, intervention: Any = None, promises: bool = False
) -> QuerySet[Note]:
    """Notes of an account or of one plan of it, newest first; with `promises` only those not kept yet."""
    found = notes_seen_by(user).filter(account=account)
    if intervention is not None:
        found = found.filter(intervention=intervention)
    if promises:
        found = found.filter(kind=Note.Kind.PROMISE, kept_on=None).order_by("due_on", "pk")
    files = NoteFile.objects.filter(note=OuterRef("pk"))
    found = found.annotate(file_rows=RowsOf(files, "id", "name", "size"))
    return found.select_related("by", "intervention").prefetch_related("mentions")


def shown(user: Any, account: Account, notes: Iterable[Note], *, on: date) -> list[Shown]:
    """Notes of an account `user` sees, as they may read and change them on a day. Two queries, the notes'."""
    writes, changes = may_write(user), may_change(user, account)
    return [
        Shown(
            note=note,
            html=as_html(
                note.body, {user.username.lower(): str(user) for user in note.mentions.all()}
            ),
            may_edit=writes and note.by_id == user.pk,
            may_delete=writes and (note.by_id == user.pk or user.is_admin),
            may_keep=note.kind == Note.Kind.PROMISE
            and writes
            and (changes or note.by_id == user.pk),
            late=note.kept_on is None and note.due_on is not None and note.due_on < on,
        )
        for note in notes
    ]
