"""How a service says which rows it changed, for whoever keeps a record of it."""

from collections.abc import Mapping
from typing import Any, Protocol

from django.db.models import Model


class Record(Protocol):
    """Called with a row's values before (None: it was made) and after (None: it was deleted)."""

    def __call__(
        self,
        model: type[Model],
        pk: int,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
    ) -> None: ...


def forget(
    model: type[Model],
    pk: int,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    """Keep no record."""
