"""The library of playbooks and triggers that ships."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from csm.lib.errors import WorkbenchError
from playbooks.models import Playbook, PlaybookVersion
from playbooks.services import playbooks, triggers


class Command(BaseCommand):
    help = "Load the playbooks and triggers that ship, or list the playbooks there are."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser(
            "load", help="publish what ships and is new or changed; what was edited here stays"
        )
        verbs.add_parser("list", help="playbooks with their active versions")

    def handle(self, **options: Any) -> None:
        try:
            getattr(self, f"_{options['verb']}")()
        except WorkbenchError as error:
            raise CommandError(str(error)) from error

    def _load(self) -> None:
        versions = playbooks.load_library()
        made = triggers.load_library()
        self.stdout.write(
            f"Loaded {len(versions)} playbooks and {len(made)} triggers; the others were there already."
            if versions or made
            else "All playbooks and triggers are there already."
        )

    def _list(self) -> None:
        active = {
            version.playbook_id: version
            for version in PlaybookVersion.objects.filter(state=PlaybookVersion.State.ACTIVE)
        }
        for playbook in Playbook.objects.all():
            version = active.get(playbook.pk)
            told = f"version {version.number}: {version.note}" if version else "never published"
            state = "" if playbook.is_active else " (off)"
            self.stdout.write(f"{playbook.key}: {playbook.name}{state}, {told}")
