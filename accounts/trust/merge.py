"""Two accounts that are one: every fact of one moves to the other, and moves back when that was wrong.

Scores stay with the account they were computed for: a stored night is a record, not a fact.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.apps import apps
from django.db import transaction
from django.db.models import Model, UniqueConstraint
from django.utils import timezone
from django.utils.text import capfirst

from accounts.models import (
    Account,
    AccountAlias,
    ChangedAccount,
    FeedDay,
    LookAlike,
    Merge,
    NotADuplicate,
    OwnerPeriod,
)
from accounts.services.changes import mark
from accounts.trust import followers
from csm.lib.errors import WorkbenchError

# What is told of accounts rather than about them, and who looked after which row: it stays.
_STAYS: Final = (Account, ChangedAccount, FeedDay, LookAlike, Merge, NotADuplicate, OwnerPeriod)
# Attributes that pass to the account that is kept where it has none. Its life and churn stay its own.
FILLED: Final = (
    "industry",
    "size_segment",
    "account_type",
    "country",
    "customer_since",
    "last_touch_on",
    "renewal_on",
    "arr_amount",
    "owner_id",
    "team_id",
    "parent_id",
)
_CHUNK: Final = 500
_LONGEST_CHAIN: Final = 1_000


class MergeError(WorkbenchError):
    """Two accounts that cannot be merged, or a merge that cannot be undone; the text says why."""


@dataclass(frozen=True)
class Moving:
    """Rows of one table that would move, and those that would stay behind because `kept` has the same."""

    table: str
    label: str
    rows: int
    conflicts: int


@dataclass(frozen=True)
class Preview:
    """What a merge would do. `filled` and `differing` are (field, kept's value, merged's value)."""

    kept: Account
    merged: Account
    moving: list[Moving]
    filled: list[tuple[str, Any, Any]]
    differing: list[tuple[str, Any, Any]]
    children: int


def tables() -> list[type[Any]]:
    """Every table whose rows belong to an account and follow it, in the order of their names."""
    found = [
        model
        for model in apps.get_app_config("accounts").get_models()
        if model not in _STAYS and _reference(model)
    ]
    return sorted(found, key=lambda model: model.__name__)


def _reference(model: type[Model]) -> str:
    """Name of the field that says whose the row is; blank without one."""
    for field in model._meta.concrete_fields:
        if field.related_model is Account and field.name == "account":
            return field.name
    return ""


def _unique_with(model: type[Model]) -> list[str]:
    """The fields that are unique together with the account; empty without such a rule."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and "account" in constraint.fields:
            return [name for name in constraint.fields if name != "account"]
    return []


def _ids_to_move(model: type[Any], kept: Account, merged: Account) -> tuple[list[int], int]:
    """Ids of the rows that can move, and how many cannot."""
    mine = model.objects.filter(account=merged).order_by("pk")
    together = _unique_with(model)
    if not together:
        return list(mine.values_list("pk", flat=True)), 0
    taken = set(model.objects.filter(account=kept).values_list(*together))
    rows = mine.values_list("pk", *together)
    free = [pk for pk, *key in rows if tuple(key) not in taken]
    return free, len(rows) - len(free)


def preview(kept: Account, merged: Account) -> Preview:
    """What `merge` would do, without doing it. Raises MergeError like it."""
    _refuse(kept, merged)
    moving = []
    for model in tables():
        ids, conflicts = _ids_to_move(model, kept, merged)
        if ids or conflicts:
            moving.append(Moving(model._meta.model_name, _label(model), len(ids), conflicts))
    for name, model in followers.tables().items():
        if rows := model.objects.filter(account=merged).count():
            moving.append(Moving(name, _label(model), rows, 0))
    values = [(name, getattr(kept, name), getattr(merged, name)) for name in ("name", *FILLED)]
    return Preview(
        kept,
        merged,
        moving,
        filled=[(n, mine, theirs) for n, mine, theirs in values if _fills(n, mine, theirs, kept)],
        differing=[
            (n, mine, theirs)
            for n, mine, theirs in values
            if mine not in (None, "") and theirs not in (None, "") and mine != theirs
        ],
        children=Account.objects.filter(parent=merged).exclude(pk=kept.pk).count(),
    )


def _label(model: type[Any]) -> str:
    return capfirst(str(model._meta.verbose_name_plural))


def _fills(name: str, mine: Any, theirs: Any, kept: Account) -> bool:
    blank = mine in (None, "") and theirs not in (None, "")
    return blank and not (name == "parent_id" and theirs == kept.pk)


def _refuse(kept: Account, merged: Account) -> None:
    if kept.pk == merged.pk:
        raise MergeError("An account cannot be merged into itself.")
    if merged.merged_into_id is not None:
        raise MergeError(f"{merged.name} is merged into another account already.")
    if kept.merged_into_id is not None:
        raise MergeError(f"{kept.name} is merged into another account: merge into that one.")
    above = _ancestors(kept)
    if merged.pk in above and kept.parent_id != merged.pk:
        raise MergeError(
            f"{kept.name} belongs to the group of {merged.name} through other accounts: merge the other "
            "way round."
        )


def _ancestors(account: Account) -> list[int]:
    found: list[int] = []
    parent = account.parent_id
    while parent is not None and parent not in found and len(found) < _LONGEST_CHAIN:
        found.append(parent)
        parent = Account.objects.filter(pk=parent).values_list("parent_id", flat=True).first()
    return found


def merge(kept: Account, merged: Account, *, on: date, by: Any) -> Merge:
    """Move everything known of `merged` to `kept` and hide `merged`; its ids lead to `kept` from now on.

    Rows that `kept` has already (a reading of the same source and day) stay behind, counted in
    `Merge.changed["conflicts"]`; what `followers` keep goes along whole. Blank attributes of `kept` are
    filled; an owner it gains counts from `on`.
    Raises MergeError with a sentence.
    """
    with transaction.atomic():
        locked = Account.objects.select_for_update().order_by("pk").in_bulk([kept.pk, merged.pk])
        kept, merged = locked[kept.pk], locked[merged.pk]
        _refuse(kept, merged)
        now = timezone.now()
        mark([kept.pk, merged.pk], at=now)
        moved: dict[str, list[int]] = {}
        conflicts: dict[str, int] = {}
        for model in tables():
            ids, stay = _ids_to_move(model, kept, merged)
            if stay:
                conflicts[model._meta.model_name] = stay
            if ids:
                moved[model._meta.model_name] = ids
                _point(model, ids, "account", merged.pk, kept.pk)
        for follower in followers.followers():
            follower.make_room(kept, merged, by, now)
        for name, model in followers.tables().items():
            if ids := _ids(model.objects.filter(account=merged)):
                moved[name] = ids
                _point(model, ids, "account", merged.pk, kept.pk)
        moved["account.parent"] = _ids(Account.objects.filter(parent=merged).exclude(pk=kept.pk))
        moved["account.merged_into"] = _ids(Account.objects.filter(merged_into=merged))
        _point(Account, moved["account.parent"], "parent", merged.pk, kept.pk)
        _point(Account, moved["account.merged_into"], "merged_into", merged.pk, kept.pk)
        fields = _fill(kept, merged)
        changed: dict[str, Any] = {"fields": fields, "conflicts": conflicts}
        if "owner_id" in fields:
            changed["owner_period"] = _own(kept.pk, merged.owner_id, on)
        alias, made = AccountAlias.objects.get_or_create(
            source=merged.source, external_id=merged.external_id, defaults={"account": kept}
        )
        changed["alias"] = alias.pk if made else None
        changed["open_pairs"] = list(
            LookAlike.objects.filter(first=merged).values("first_id", "second_id", "score", "why")
        ) + list(
            LookAlike.objects.filter(second=merged).values("first_id", "second_id", "score", "why")
        )
        LookAlike.objects.filter(first=merged).delete()
        LookAlike.objects.filter(second=merged).delete()
        Account.objects.filter(pk=merged.pk).update(merged_into=kept)
        for follower in followers.followers():
            follower.done([kept.pk, merged.pk], now)
        return Merge.objects.create(kept=kept, merged=merged, moved=moved, changed=changed, by=by)


def _ids(rows: Any) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True))


def _point(model: type[Any], ids: Iterable[int], field: str, old: int, new: int) -> int:
    """Let the rows that still point at `old` point at `new`; returns how many did."""
    done = 0
    for chunk in _chunks(list(ids)):
        rows = model.objects.filter(pk__in=chunk, **{f"{field}_id": old})
        done += rows.update(**{f"{field}_id": new})
    return done


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]


def _fill(kept: Account, merged: Account) -> dict[str, list[Any]]:
    """Give `kept` what it lacks; {field: [before, after]} as JSON holds them."""
    changes: dict[str, Any] = {
        name: getattr(merged, name)
        for name in FILLED
        if _fills(name, getattr(kept, name), getattr(merged, name), kept)
    }
    if kept.parent_id == merged.pk:
        changes["parent_id"] = merged.parent_id
    if extra := [tag for tag in merged.tags if tag not in kept.tags]:
        changes["tags"] = [*kept.tags, *extra]
    if extra_custom := {k: v for k, v in merged.custom.items() if kept.custom.get(k) in (None, "")}:
        changes["custom"] = kept.custom | extra_custom
    told = {name: [_plain(getattr(kept, name)), _plain(value)] for name, value in changes.items()}
    if changes:
        Account.objects.filter(pk=kept.pk).update(**changes)
    return told


def _own(account: int, owner: int | None, on: date) -> int | None:
    if owner is None or OwnerPeriod.objects.filter(account=account, valid_from__gte=on).exists():
        return None
    period = OwnerPeriod.objects.create(account_id=account, owner_id=owner, valid_from=on)
    return int(period.pk)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def undo(done: Merge, *, by: Any) -> list[str]:
    """Take a merge back: what moved returns, unless it was changed or deleted since.

    Returns the fields of the kept account that somebody has changed since, which stay as they are. Raises
    MergeError when it was undone already, or when a later merge built on it.
    """
    with transaction.atomic():
        current = Merge.objects.select_for_update().get(pk=done.pk)
        if current.undone_at is not None:
            raise MergeError("This merge was undone already.")
        pair = (current.kept_id, current.merged_id)
        later = Merge.objects.filter(pk__gt=current.pk, undone_at=None)
        built = (later.filter(merged_id__in=pair) | later.filter(kept_id__in=pair)).first()
        if built is not None:
            raise MergeError(
                f"A later merge ({built.merged.name} into {built.kept.name}) builds on this one: undo that "
                "one first."
            )
        now = timezone.now()
        mark([current.kept_id, current.merged_id], at=now)
        changed, moved = current.changed, dict(current.moved)
        old, new = current.kept_id, current.merged_id
        Account.objects.filter(pk=new).update(merged_into=None)
        _point(Account, moved.pop("account.parent", []), "parent", old, new)
        _point(Account, moved.pop("account.merged_into", []), "merged_into", old, new)
        models = {model._meta.model_name: model for model in tables()} | followers.tables()
        for name, ids in moved.items():
            _point(models[name], ids, "account", old, new)
        kept_as_is = _restore(old, changed.get("fields", {}))
        if changed.get("alias"):
            AccountAlias.objects.filter(pk=changed["alias"]).delete()
        if changed.get("owner_period"):
            OwnerPeriod.objects.filter(pk=changed["owner_period"], valid_to=None).delete()
        LookAlike.objects.bulk_create(
            (LookAlike(**pair) for pair in changed.get("open_pairs", [])), ignore_conflicts=True
        )
        current.undone_at, current.undone_by = now, by
        for follower in followers.followers():
            follower.done([old, new], current.undone_at)
        current.save(update_fields=["undone_at", "undone_by"])
    return kept_as_is


def _restore(pk: int, fields: dict[str, list[Any]]) -> list[str]:
    account = Account.objects.get(pk=pk)
    back, left = {}, []
    for name, (before, after) in fields.items():
        if _plain(getattr(account, name)) == after:
            back[name] = before
        else:
            left.append(name)
    if back:
        Account.objects.filter(pk=pk).update(**back)
    return left
