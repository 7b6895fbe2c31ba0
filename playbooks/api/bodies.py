"""Reading the body of an act: closed objects, each fault named."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from accounts.api.errors import Refused, fault
from accounts.api.fields import Schema
from csm.lib.dates import parse_day

_WORDS: Final = {
    "string": "a text",
    "integer": "a whole number",
    "boolean": "true or false",
}
_LONGEST: Final = 10_000


def read(
    body: Any, properties: Mapping[str, Schema], required: Collection[str]
) -> dict[str, Any]:
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
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    kind = kinds[0]
    right = {"string": str, "integer": int, "boolean": bool}[kind]
    if not isinstance(value, right) or (kind == "integer" and isinstance(value, bool)):
        raise ValueError(f"It is not {_WORDS[kind]}.")
    if kind == "integer" and not schema.get("minimum", 0) <= value <= schema.get(
        "maximum", 2**63 - 1
    ):
        raise ValueError("It is out of range.")
    if kind != "string":
        return value
    if "\x00" in value:
        raise ValueError("It holds a NUL character.")
    if len(value) > schema.get("maxLength", _LONGEST):
        raise ValueError(f"It is longer than {schema.get('maxLength', _LONGEST):,} characters.")
    if "enum" in schema and value not in schema["enum"]:
        raise ValueError("It is none of the values there are.")
    return parse_day(value) if schema.get("format") == "date" else value.strip()
