"""Scorecards as files."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csm.lib.errors import WorkbenchError
from scoring.engine.spec import SpecError
from scoring.metrics.catalogue import catalogue
from scoring.models import Scorecard, ScorecardVersion
from scoring.services import versions


class Command(BaseCommand):
    help = "List, export and import scorecards as YAML, publish drafts, load the presets that ship."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="scorecards with their versions")
        verbs.add_parser("metrics", help="the metrics a scorecard may use")
        verbs.add_parser("presets", help="load the scorecards that ship and are not there yet")
        export = verbs.add_parser("export", help="write a scorecard to a YAML file")
        export.add_argument("file", type=Path)
        export.add_argument("--scorecard", metavar="KEY", help="which one; the default when absent")
        export.add_argument(
            "--draft", action="store_true", help="the draft instead of the active version"
        )
        read = verbs.add_parser("import", help="read a YAML file as a draft")
        read.add_argument("file", type=Path)
        read.add_argument(
            "--replace-draft", action="store_true", help="overwrite a draft that is there"
        )
        read.add_argument(
            "--publish", action="store_true", help="publish it at once (needs --note)"
        )
        read.add_argument("--note", default="", help="what the version changes and why")
        read.add_argument(
            "--activate", action="store_true", help="let the nights score with it by its scope"
        )
        publish = verbs.add_parser("publish", help="publish a draft")
        publish.add_argument("key")
        publish.add_argument("--note", required=True, help="what the version changes and why")

    def handle(self, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")(options)
        except SpecError as error:
            faults = "\n".join(f"- {fault}" for fault in error.faults)
            raise CommandError(f"The scorecard is refused:\n{faults}") from error
        except WorkbenchError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error

    def _list(self, options: dict[str, Any]) -> None:
        for card in Scorecard.objects.prefetch_related("versions"):
            state = (
                "default"
                if card.is_default
                else "active"
                if card.is_active
                else "not used by the nights"
            )
            self.stdout.write(f"{card.key}: {card.name} ({state})")
            for version in card.versions.all():
                self.stdout.write(
                    f"  version {version.number}, {version.state}: {version.note or 'no note'}"
                )

    def _metrics(self, options: dict[str, Any]) -> None:
        for metric in catalogue().values():
            self.stdout.write(f"{metric.key} ({metric.kind}): {metric.description}")

    def _presets(self, options: dict[str, Any]) -> None:
        loaded = versions.load_presets()
        names = ", ".join(version.scorecard.key for version in loaded)
        self.stdout.write(f"Loaded {names}." if loaded else "All presets are there already.")

    def _export(self, options: dict[str, Any]) -> None:
        card = self._scorecard(options["scorecard"])
        state = ScorecardVersion.State.DRAFT if options["draft"] else ScorecardVersion.State.ACTIVE
        version = card.versions.select_related("scorecard").filter(state=state).first()
        if version is None:
            raise WorkbenchError(f"{card.name} has no {state} version.")
        options["file"].write_text(versions.write_yaml(versions.spec_of(version)), encoding="utf-8")
        self.stdout.write(f"Wrote {version} to {options['file']}.")

    def _import(self, options: dict[str, Any]) -> None:
        if options["publish"] and not options["note"].strip():
            raise WorkbenchError("--publish needs --note: say what this version changes and why.")
        spec = versions.read_yaml(options["file"])
        draft = versions.import_spec(spec, by=None, replace_draft=options["replace_draft"])
        self.stdout.write(f"Imported {draft} as a draft.")
        if options["publish"]:
            versions.publish(draft, by=None, note=options["note"])
            self.stdout.write(f"Published {draft}.")
        if options["activate"]:
            versions.activate(draft.scorecard, by=None)
            self.stdout.write(f"The nights score with {draft.scorecard} where its scope matches.")

    def _publish(self, options: dict[str, Any]) -> None:
        card = self._scorecard(options["key"])
        draft = card.versions.filter(state=ScorecardVersion.State.DRAFT).first()
        if draft is None:
            raise WorkbenchError(f"{card.name} has no draft to publish.")
        versions.publish(draft, by=None, note=options["note"])
        self.stdout.write(f"Published {draft}.")

    def _scorecard(self, key: str | None) -> Scorecard:
        found = (
            Scorecard.objects.filter(key=key) if key else Scorecard.objects.filter(is_default=True)
        )
        card = found.first()
        if card is None:
            known = ", ".join(Scorecard.objects.values_list("key", flat=True)) or "none yet"
            raise WorkbenchError(
                f"There is no scorecard {key or 'set as default'}; there is {known}."
            )
        return card
