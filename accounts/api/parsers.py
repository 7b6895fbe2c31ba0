"""Bodies in: JSON and nothing but what JSON can say and a database can hold. Out: always JSON."""

import json
from typing import Any, NoReturn

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import JSONParser

from accounts.api.errors import Refused

_DEEPEST = 8
_INTEGERS = range(-(2**63), 2**63)


class AlwaysJson(DefaultContentNegotiation):
    """Whatever a client says it accepts, it gets JSON: errors are never another format than answers."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJson(JSONParser):
    """`application/json` in UTF-8, no larger than DATA_UPLOAD_MAX_MEMORY_SIZE bytes.

    Raises Refused (400) for what is no JSON, for NaN and infinities, integers beyond 64 bits, characters no
    database stores (NUL, lone surrogates), and nesting deeper than any row has; RequestDataTooBig (answered
    413) for more bytes.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        # `body` enforces the limit before anything is read; the stream itself knows none.
        raw = parser_context["request"]._request.body
        try:
            found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        except RecursionError:
            raise Refused("The JSON is nested too deeply.", code="malformed") from None
        except ValueError as error:
            raise Refused(f"The body is no JSON: {error}.", code="malformed") from None
        _check(found, "body", 0)
        return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value, send null for unknown")


def _check(value: Any, where: str, depth: int) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise Refused(f"{where} holds a NUL character: remove it.", code="malformed")
        # A pair of escapes is joined by the decoder, so what is left of them stands alone.
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Refused(f"{where} holds half a surrogate pair: send UTF-8.", code="malformed")
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if value not in _INTEGERS:
            raise Refused(f"{where} is an integer beyond 64 bits.", code="malformed")
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise Refused(f"{where} is a number too large to keep.", code="malformed")
    elif depth >= _DEEPEST:
        raise Refused("The JSON is nested too deeply.", code="malformed")
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _check(inner, f"{where}[{position}]", depth + 1)
    else:
        for key, inner in value.items():
            _check(key, f"a key in {where}", depth + 1)
            _check(inner, f"{where}.{key}" if key.isprintable() else where, depth + 1)
