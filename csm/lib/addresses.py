"""Addresses of lists: the query of a page with something changed or left out."""

from collections.abc import Iterable
from typing import Any

from django.http import QueryDict


def with_params(query: QueryDict, **changes: Any) -> str:
    """`?…` of `query` with `changes`; None removes a parameter. The page number starts again."""
    kept = query.copy()
    kept.pop("page", None)
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = str(value)
    return f"?{kept.urlencode()}"


def without_value(query: QueryDict, names: Iterable[str], value: str | None = None) -> str:
    """`?…` of `query` without `names`, or without just one `value` of them."""
    kept = query.copy()
    kept.pop("page", None)
    for name in names:
        left = [each for each in kept.getlist(name) if value is not None and each.strip() != value]
        kept.setlist(name, left)
    return f"?{kept.urlencode()}"
