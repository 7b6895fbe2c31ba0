"""Values of a cursor as an address carries them."""

import datetime as dt
import math
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

from csm.lib.typed import whole

# Between the values.
APART: Final = "~"


def _text(text: str) -> str:
    found = unquote(text)
    if "\0" in found or len(found) > 255:
        raise ValueError(text)
    return found


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def _whole(text: str) -> int:
    found = whole(text.removeprefix("-"), 18)
    if found is None:
        raise ValueError(text)
    return -found if text.startswith("-") else found


# How a value of a cursor is read, by the kind of its column. Each raises ValueError.
READ: Final[dict[str, Callable[[str], Any]]] = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "day": dt.date.fromisoformat,
    "moment": dt.datetime.fromisoformat,
}


def written(value: Any) -> str:
    if isinstance(value, str):
        return quote(value, safe=" '(),&").replace(APART, "%7E")
    return (
        repr(value)
        if isinstance(value, float)
        else str(value.isoformat() if isinstance(value, dt.date) else value)
    )
