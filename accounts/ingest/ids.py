"""Ids as systems give them and spreadsheets damage them."""

import re
from typing import Final

from accounts.ingest.faults import CellFault

_SHORTENED: Final = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]+")
_AS_FLOAT: Final = re.compile(r"([0-9]+)\.0+")
_SALESFORCE: Final = re.compile(r"[a-zA-Z0-9]{15}([a-zA-Z0-5]{3})?", re.ASCII)
_SUFFIX: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


class MergedId(str):
    """An id together with the `others` that became it."""

    __slots__ = ("others",)
    others: tuple[str, ...]

    def __new__(cls, first: str, others: tuple[str, ...]) -> "MergedId":
        made = super().__new__(cls, first)
        made.others = others
        return made


def read_id(text: str, *, salesforce: bool = False) -> str:
    """One id, repaired where a spreadsheet has made a number of it; CellFault where it lost digits."""
    if _SHORTENED.fullmatch(text) and not re.fullmatch(r"[0-9]+[eE][0-9]+", text):
        raise CellFault(
            "is an id that a spreadsheet has shortened.",
            "Export it again with the id column formatted as text.",
        )
    if number := _AS_FLOAT.fullmatch(text):
        text = number[1]
    return long_form(text) if salesforce else text


def read_ids(text: str, *, salesforce: bool = False) -> list[str]:
    """The ids of a cell such as "76340251;46897301", in their order, each once."""
    parts = [part.strip() for part in text.split(";") if part.strip()]
    return list(dict.fromkeys(read_id(part, salesforce=salesforce) for part in parts))


def long_form(text: str) -> str:
    """The 18-character form of a Salesforce id; other text as it is.

    The 15-character form tells upper from lower case; the three characters that follow say, as five bits
    each with the lowest first, which of the 15 are upper case. So the long form is also repaired where a
    tool has changed the case of its letters.
    """
    if not _SALESFORCE.fullmatch(text):
        return text
    if len(text) == 15:
        return text + _suffix(text)
    body, suffix = text[:15], text[15:].upper()
    bits = [_SUFFIX.index(sign) >> place & 1 for sign in suffix for place in range(5)]
    if any(bit and not sign.isalpha() for sign, bit in zip(body, bits, strict=True)):
        return text
    return (
        "".join(sign.upper() if bit else sign.lower() for sign, bit in zip(body, bits, strict=True))
        + suffix
    )


def _suffix(body: str) -> str:
    return "".join(
        _SUFFIX[sum(sign.isupper() << place for place, sign in enumerate(body[start : start + 5]))]
        for start in (0, 5, 10)
    )
