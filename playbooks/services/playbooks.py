"""Playbooks between people, files and plans: drafts, publishing, switching off, the library that ships.

A published version never changes and a running plan keeps its version: moving plans is an act of its own.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from accounts import audit
from csm.lib.errors import WorkbenchError
from playbooks.models import Intervention, Playbook, PlaybookVersion, Trigger
from playbooks.services import interventions, plan_versions
from playbooks.services.recipes import (
    Recipe,
    RecipeError,
    faults,
    from_document,
    recipe_of,
    write,
)

LIBRARY: Final = Path(__file__).resolve().parent.parent / "library" / "playbooks"
# The note of a version nobody here has touched: the library may follow it with another.
SHIPPED: Final = "As it ships."
State = PlaybookVersion.State
Kind = Playbook.Kind


@transaction.atomic
def load_library(*, at: datetime | None = None) -> list[PlaybookVersion]:
    """Publish the playbooks that ship and are new or changed; repeating it changes nothing.

    A playbook whose active version was published here stays as it is, whatever ships. Raises RecipeError
    naming the file and its faults.
    """
    at = at or timezone.now()
    there = {playbook.key: playbook for playbook in Playbook.objects.select_for_update()}
    active = {
        version.playbook_id: version
        for version in PlaybookVersion.objects.filter(state=State.ACTIVE).prefetch_related(
            "steps", "kpis"
        )
    }
    loaded = []
    for place, (name, document) in enumerate(_documents(), 1):
        recipe = _shipped(name, document)
        playbook = there.get(document["key"])
        if playbook is None:
            playbook = Playbook(key=document["key"], shipped=document["key"])
        now = active.get(playbook.pk)
        if playbook.pk and (now is None or not is_as_shipped(now)):
            continue
        playbook.name, playbook.kind = document["name"], document["kind"]
        playbook.position = place * 10
        playbook.save()
        if now is not None and recipe_of(now).digest == recipe.digest:
            continue
        version = _new_version(playbook, by=None)
        write(version, recipe)
        loaded.append(_activate(version, by=None, at=at, note=SHIPPED))
    return loaded


def is_as_shipped(version: PlaybookVersion) -> bool:
    """Whether a version came from the library and not from somebody here."""
    return version.published_by_id is None and version.note == SHIPPED


def _documents() -> list[tuple[str, dict[str, Any]]]:
    """Files of the library by kind and name, so that the order of the list is the same everywhere."""
    found = [
        (path.name, yaml.safe_load(path.read_text(encoding="utf-8")))
        for path in sorted(LIBRARY.glob("*.yaml"))
    ]
    return sorted(found, key=lambda each: (_place(each[1].get("kind")), each[0]))


def _place(kind: Any) -> int:
    return Kind.values.index(kind) if kind in Kind.values else len(Kind.values)


def _shipped(name: str, document: dict[str, Any]) -> Recipe:
    missing = [key for key in ("key", "name", "kind") if not document.get(key)]
    if missing or document["kind"] not in Kind.values:
        raise RecipeError(
            [f"{name}: it needs a key, a name and a kind ({', '.join(Kind.values)})."]
        )
    try:
        recipe = from_document(document)
    except RecipeError as error:
        raise RecipeError([f"{name}: {fault}" for fault in error.faults]) from error
    if found := faults(recipe):
        raise RecipeError([f"{name}: {fault}" for fault in found])
    return recipe


@transaction.atomic
def create(*, name: str, kind: str, by: Any) -> PlaybookVersion:
    """A new playbook with an empty draft. Raises WorkbenchError without a name or with one that is taken."""
    _require_admin(by)
    name = name.strip()
    key = slugify(name)[:60]
    if not key:
        raise WorkbenchError("Give the playbook a name.")
    if kind not in Kind.values:
        raise WorkbenchError("Choose what kind of playbook it is.")
    if Playbook.objects.filter(key=key).exists():
        raise WorkbenchError(f"There is a playbook called {name} already: choose another name.")
    last = Playbook.objects.aggregate(last=Max("position"))["last"] or 0
    playbook = Playbook.objects.create(key=key, name=name, kind=kind, position=last + 10)
    draft = _new_version(playbook, by=by)
    _log(playbook, by=by, flag=ADDITION, text="made, with an empty draft")
    return draft


@transaction.atomic
def start_draft(playbook: Playbook, *, by: Any) -> PlaybookVersion:
    """The playbook's draft: the one there is, or a copy of the active version."""
    _require_admin(by)
    # Of two who ask at once the second gets the draft of the first.
    _lock(playbook)
    draft = playbook.versions.filter(state=State.DRAFT).first()
    if draft is not None:
        return draft
    draft = _new_version(playbook, by=by)
    active = playbook.versions.filter(state=State.ACTIVE).first()
    if active is not None:
        write(draft, recipe_of(active))
    _log(playbook, by=by, flag=ADDITION, text=f"draft of version {draft.number} started")
    return draft


@transaction.atomic
def save_draft(
    draft: PlaybookVersion, recipe: Recipe, *, by: Any, seen: str = "", name: str = ""
) -> PlaybookVersion:
    """Make a draft say what `recipe` says; what is not finished may be saved, only publishing judges it.

    `seen` is the digest of the draft as `by` read it: when a colleague saved it meanwhile, nothing changes
    and the WorkbenchError names them. `name` renames the playbook at once.
    """
    _require_admin(by)
    draft = _locked(draft)
    now = recipe_of(draft)
    if seen and now.digest not in (seen, recipe.digest):
        raise WorkbenchError(
            f"{_last_hand(draft.playbook)} saved this draft meanwhile, so yours was not saved: open it "
            "again in another tab, compare, and make your change there."
        )
    if name.strip() and name.strip() != draft.playbook.name:
        _log(draft.playbook, by=by, flag=CHANGE, text=f"renamed from {draft.playbook.name}")
        draft.playbook.name = name.strip()
        draft.playbook.save(update_fields=["name"])
    if now.digest != recipe.digest:
        write(draft, recipe)
        _log(draft.playbook, by=by, flag=CHANGE, text=f"draft of version {draft.number} saved")
    return draft


@transaction.atomic
def publish(
    draft: PlaybookVersion, *, by: Any, at: datetime, note: str, seen: str = ""
) -> PlaybookVersion:
    """Make a draft the active version; the one before is retired, and plans that run keep theirs.

    `seen` is the digest of what `by` looked at: what was saved meanwhile is not published unseen.
    Raises RecipeError with a sentence per fault, WorkbenchError without a note, when nothing changed, or
    when a colleague published or discarded it meanwhile.
    """
    _require_admin(by)
    if not note.strip():
        raise WorkbenchError("Say in a note what this version changes and why: colleagues read it.")
    draft = _locked(draft)
    recipe = recipe_of(draft)
    if seen and recipe.digest != seen:
        raise WorkbenchError(
            f"{_last_hand(draft.playbook)} changed the draft meanwhile: look at what it would change "
            "once more, then publish."
        )
    keys = set(Trigger.objects.values_list("key", flat=True))
    if found := faults(recipe, triggers=keys):
        raise RecipeError(found)
    active = draft.playbook.versions.filter(state=State.ACTIVE).first()
    if active is not None and recipe_of(active).digest == recipe.digest:
        raise WorkbenchError(
            f"It says the same as version {active.number}: change something, or discard the draft."
        )
    published = _activate(draft, by=by, at=at, note=note.strip())
    _log(draft.playbook, by=by, flag=CHANGE, text=f"version {draft.number} published: {draft.note}")
    return published


def _activate(draft: PlaybookVersion, *, by: Any, at: datetime, note: str) -> PlaybookVersion:
    draft.playbook.versions.filter(state=State.ACTIVE).update(state=State.RETIRED)
    draft.state, draft.note = State.ACTIVE, note
    draft.published_at, draft.published_by = at, by
    draft.save(update_fields=["state", "note", "published_at", "published_by"])
    return draft


@transaction.atomic
def discard_draft(draft: PlaybookVersion, *, by: Any) -> bool:
    """Throw a draft away; returns whether the playbook stays: one that was never published goes with it."""
    _require_admin(by)
    draft = _locked(draft)
    playbook = draft.playbook
    _log(playbook, by=by, flag=CHANGE, text=f"draft of version {draft.number} discarded")
    stays = playbook.versions.exclude(pk=draft.pk).exists()
    if stays:
        draft.delete()
    else:
        playbook.delete()
    return stays


@transaction.atomic
def switch_off(
    playbook: Playbook,
    *,
    by: Any,
    at: datetime,
    on: date,
    then: Literal["keep", "close"] = "keep",
    note: str = "",
) -> int:
    """Recommend and start it no more; its open plans go on, or are closed as cancelled. How many closed.

    Raises WorkbenchError when it is off already.
    """
    _require_admin(by)
    playbook = _lock(playbook)
    if not playbook.is_active:
        raise WorkbenchError(f"{playbook} is off already ({_last_hand(playbook)} switched it).")
    playbook.is_active = False
    playbook.save(update_fields=["is_active"])
    closed = 0
    if then == "close":
        reason = (
            f"The playbook was switched off: {note}" if note else "The playbook was switched off."
        )
        closed = interventions.close_many(
            list(_open_plans(playbook).values_list("pk", flat=True)),
            by=by,
            at=at,
            on=on,
            outcome=Intervention.Outcome.CANCELLED,
            note=reason,
        )
    text = f"switched off, {closed} open plans closed" if closed else "switched off"
    _log(playbook, by=by, flag=CHANGE, text=f"{text}: {note}" if note else text)
    return closed


@transaction.atomic
def switch_on(playbook: Playbook, *, by: Any, note: str = "") -> None:
    """Recommend it again. Raises WorkbenchError when it is on, or has never been published."""
    _require_admin(by)
    playbook = _lock(playbook)
    if playbook.is_active:
        raise WorkbenchError(f"{playbook} is on already ({_last_hand(playbook)} switched it).")
    if not playbook.versions.filter(state=State.ACTIVE).exists():
        raise WorkbenchError(f"{playbook} has no published version: publish its draft first.")
    playbook.is_active = True
    playbook.save(update_fields=["is_active"])
    _log(playbook, by=by, flag=CHANGE, text=f"switched on: {note}" if note else "switched on")


@transaction.atomic
def move_open_plans(
    version: PlaybookVersion, plan_ids: Collection[int], *, by: Any, at: datetime, on: date
) -> Sequence[Intervention]:
    """Put running plans of older versions on this one; others among `plan_ids` are left alone."""
    _require_admin(by)
    if version.state != State.ACTIVE:
        raise WorkbenchError("Plans move to the version that is active now.")
    plans = moves(version).filter(pk__in=plan_ids).select_related("account", "playbook_version")
    return [
        plan_versions.move_to(plan, version, by=by, at=at, on=on)
        for plan in plans.select_related("owner")
    ]


def moves(version: PlaybookVersion) -> Any:
    """Open plans that run on another version of the same playbook: a queryset of `Intervention`."""
    return _open_plans(version.playbook).exclude(playbook_version=version)


def _open_plans(playbook: Playbook) -> Any:
    return Intervention.objects.filter(
        playbook_version__playbook=playbook, state__in=Intervention.OPEN_STATES
    )


def _new_version(playbook: Playbook, *, by: Any) -> PlaybookVersion:
    last = playbook.versions.aggregate(last=Max("number"))["last"] or 0
    return PlaybookVersion.objects.create(playbook=playbook, number=last + 1, created_by=by)


def _lock(playbook: Playbook) -> Playbook:
    return Playbook.objects.select_for_update().get(pk=playbook.pk)


def _locked(draft: PlaybookVersion) -> PlaybookVersion:
    """The draft as it now stands, ours until the transaction ends."""
    rows = PlaybookVersion.objects.select_for_update(of=("self",)).select_related("playbook")
    found = rows.filter(pk=draft.pk).first()
    if found is None:
        raise WorkbenchError("The draft is gone: a colleague discarded it meanwhile.")
    if not found.is_draft:
        who = found.published_by or "the library"
        raise WorkbenchError(
            f"Version {found.number} was published meanwhile ({who}): start a new draft to change it."
        )
    return found


def _require_admin(by: Any) -> None:
    if not by.is_admin:
        raise WorkbenchError("Only an admin changes playbooks.")


def _last_hand(playbook: Playbook) -> str:
    """Who changed it last, as the log says."""
    entry = (
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(Playbook), object_id=str(playbook.pk)
        )
        .select_related("user")
        .first()
    )
    return str(entry.user) if entry else "A colleague"


def _log(playbook: Playbook, *, by: Any, flag: int, text: str) -> None:
    LogEntry.objects.log_actions(by.pk, [playbook], flag, change_message=text, single_object=True)
    audit.record(audit.Kind.TUNING, f"playbook {playbook}: {text}", by=by, detail={"note": text})
