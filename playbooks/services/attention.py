"""STUB: the narrow row of open work per account."""

from collections.abc import Collection
from datetime import datetime


def refresh(account_ids: Collection[int] | None, *, at: datetime) -> int:
    """Rebuild `AccountWork` of these accounts, or of all; returns how many rows there are."""
    return 0
