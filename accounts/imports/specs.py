"""Mappings an upload may be read with: the generic one, those that ship, those somebody saved."""

from pathlib import Path
from typing import Any, Final

import yaml

from accounts.ingest import mappings
from accounts.models import ImportRun, SavedMapping

GENERIC: Final = mappings.GENERIC
LABELS: Final = {"generic": "Generic", "salesforce": "Salesforce", "hubspot": "HubSpot"}

Spec = dict[str, Any]


def shipped() -> tuple[str, ...]:
    """Names of the mappings that come with the workbench."""
    folder = Path(mappings.__file__).parent / "mappings"
    return (GENERIC, *sorted(path.stem for path in folder.glob("*.yaml")))


def choices() -> list[tuple[str, str]]:
    """Every mapping by name and label, saved ones last; one query."""
    saved = SavedMapping.objects.values_list("name", "feed")
    return [
        *((name, LABELS.get(name, name.capitalize())) for name in shipped()),
        *((name, f"{name} (saved, {feed})") for name, feed in saved),
    ]


def load(name: str, feed: str) -> Spec:
    """What the mapping's file would hold; empty for the generic one and for a name that is gone."""
    if name in shipped():
        path = Path(mappings.__file__).parent / "mappings" / f"{name}.yaml"
        return yaml.safe_load(path.read_text()) if path.exists() else {}
    return dict(SavedMapping.objects.filter(name=name).values_list("spec", flat=True).first() or {})


def mapping_for(run: ImportRun) -> str | Path:
    """The mapping of `run`, as the loader takes it."""
    path = Path(run.file.path).with_suffix(".yaml")
    path.write_text(yaml.safe_dump(run.options.get("spec", {})))
    return path
