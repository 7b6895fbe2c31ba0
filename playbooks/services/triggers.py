"""Triggers: those that ship, and how admins change them."""

from pathlib import Path
from typing import Any

import yaml
from django.db import transaction

from playbooks.models import Playbook, Severity, Trigger
from playbooks.rules import Rule, Scope

LIBRARY = Path(__file__).resolve().parent.parent / "library" / "triggers.yaml"


@transaction.atomic
def load_library() -> list[Trigger]:
    """The triggers that ship: made where they are missing; one that is there stays as it was edited.

    A playbook the library names is linked once it exists, as long as nobody has edited the trigger.
    Raises RuleError when the library itself is faulty.
    """
    there = Trigger.objects.in_bulk(field_name="key")
    playbooks = dict(Playbook.objects.values_list("key", "pk"))
    made = []
    for position, entry in enumerate(read_library(), 1):
        trigger = there.get(entry["key"])
        playbook_id = playbooks.get(entry["playbook"])
        if trigger is None:
            made.append(_trigger(entry, position, playbook_id))
        elif trigger.playbook_id is None and playbook_id and trigger.revision == 1:
            Trigger.objects.filter(pk=trigger.pk).update(playbook_id=playbook_id)
    Trigger.objects.bulk_create(made)
    return made


def read_library() -> list[dict[str, Any]]:
    """The entries of the library that ships, in its order."""
    entries: list[dict[str, Any]] = yaml.safe_load(LIBRARY.read_text(encoding="utf-8"))
    return entries


def _trigger(entry: dict[str, Any], position: int, playbook_id: int | None) -> Trigger:
    Rule.parse(entry["rule"])
    Rule.maybe(entry.get("exit_rule"))
    Scope.parse(entry.get("scope", {}))
    return Trigger(
        key=entry["key"],
        shipped=entry["key"],
        name=entry["name"],
        description=entry["description"],
        family=entry["family"],
        severity=Severity[entry["severity"].upper()],
        rule=entry["rule"],
        exit_rule=entry.get("exit_rule", {}),
        exit_days=entry.get("exit_days", 1),
        scope=entry.get("scope", {}),
        cooldown_days=entry["cooldown_days"],
        playbook_id=playbook_id,
        is_active=True,
        position=position * 10,
    )
