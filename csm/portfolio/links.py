"""Addresses of lists: a number and the list it opens are built from the same parameters."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.urls import get_script_prefix, reverse

from csm.lib.addresses import with_params, without_value

__all__ = ["list_url", "with_params", "without_value"]


def list_url(name: str, scope: str, **params: Any) -> str:
    """The list `name` ("portfolio", "at_risk", …) in `scope`, filtered by `params`."""
    query = urlencode({"scope": scope, **params}, doseq=True)
    return f"{_path(name, get_script_prefix())}?{query}"


# A page of figures has hundreds of these. Where the workbench lives below a path, that is in the address.
@lru_cache(maxsize=64)
def _path(name: str, _prefix: str) -> str:
    return reverse(name)
