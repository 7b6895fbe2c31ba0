"""Addresses of lists: the query of a page with something changed or left out; and the way back."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

# Longer ones are nobody's list: the header that leads there has an end.
_LONGEST = 4_000
# Where in a list a page stands: it starts again when anything else about the list changes.
PLACE = ("page", "after", "before", "exact")


def back_to(request: HttpRequest, otherwise: str) -> str:
    """Where the person came from (`next` of the form) when that is a page of ours, else `otherwise`."""
    asked = request.POST.get("next", "")[:_LONGEST]
    # A bare word would pass as relative, and be taken for the name of a view.
    ours = asked.startswith("/") and url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if ours else otherwise


def with_params(query: QueryDict, **changes: Any) -> str:
    """`?…` of `query` with `changes`; None removes a parameter. The list starts on its first page again."""
    kept = query.copy()
    for place in PLACE:
        kept.pop(place, None)
    for name, value in changes.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = str(value)
    return f"?{kept.urlencode()}"


def without_value(query: QueryDict, names: Iterable[str], value: str | None = None) -> str:
    """`?…` of `query` without `names`, or without just one `value` of them."""
    kept = query.copy()
    for place in PLACE:
        kept.pop(place, None)
    for name in names:
        left = [each for each in kept.getlist(name) if value is not None and each.strip() != value]
        kept.setlist(name, left)
    return f"?{kept.urlencode()}"
