"""Apply product events that wait; the sweep and the night do the same."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.events.apply import apply_events
from csm.lib.dates import today


class Command(BaseCommand):
    help = "Apply product events that wait, and those held whose accounts have appeared. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        done = apply_events(as_of=today())
        told = ", ".join(f"{count} {state}" for state, count in sorted(done.items()) if count)
        self.stdout.write(told or "No event waits.")
