"""What a value looks like in JSON: type, unit and words, from the columns of the feed. Nothing is told twice.

Schemas are OpenAPI 3.1. Money is a decimal in major units of its currency, sent as text so that no client
rounds it; days are `YYYY-MM-DD`; null is unknown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from accounts.ingest.columns import Column, Kind
from csm.lib.money import exponent, per_unit

Schema = dict[str, Any]

# Kind → JSON type, unit, what it says. {currency} is the row's, or the book's own.
_KINDS: Final[dict[Kind, tuple[Schema, str, str]]] = {
    Kind.AMOUNT: ({"type": "string", "format": "decimal"}, "currency", "Major units, as a decimal"),
    Kind.CATEGORY: ({"type": "string"}, "", ""),
    Kind.COUNT: ({"type": "integer"}, "count", "A count"),
    Kind.CURRENCY: ({"type": "string"}, "", "ISO 4217 code; the book's own when absent"),
    Kind.DATE: ({"type": "string", "format": "date"}, "day", "A day in the book's time zone"),
    Kind.DATETIME: ({"type": "string", "format": "date-time"}, "", "A moment with its zone"),
    Kind.DAYS: ({"type": "number"}, "days", "Days"),
    Kind.HOURS: ({"type": "number"}, "hours", "Hours"),
    Kind.ID: ({"type": "string"}, "", "An id in the source system"),
    Kind.IDS: (
        {"type": "array", "items": {"type": "string"}},
        "",
        "Further ids in the source system that mean the same",
    ),
    Kind.MINUTES: ({"type": "integer"}, "minutes", "Minutes"),
    Kind.MONEY: ({"type": "number"}, "currency", "Major units of the book's currency"),
    Kind.NUMBER: ({"type": "number"}, "", "A number"),
    Kind.OWNER: ({"type": "string"}, "", "A colleague's user name, or e-mail address when writing"),
    Kind.PERCENT: ({"type": "number"}, "per cent", "Per cent"),
    Kind.RATIO: ({"type": "number"}, "ratio", "A ratio: 1 is the whole"),
    Kind.SCORE: ({"type": "number"}, "points", "Points"),
    Kind.SENTIMENT: ({"type": "number"}, "−1 to 1", "From −1 (angry) to 1 (delighted)"),
    Kind.SLUG: ({"type": "string"}, "", "A key: letters, digits, _ and -"),
    Kind.TAGS: ({"type": "array", "items": {"type": "string"}}, "", "Tags"),
    Kind.TEAM: ({"type": "string"}, "", "The team's name"),
    Kind.TEXT: ({"type": "string"}, "", ""),
    Kind.VALUE: ({"type": ["number", "string"]}, "", "In the metric's own unit"),
    Kind.YES_NO: ({"type": "boolean"}, "", ""),
}
_PLAIN: Final[tuple[tuple[type[models.Field], Kind], ...]] = (
    (models.BooleanField, Kind.YES_NO),
    (models.DateTimeField, Kind.DATETIME),
    (models.DateField, Kind.DATE),
    (models.FloatField, Kind.NUMBER),
    (models.IntegerField, Kind.COUNT),
    (models.CharField, Kind.TEXT),
    (models.TextField, Kind.TEXT),
)


@dataclass(frozen=True)
class ReadField:
    """One key of a row that is read: where it lies (`path`: an ORM path or expression) and what it is."""

    name: str
    path: Any
    schema: Schema
    convert: Callable[[Any], Any] | None = None


def written(column: Column) -> Schema:
    """The schema of a column in a row that is sent. Null and absent alike leave what is there."""
    schema, unit, words = _KINDS[column.kind]
    schema = dict(schema)
    if column.kind is Kind.CATEGORY:
        # Every spelling the files may use is accepted; these are the ones an answer uses.
        schema["examples"] = column.accepted
        words = f"One of: {', '.join(column.accepted)}; usual spellings of them are understood"
    if schema["type"] == "string" and column.kind in (Kind.TEXT, Kind.ID, Kind.SLUG):
        schema["maxLength"] = column.max_length
    for key, bound in (("minimum", column.minimum), ("maximum", column.maximum)):
        if bound is not None and schema["type"] in ("number", "integer"):
            schema[key] = bound
    return _described(_nullable(schema), unit, words)


def read(name: str, path: Any, kind: Kind, *, nullable: bool = True, words: str = "") -> ReadField:
    """A key of an answer by its kind."""
    schema, unit, usual = _KINDS[kind]
    schema = dict(schema)
    convert = _CONVERTED.get(kind)
    if nullable:
        schema = _nullable(schema)
    return ReadField(name, path, _described(schema, unit, words or usual), convert)


def read_model_field(field: models.Field, column: Column | None) -> ReadField:
    """A key of an answer from a model's field, by the feed's column that fills it, if there is one."""
    name = column.target if column else field.name
    kind = column.kind if column else next(kind for cls, kind in _PLAIN if isinstance(field, cls))
    if kind is Kind.HOURS:
        kind = Kind.MINUTES
    nullable = field.null or (
        isinstance(field, models.CharField | models.TextField) and field.blank
    )
    words = str(field.help_text) or ("" if column else str(field.verbose_name).capitalize())
    made = read(name, field.attname, kind, nullable=nullable, words=words)
    if choices := [value for value, _ in field.flatchoices if value]:
        made.schema["enum"] = [*choices, None] if nullable else choices
    return made


def _nullable(schema: Schema) -> Schema:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return schema | {"type": [*kinds, "null"]}


def _described(schema: Schema, unit: str, words: str) -> Schema:
    if unit:
        schema["x-unit"] = unit
    if words:
        schema["description"] = f"{words}."
    return schema


def _money(minor: int | None) -> str | None:
    if minor is None:
        return None
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), per_unit())
    digits = exponent()
    return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"


def _known(text: str | None) -> str | None:
    return text or None


_CONVERTED: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.AMOUNT: _money,
    Kind.CATEGORY: _known,
    Kind.TEXT: _known,
    Kind.ID: _known,
}
