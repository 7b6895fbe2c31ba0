"""What a list can be asked for, in the address. A parameter that is not known is refused, not ignored."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final

from django.db import models
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from accounts.api.errors import Refused, fault
from accounts.api.fields import Schema
from accounts.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from accounts.api.resources import Resource
from accounts.models import Account, ImportChange, ImportRun
from csm.lib.dates import parse_day

_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
PAGING: Final[dict[str, tuple[Schema, str]]] = {
    "limit": (
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
        "Rows per page.",
    ),
    "cursor": ({"type": "string"}, "Where the page begins; follow `next` instead of making one."),
}


@dataclass(frozen=True)
class Filter:
    """A parameter: its schema and words, and the condition its text makes (ValueError: why it does not)."""

    schema: Schema
    words: str
    condition: Callable[[str], Q]


def parameters(resource: Resource) -> dict[str, tuple[Schema, str]]:
    """Schema and words of every parameter of a list."""
    filters = {name: (each.schema, each.words) for name, each in _filters(resource).items()}
    return filters | PAGING


def narrowed(rows: QuerySet[Any], resource: Resource, query: QueryDict) -> QuerySet[Any]:
    """`rows` of a kind of fact by the filters in the address; raises Refused as `narrow`."""
    return narrow(rows, _filters(resource), query)


def narrow(rows: QuerySet[Any], filters: Mapping[str, Filter], query: QueryDict) -> QuerySet[Any]:
    """`rows` by the parameters in the address. Raises Refused, naming each one that is at fault."""
    faults = []
    for name, texts in query.lists():
        if name in PAGING and len(texts) == 1:
            continue
        known = filters.get(name)
        if known is None and name not in PAGING:
            names = ", ".join(sorted({*filters, *PAGING}))
            faults.append(
                fault(name, texts[-1], "There is no such parameter.", f"There are: {names}.")
            )
        elif known is None or len(texts) != 1:
            faults.append(fault(name, ", ".join(texts), "It is given twice.", "Give it once."))
        else:
            try:
                rows = rows.filter(known.condition(texts[0]))
            except ValueError as error:
                faults.append(fault(name, texts[0], str(error), known.words))
    if faults:
        raise Refused("Some parameters cannot be used.", faults=faults)
    return rows


@cache
def _filters(resource: Resource) -> dict[str, Filter]:
    about = resource.about
    text: Schema = {"type": "string", "maxLength": 120, "pattern": r"^[^\u0000]*$"}
    found = {
        "source": Filter(text, "The system rows came from.", exact("source")),
        "changed_since": Filter(
            {"type": "string", "format": "date-time"},
            "Rows created or changed since this moment (with its zone, 2026-11-22T08:00:00Z), "
            "and perhaps some that were not.",
            _changed_since(resource),
        ),
    }
    if resource.model is Account:
        found["external_id"] = Filter(text, "Its id in the source.", exact("external_id"))
        found["owner"] = Filter(text, "The owner's user name.", exact("owner__username"))
        found["team"] = Filter(text, "The team's name.", exact("team__name"))
    else:
        whole: Schema = {"type": "integer", "minimum": 1}
        found["account"] = Filter(whole, "This workbench's id of the account.", identity("account"))
        found["account_id"] = Filter(
            text, "The account's id in its source.", exact(f"{about}external_id")
        )
        if any(field.name == "external_id" for field in resource.model._meta.concrete_fields):
            found["external_id"] = Filter(text, "The row's id in the source.", exact("external_id"))
    for name, field in resource.columns_filtered.items():
        choices = [value for value, _ in field.flatchoices if value]
        if choices:
            schema: Schema = {"type": "string", "enum": choices}
            found[name] = Filter(schema, f"One of {', '.join(choices)}.", choice(name, choices))
        else:
            path = f"{name}__key" if isinstance(field, models.ForeignKey) else name
            found[name] = Filter(text, f"Exactly this {name}.", exact(path))
    day: Schema = {"type": "string", "format": "date"}
    for name in resource.days:
        words = "YYYY-MM-DD, this day included."
        found[f"{name}_from"] = Filter(day, f"`{name}` from: {words}", day_of(f"{name}__gte"))
        found[f"{name}_to"] = Filter(day, f"`{name}` up to: {words}", day_of(f"{name}__lte"))
    return found


def exact(path: str) -> Callable[[str], Q]:
    """Rows whose column is exactly the parameter."""

    def condition(text: str) -> Q:
        if "\x00" in text or len(text) > 255:
            raise ValueError("No value looks like this.")
        return Q(**{path: text})

    return condition


def identity(path: str) -> Callable[[str], Q]:
    """Rows that lead to this id."""

    def condition(text: str) -> Q:
        if not _ID.fullmatch(text):
            raise ValueError("It is no id.")
        return Q(**{path: int(text)})

    return condition


def choice(name: str, choices: list[str]) -> Callable[[str], Q]:
    """Rows with one of the values there are."""

    def condition(text: str) -> Q:
        if text not in choices:
            raise ValueError("It is none of the values there are.")
        return Q(**{name: text})

    return condition


def day_of(lookup: str) -> Callable[[str], Q]:
    """Rows by a day, YYYY-MM-DD, under a lookup."""

    def condition(text: str) -> Q:
        day: date = parse_day(text)
        return Q(**{lookup: day})

    return condition


def _changed_since(resource: Resource) -> Callable[[str], Q]:
    def condition(text: str) -> Q:
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError("It is no moment with a zone.")
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            raise ValueError("It lies outside the calendar.") from None
        return _since(resource, moment)

    return condition


def _since(resource: Resource, moment: datetime) -> Q:
    if resource.model is Account:
        return Q(updated_at__gte=moment)
    # A run that began earlier may have committed its last rows since.
    runs = ImportRun.objects.filter(Q(finished_at__gte=moment) | Q(finished_at=None))
    changed = ImportChange.objects.filter(
        table=resource.model._meta.model_name, import_run__in=runs
    )
    return Q(import_run__in=runs) | Q(pk__in=changed.values("row_id"))
