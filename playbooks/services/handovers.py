"""An account changed hands: what the new owner should know, and that they have read it."""

from datetime import datetime
from typing import Any

from accounts.access import changeable_by
from accounts.models import Account
from csm.lib.errors import WorkbenchError
from playbooks.models import Handover

MOST_LETTERS = 5_000


def last_of(account: Account) -> Handover | None:
    """The newest hand-over of an account."""
    found = Handover.objects.filter(account=account).select_related(
        "previous", "to", "assignment__by"
    )
    return found.first()


def may_write_word(row: Handover, user: Any) -> bool:
    """Whether `user` may write the word: the last owner, and who may change the account."""
    if row.previous_id == user.pk and user.is_active:
        return True
    return bool(user.pk != row.to_id and changeable_by(user).filter(pk=row.account_id).exists())


def write_word(row: Handover, word: str, *, by: Any) -> None:
    """Tell the new owner what they should know. Raises WorkbenchError for others."""
    if not may_write_word(row, by):
        raise WorkbenchError("The last owner or a manager writes this.")
    row.word = word.strip()[:MOST_LETTERS]
    row.save(update_fields=["word"])


def mark_read(row: Handover, *, by: Any, at: datetime) -> None:
    """The new owner has read it; once is enough. Raises WorkbenchError for others."""
    if row.to_id != by.pk:
        raise WorkbenchError("The new owner marks it as read.")
    Handover.objects.filter(pk=row.pk, read_at=None).update(read_at=at)
