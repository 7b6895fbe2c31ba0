"""Reading the body of an act: closed objects, each fault named."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from accounts.api.errors import Refused, fault
from accounts.api.fields import Schema
from csm.lib.dates import parse_day

_WORDS: Final = {"string": "a text", "integer": "a whole number"}
_BIGGEST: Final = 2**63 - 1
_LONGEST: Final = 10_000


def read(body: Any, properties: Mapping[str, Schema], required: Collection[str]) -> dict[str, Any]:
    """The values of a body by name, days as dates, null left out. Raises Refused, naming each fault."""
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.")
    faults, values = [], {}
    for name, value in body.items():
        schema = properties.get(name)
        if schema is None:
            there = ", ".join(properties) or "none"
            faults.append(fault(name, value, "There is no such key.", f"There are: {there}."))
        elif value is not None:
            try:
                values[name] = _value(value, schema)
            except ValueError as error:
                faults.append(fault(name, value, str(error), str(schema.get("description", ""))))
    faults += [
        fault(name, None, "It is missing.", str(properties[name].get("description", "")))
        for name in required
        if values.get(name) in (None, "") and not any(each["column"] == name for each in faults)
    ]
    if faults:
        raise Refused("Some values cannot be used.", faults=faults)
    return values


def _value(value: Any, schema: Schema) -> Any:
    kind = schema["type"]
    if kind == "integer":
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"It is not {_WORDS[kind]}.")
        if not schema.get("minimum", 0) <= value <= schema.get("maximum", _BIGGEST):
            raise ValueError("It is out of range.")
        return value
    if not isinstance(value, str):
        raise ValueError(f"It is not {_WORDS[kind]}.")
    if "\x00" in value:
        raise ValueError("It holds a NUL character.")
    longest = schema.get("maxLength", _LONGEST)
    if len(value) > longest:
        raise ValueError(f"It is longer than {longest:,} characters.")
    if "enum" in schema and value not in schema["enum"]:
        raise ValueError("It is none of the values there are.")
    if schema.get("format") == "date":
        return parse_day(value)
    if not value.strip():
        raise ValueError("It is empty.")
    return value.strip()
