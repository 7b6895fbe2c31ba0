"""Addresses of lists: a number and the list it opens are built from the same parameters."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse


def list_url(name: str, scope: str, **params: Any) -> str:
    """The list `name` ("portfolio", "at_risk", …) in `scope`, filtered by `params`."""
    query = urlencode({"scope": scope, **params}, doseq=True)
    return f"{reverse(name)}?{query}"


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
