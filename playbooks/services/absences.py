"""Who is away, and who stands in."""

from datetime import date, datetime
from typing import Any

from django.db import transaction

from csm.lib.errors import WorkbenchError
from playbooks.models import Absence, Notice
from playbooks.services import notices
from playbooks.services.assignment_plans import receivers


class AbsenceError(WorkbenchError):
    """An absence that cannot be; the text says why."""


def may_note(by: Any, user: Any) -> bool:
    """Whether `by` may note that `user` is away: themselves, and managers for their teams."""
    return bool(by.pk == user.pk or receivers(by).filter(pk=user.pk).exists())


@transaction.atomic
def create(
    user: Any, *, cover: Any, first_on: date, last_on: date, note: str, by: Any, at: datetime
) -> Absence:
    """Note that `user` is away, both days included; `cover` stands in and is told.

    Raises AbsenceError for a period that ends before it begins or overlaps another, a cover who is the same
    or away themselves, and for colleagues of others.
    """
    if not may_note(by, user):
        raise AbsenceError("You note absences of your own and of your teams.")
    if last_on < first_on:
        raise AbsenceError("The last day comes before the first.")
    if cover is not None and cover.pk == user.pk:
        raise AbsenceError("Nobody covers for themselves: choose a colleague.")
    over = Absence.objects.filter(first_on__lte=last_on, last_on__gte=first_on)
    if clash := over.filter(user=user).first():
        raise AbsenceError(f"{user} is noted as away {_days(clash)} already.")
    if cover is not None and (away := over.filter(user=cover).first()):
        raise AbsenceError(f"{cover} is away {_days(away)}: choose somebody else.")
    row = Absence.objects.create(
        user=user, cover=cover, first_on=first_on, last_on=last_on, note=note[:255], created_by=by
    )
    if cover is not None and cover.pk != by.pk:
        notices.tell(
            [
                notices.Telling(
                    user_id=cover.pk,
                    kind=Notice.Kind.ASSIGNED,
                    title=f"You cover for {user} {_days(row)}",
                    body=note,
                    url="/team/absences/",
                    about=f"absence:{row.pk}",
                )
            ],
            at=at,
        )
    return row


def end(row: Absence, *, by: Any, on: date) -> None:
    """They are back: a running absence ends the day before, one to come is dropped. Raises AbsenceError."""
    if not may_note(by, row.user):
        raise AbsenceError("You end absences of your own and of your teams.")
    if row.last_on < on:
        raise AbsenceError("That absence is over.")
    if row.first_on >= on:
        row.delete()
        return
    row.last_on = date.fromordinal(on.toordinal() - 1)
    row.save(update_fields=["last_on"])


def _days(row: Absence) -> str:
    if row.first_on == row.last_on:
        return f"on {row.first_on:%-d %b}"
    return f"from {row.first_on:%-d %b} to {row.last_on:%-d %b}"
