"""Mappings an upload may be read with: the generic one, those that ship, those somebody saved."""

from dataclasses import replace
from typing import Any, Final

from accounts.ingest import mappings
from accounts.ingest.columns import Column
from accounts.ingest.feeds import FEEDS
from accounts.ingest.feeds.further import columns_of
from accounts.ingest.mappings import Mapping
from accounts.models import ImportRun, SavedMapping

GENERIC: Final = mappings.GENERIC
LABELS: Final = {"generic": "Generic", "salesforce": "Salesforce", "hubspot": "HubSpot"}

Spec = dict[str, Any]


def shipped() -> tuple[str, ...]:
    """Names of the mappings that come with the workbench."""
    return mappings.shipped()


def choices() -> list[tuple[str, str]]:
    """Every mapping by name and label, saved ones last; one query."""
    saved = SavedMapping.objects.values_list("name", "feed")
    return [
        *((name, LABELS.get(name, name.capitalize())) for name in shipped()),
        *((name, f"{name} (saved, {feed.replace('_', ' ')})") for name, feed in saved),
    ]


def load(name: str, feed: str) -> Spec:
    """What a mapping file would hold for `feed`; empty for the generic one and for a name that is gone."""
    if name in shipped():
        return mappings.spec_for(name, feed)
    return dict(SavedMapping.objects.filter(name=name).values_list("spec", flat=True).first() or {})


def mapping_for(run: ImportRun, columns: dict[str, Column] | None = None) -> Mapping:
    """The mapping of `run`, as the loader takes it; MappingFault lists what is wrong with it.

    `columns` are those of the feed by target, where they have been asked for already.
    """
    spec = run.options.get("spec") or {}
    known = columns_of(FEEDS[run.feed]) if columns is None else columns
    checked = mappings.read_mapping(spec, feed=run.feed, columns=known)
    return replace(checked, name=run.mapping or GENERIC)


def feed_of(name: str) -> str:
    """The feed a saved mapping was made for; accounts when it is gone."""
    found = SavedMapping.objects.filter(name=name).values_list("feed", flat=True).first()
    return found or "accounts"
